//! Which call it is.

use filas_domain::own_pipeline::PipelineRegister;
use filas_domain::ports::{Clock, ObjectReader, ObjectWriter};
use filas_domain::problem::Problem;
use filas_domain::{PipelineRef, error_chain};
use filas_http::{Answer, Call, Refusal};
use filas_pipeline::{PipelineError, Services, Variables, catalogue, schema};
use lambda_http::http::Method;

/// The calls about pipelines, and their ports.
pub struct PipelineCalls<R, O, C> {
    /// Which version of an owner's pipeline is the present one.
    pub register: R,
    /// Where the texts are.
    pub objects: O,
    /// The time.
    pub clock: C,
    /// What the installation sets for its pipelines.
    pub variables: Variables,
    /// What a dry run needs of others.
    pub services: Services,
}

impl<R, O, C> PipelineCalls<R, O, C>
where
    R: PipelineRegister,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Answers a call.
    ///
    /// # Errors
    /// When the caller, or the cloud, is at fault.
    pub async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        match (call.method(), call.segments().as_slice()) {
            (&Method::GET, ["pipelines"]) => self.list(&call).await,
            (&Method::GET, ["pipelines", "schema.json"]) => {
                Ok(Answer::text(200, "application/schema+json", schema::JSON))
            }
            (&Method::GET, ["pipelines", name]) => self.show(&call, name).await,
            (&Method::PUT, ["pipelines", name]) => self.put(&call, name).await,
            (&Method::POST, ["pipelines", name, "check"]) => self.check(&call, name).await,
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    /// The version that the call asks for: that of its query, or the present one.
    pub(crate) async fn asked(&self, call: &Call, name: &str) -> Result<PipelineRef, Refusal> {
        if let Some(version) = call.query("version") {
            let is_one = is_version(&version) && PipelineRef::is_name(name);
            let asked = is_one.then(|| PipelineRef { name: name.to_owned(), version });
            return asked.ok_or_else(|| missing(name).into());
        }
        let current = catalogue::current(&self.register, &call.owner, name).await?;
        current.ok_or_else(|| missing(name).into())
    }

    /// The text of that version.
    pub(crate) async fn text(&self, call: &Call, pipeline: &PipelineRef) -> Result<String, Refusal> {
        let is_there = catalogue::shipped(&pipeline.name).as_ref() == Some(pipeline)
            || self.objects.size(&filas_domain::keys::ObjectKey::pipeline(&call.owner, pipeline)).await?.is_some();
        if !is_there {
            return Err(missing(&pipeline.name).into());
        }
        Ok(catalogue::text(&self.objects, &call.owner, pipeline).await?)
    }
}

/// Versions are digits of a digest; nothing else may become part of a key in the bucket.
fn is_version(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn missing(name: &str) -> Problem {
    Problem::not_found(format!("such pipeline: '{}'", name.chars().take(64).collect::<String>()))
}

/// A pipeline that cannot be used, with line and column where they are known.
pub(crate) fn unusable(error: &PipelineError) -> Refusal {
    let detail = format!("{}.", error_chain(error));
    Problem::unprocessable("unusable-pipeline", "The pipeline cannot be used here", detail).into()
}

#[cfg(test)]
mod tests;
