//! The `enrich` stages: look-ups in other APIs.
//!
//! * [`Lookup`]: a GET whose JSON answer the row goes on with
//! * `cache`: one request for all rows that ask the same at the same time, and its answer for those that ask later

mod cache;

use filas_domain::outcome::Stage as StageName;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::compute::Scope;
use crate::error::PipelineError;
use crate::outbound::{Answer, CONTENT_READ, Exchange, Headers, Limits, Partner, PartnerRequest, Trouble};
use crate::services::Setting;
use crate::spec::{EnrichSpec, Missing};
use crate::stage::{Interrupted, RowContext, RowValues, Step};
use crate::text::{LONGEST_VALUE, shortened};
use crate::url_template::UrlTemplate;
use cache::{Cache, Found};

/// The statuses that are an answer: 404 says that there is none.
const EXPECTED: [u16; 3] = [200, 203, 404];

/// A look-up that is ready to run.
#[derive(Debug)]
pub(crate) struct Lookup {
    name: String,
    partner: Partner,
    url: UrlTemplate,
    missing: Missing,
    cache: Cache,
}

impl Lookup {
    /// Checks everything that does not depend on the row. `scope` has the names of the look-ups before this one.
    pub(crate) fn compile(
        name: &str,
        spec: &EnrichSpec,
        scope: &Scope,
        setting: &Setting<'_>,
    ) -> Result<Self, PipelineError> {
        let place = format!("enrich.{name}");
        let url_place = format!("{place}.get");
        let (url, example) = UrlTemplate::compile(&spec.get, setting.variables, scope, &url_place)?;
        let json = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let headers = Headers::compile(&spec.headers, json, setting.variables, &place)?;
        let limits = Limits {
            concurrency: spec.concurrency,
            rate: spec.rate,
            timeout: spec.timeout.get(),
            retry: &spec.retry,
            expect: &EXPECTED,
        };
        let partner = Partner::compile(&example, headers, None, &limits, setting, (&place, &url_place))?;
        Ok(Self { name: name.to_owned(), partner, url, missing: spec.missing, cache: Cache::new(spec.cache.get()) })
    }

    /// Rows under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        self.partner.concurrency()
    }

    /// Looks up what the row asks for. What is not there is the row's failure, unless the pipeline goes on with null; a
    /// look-up that is down is an interruption.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let fail = |code: &str, message: &str| Step::fail(StageName::Enrich, code, format!("{}: {message}", self.name));
        let url = match self.url.fill_in(values) {
            Ok(url) => url,
            Err(misfit) => return Ok(fail("INVALID_PLACEHOLDER", &misfit.0)),
        };
        let shown = shown(&url);
        let key = url.as_str().to_owned();
        let found = self.cache.get(&key, || self.fetch(url, context)).await?;
        match &*found {
            Found::Value(value) => values.lookups.push(value.clone()),
            Found::Nothing if self.missing == Missing::Null => values.lookups.push(Value::Null),
            Found::Nothing => return Ok(fail("NOT_FOUND", &format!("there is nothing at {shown} (404)"))),
            Found::Trouble(trouble) => return Ok(fail(&trouble.code, &trouble.message)),
        }
        Ok(Step::Continue)
    }

    /// The answer, and how many bytes it takes to remember it.
    async fn fetch(&self, url: Url, context: &RowContext) -> Result<(Found, usize), Interrupted> {
        let request = PartnerRequest {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Default::default(),
            idempotency_key: None,
            read: CONTENT_READ,
        };
        match self.partner.exchange(&request, context).await? {
            Exchange::Expected(answer) => {
                let bytes = answer.body.len();
                Ok((found(&answer), bytes))
            }
            Exchange::Failed { trouble, is_transient: true } => {
                Err(Interrupted::Unavailable(format!("{}: {}: {}", self.name, trouble.code, trouble.message)))
            }
            Exchange::Failed { trouble, .. } => Ok((Found::Trouble(trouble), 0)),
        }
    }
}

fn found(answer: &Answer) -> Found {
    if answer.status == StatusCode::NOT_FOUND {
        return Found::Nothing;
    }
    let trouble = |message: String| Found::Trouble(Trouble { code: "INVALID_ANSWER".to_owned(), message });
    if !answer.is_whole {
        return trouble(format!("the answer has more than {CONTENT_READ} bytes, or broke off"));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(value) => Found::Value(value),
        // The error has the place and what was expected there, and nothing of the answer.
        Err(error) => trouble(format!("the answer is no JSON: {error}")),
    }
}

/// What was asked of the partner, for messages to the row's owner.
fn shown(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    shortened(&format!("{}{query}", url.path()), LONGEST_VALUE)
}
