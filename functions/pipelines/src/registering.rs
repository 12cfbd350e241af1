//! `PUT` and `GET /v1/pipelines/{name}`, and `GET /v1/pipelines`.

use std::collections::BTreeMap;

use filas_domain::PipelineRef;
use filas_domain::limits::{PAGE, PAGE_MAX, PIPELINE_BYTES};
use filas_domain::own_pipeline::{OwnPipeline, PipelineRegister};
use filas_domain::ports::{Clock, ObjectReader, ObjectWriter};
use filas_domain::problem::Problem;
use filas_domain::view::{Page, PipelineView};
use filas_http::{Answer, Call, Refusal};
use filas_pipeline::{Pipeline, catalogue, parse, shipped};
use tracing::info;

use crate::handler::{PipelineCalls, unusable};

impl<R, O, C> PipelineCalls<R, O, C>
where
    R: PipelineRegister,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Makes the text in the body the present version of this name. Tasks that began with another keep it.
    pub(crate) async fn put(&self, call: &Call, name: &str) -> Result<Answer, Refusal> {
        let yaml = text_of(call.body())?;
        let spec = parse(yaml).map_err(|error| unusable(&error))?;
        if spec.name != name {
            let detail = format!("The file is of the pipeline '{}'; send it to /v1/pipelines/{0}.", spec.name);
            return Err(Problem::unprocessable("another-name", "The file is of another pipeline", detail).into());
        }
        // All that cannot work is said now, and not at row 70,000.
        let services = self.services.for_owner(call.owner.clone());
        Pipeline::compile_with(&spec, &self.variables, &services).map_err(|error| unusable(&error))?;
        let pipeline = PipelineRef { name: spec.name, version: Pipeline::version(yaml) };
        let before = self.register.pipeline(&call.owner, name).await?;
        if let Some(same) = before.as_ref().filter(|before| before.pipeline == pipeline) {
            return Ok(Answer::json(200, &PipelineView::own(same)));
        }
        // The text first: whoever finds the version named finds its text.
        catalogue::keep(&self.objects, &call.owner, &pipeline, yaml).await?;
        let own = OwnPipeline { pipeline, description: spec.description, changed: self.clock.now() };
        self.register.set_pipeline(&call.owner, &own).await?;
        info!(owner = %call.owner, pipeline = name, version = own.pipeline.version, "a pipeline has a new version");
        Ok(Answer::json(if before.is_none() { 201 } else { 200 }, &PipelineView::own(&own)))
    }

    /// The present version, or the one that is asked for: as JSON with its text, or as the text.
    pub(crate) async fn show(&self, call: &Call, name: &str) -> Result<Answer, Refusal> {
        let pipeline = self.asked(call, name).await?;
        let yaml = self.text(call, &pipeline).await?;
        if call.header("accept").is_some_and(|accepted| accepted.contains("yaml")) {
            return Ok(Answer::text(200, "application/yaml", yaml));
        }
        let own = self.register.pipeline(&call.owner, name).await?;
        let view = match own.filter(|own| own.pipeline == pipeline) {
            Some(own) => PipelineView::own(&own),
            None => {
                let is_shipped = catalogue::shipped(name).as_ref() == Some(&pipeline);
                let description = parse(&yaml).ok().and_then(|spec| spec.description);
                PipelineView { description, is_shipped, ..PipelineView::of(&pipeline) }
            }
        };
        Ok(Answer::json(200, &PipelineView { yaml: Some(yaml), ..view }))
    }

    /// The caller's pipelines and those that come with Filas, by name. An own one takes the place of a shipped one.
    pub(crate) async fn list(&self, call: &Call) -> Result<Answer, Refusal> {
        let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
        let after = call.query("cursor");
        if after.as_deref().is_some_and(|name| !PipelineRef::is_name(name)) {
            return Err(Problem::unknown_cursor().into());
        }
        let shipped = shipped::all().iter().filter(|shipped| after.as_deref().is_none_or(|after| shipped.name > after));
        let mut views: BTreeMap<String, PipelineView> = shipped
            .filter_map(|shipped| {
                let description = parse(shipped.yaml).ok().and_then(|spec| spec.description);
                let view = PipelineView::of(&catalogue::shipped(shipped.name)?);
                Some((shipped.name.to_owned(), PipelineView { description, is_shipped: true, ..view }))
            })
            .collect();
        // One more than asked for tells whether there is another page.
        let own = self.register.pipelines(&call.owner, after.as_deref(), limit + 1).await?;
        views.extend(own.iter().map(|own| (own.pipeline.name.clone(), PipelineView::own(own))));
        let mut items: Vec<PipelineView> = views.into_values().collect();
        let is_last = items.len() <= limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| !is_last).map(|view| view.name.clone());
        Ok(Answer::json(200, &Page { items, next_cursor }))
    }
}

fn text_of(body: &[u8]) -> Result<&str, Problem> {
    if body.len() > PIPELINE_BYTES {
        return Err(Problem::too_large(format!("A pipeline has at most {PIPELINE_BYTES} bytes.")));
    }
    std::str::from_utf8(body).map_err(|_| Problem::bad_request("The body is the pipeline's file: YAML in UTF-8."))
}
