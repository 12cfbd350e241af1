//! One trace from the call that brings a file to the partner that gets its rows, and lines in the log that say what they
//! belong to. On the stack `chaos`, which may call the tests' receiver: it is the partner here, and the webhook.
#![cfg(feature = "cloud")]

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_domain::task::TaskState;
use filas_domain::trace::TraceParent;
use filas_domain::view::TaskView;
use filas_e2e::logs::logged;
use filas_e2e::subscriber::put_secret;
use filas_e2e::{PATIENCE, Stack};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A line of a log. A member that comes twice is an error: programs disagree about what such a line says.
#[derive(Debug)]
struct Line(BTreeMap<String, Value>);

impl Line {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_of(&self, target: &str, message: &str) -> bool {
        self.text("target").starts_with(target) && self.text("message") == message
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Line;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("the member {name} comes twice")));
                    }
                }
                Ok(Line(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The lines that the functions of the stack logged so far, without their metrics and what Lambda itself says.
fn lines(stack: &Stack) -> Result<Vec<Line>> {
    let said = logged(stack)?;
    let ours = said.iter().filter(|line| line.starts_with('{') && !line.contains("\"_aws\""));
    ours.map(|line| serde_json::from_str(line).with_context(|| line.clone())).collect()
}

/// Asks again until it is so.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        ensure!(begun.elapsed() < PATIENCE, "in {PATIENCE:?} not {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_trace_goes_from_the_caller_to_the_partner_and_the_webhook_and_is_in_the_log() -> Result<()> {
    let stack = Stack::chaos()?;
    let [delivered, told] = ["delivered", "told"].map(|what| format!("/ok/traces-{what}-{}", std::process::id()));
    let receiver = &stack.receiver;
    put_secret(&stack, "local", "hook", SECRET)?;
    let yaml = format!(
        "name: traced\ndeliver: {{ http: {{ post: '{receiver}{delivered}' }} }}\n\
         webhook: {{ url: '{receiver}{told}', sign: secret:hook, events: [filas.task.completed] }}\n"
    );
    stack.client().put_pipeline("traced", &yaml)?;
    let cause = TraceParent::begun_by(&format!("traces {}", std::process::id()));
    let task: TaskView = ureq::post(format!("{}/v1/tasks?pipeline=traced&batch_size=2", stack.url))
        .header("authorization", format!("Bearer {}", stack.key))
        .header("content-type", "text/csv")
        .header("traceparent", cause.to_string())
        .send("n\n1\n2\n3\n")?
        .into_body()
        .read_json()?;
    let task = stack.wait(task.id)?;
    ensure!(task.state == TaskState::Completed, "{task:?}");

    // What others are sent: each request is a piece of work of its own in the caller's trace.
    let mut spans = Vec::new();
    for (path, count) in [(&delivered, 3), (&told, 1)] {
        let came = eventually("told", || Ok(Some(stack.received(path)?).filter(|came| came.len() >= count)))?;
        for request in came {
            let header: TraceParent = request.header("traceparent").parse()?;
            ensure!(header.trace_id() == cause.trace_id(), "{header} is not of {cause}");
            spans.push(header.span_id());
        }
    }
    let count = spans.len();
    spans.sort();
    spans.dedup();
    ensure!(spans.len() == count, "{spans:?}");

    // The log: from the caller to the call, the reading of the file and the batches, each as the cause of the next.
    let id = task.id.to_string();
    let of_trace = |line: &Line| line.text("trace_id") == cause.trace_id();
    let said = eventually("logged", || {
        let said: Vec<Line> = lines(&stack)?.into_iter().filter(of_trace).collect();
        let has = |target, message| said.iter().any(|line| line.is_of(target, message));
        let is_whole = has("webhook", "a webhook is told") && has("report", "the files of a task are asked for");
        let counted = said.iter().filter(|line| line.is_of("processor", "a batch is counted")).count();
        Ok(Some(said).filter(|_| is_whole && counted >= 2))
    })?;
    let find = |target, message| said.iter().find(|line| line.is_of(target, message)).context(message);
    let registered = find("upload", "a task is registered")?;
    let split = find("split", "the file is split")?;
    ensure!(
        !registered.text("request_id").is_empty() && split.text("parent_id") == registered.text("span_id"),
        "{said:#?}"
    );
    let mut batches = Vec::new();
    for line in said.iter().filter(|line| line.is_of("processor", "a batch is counted")) {
        ensure!(line.text("parent_id") == split.text("span_id"), "{line:?} was not caused by {split:?}");
        ensure!(line.0["attempt"] == 1 && line.text("state") == "done", "{line:?}");
        batches.push(line.text("batch"));
    }
    batches.sort();
    assert_eq!(batches, ["0", "1"]);
    for line in said.iter().filter(|line| !line.is_of("filas_http", "request answered")) {
        ensure!(line.text("task") == id, "{line:?} does not say which task");
    }
    // Every line of every function, whatever it says, names its invocation, and nothing twice.
    for line in lines(&stack)? {
        ensure!(["requestId", "level", "message"].iter().all(|name| !line.text(name).is_empty()), "{line:?}");
    }
    Ok(())
}
