//! The events of `events/`: one for each function, as it receives it, and more for those that are invoked in several ways.
//! They were taken from a run: `events/orders.csv` on its way, with the ids that it had then.

use anyhow::{Context, Result, bail, ensure};
use filas_domain::clock::Timestamp;
use serde_json::Value;

/// Where the events are, from the root.
pub const FOLDER: &str = "events";
/// The key that the calls of the API have.
pub const KEY: &str = "the-key-of-the-events";

/// One invocation of the way.
#[derive(Debug)]
pub struct Step {
    /// The name of the event's file, without its extension. It begins with the function's.
    pub event: &'static str,
    /// What has to be answered.
    expected: Expected,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    /// No message is to come again.
    Settled,
    /// An answer of the API, or of the gateway of the WebSocket API.
    Status(u64),
    /// The task has ended, with two rows that went through and a bad one.
    Ended,
    /// What the sweeper did.
    Report,
}

const fn step(event: &'static str, expected: Expected) -> Step {
    Step { event, expected }
}

/// The way of a file, from its upload to who hears of it, and then the rest.
pub const STEPS: [Step; 16] = [
    step("upload", Expected::Status(202)),
    step("split", Expected::Settled),
    step("processor", Expected::Settled),
    step("status", Expected::Ended),
    step("report.stream", Expected::Settled),
    step("report", Expected::Settled),
    step("notify", Expected::Settled),
    step("webhook", Expected::Settled),
    step("live.queue", Expected::Settled),
    step("live.tickets", Expected::Status(201)),
    step("live", Expected::Status(200)),
    step("dead-letter", Expected::Settled),
    step("sweeper", Expected::Report),
    step("pipelines", Expected::Status(200)),
    step("keys", Expected::Status(200)),
    step("web", Expected::Status(200)),
];

impl Step {
    /// The function, as its folder is called.
    pub fn function(&self) -> &'static str {
        self.event.split('.').next().unwrap_or(self.event)
    }

    /// The function, as the template calls it.
    pub fn logical_id(&self) -> String {
        logical_id(self.function())
    }

    /// Checks an answer, and says what is in it.
    ///
    /// # Errors
    /// When it is another one than expected.
    pub fn check(&self, answer: &Value) -> Result<String> {
        match self.expected {
            Expected::Settled => {
                let again = answer["batchItemFailures"].as_array().context("it says nothing of messages")?;
                ensure!(again.is_empty(), "{} messages are to come again", again.len());
                Ok("nothing is to come again".to_owned())
            }
            Expected::Status(status) => {
                ensure!(answer["statusCode"] == status, "the status is not {status}");
                Ok(format!("{status}"))
            }
            Expected::Ended => {
                ensure!(answer["statusCode"] == 200, "the status is not 200");
                let task = body(answer)?;
                let told = (&task["state"], &task["succeeded"], &task["failed"]);
                ensure!(told.0 == "completed_with_failures" && told.1 == 2 && told.2 == 1, "the task is {told:?}");
                Ok("200: 2 rows succeeded, 1 failed".to_owned())
            }
            Expected::Report => {
                ensure!(answer.is_object(), "it is no report");
                Ok(answer.to_string())
            }
        }
    }
}

/// What is in the files, and what stands for it in this run.
#[derive(Debug, Default)]
pub struct Samples {
    replaced: Vec<(&'static str, String)>,
}

impl Samples {
    /// The task.
    pub const TASK: &'static str = "01a20439-fbfd-7d38-a74a-98c9c1a0864e";
    /// The version of its pipeline, which changes with the pipeline's text.
    pub const VERSION: &'static str = "36f0740aa614";
    /// When it ended, in milliseconds since 1970.
    pub const FINISHED: &'static str = "1795367291079";
    /// What lets a WebSocket in, once.
    pub const TICKET: &'static str = "4d401f7904c6ffe94c8c28f740dd68a718f62d461f6d2954";

    /// The text of an event for this run.
    pub fn put_into(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (sample, real)| text.replace(sample, real))
    }

    /// Takes from an answer what later events need.
    ///
    /// # Errors
    /// When it is not there.
    pub fn learn(&mut self, step: &Step, answer: &Value) -> Result<()> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("something is missing in an answer");
        match step.event {
            "upload" => {
                let task = body(answer)?;
                self.replaced.push((Self::TASK, text(&task["id"])?));
                self.replaced.push((Self::VERSION, text(&task["pipeline"]["version"])?));
            }
            "status" => {
                let finished = text(&body(answer)?["finished"])?;
                let finished = Timestamp::parse_rfc3339(&finished).context("no moment at which the task ended")?;
                self.replaced.push((Self::FINISHED, finished.as_millis().to_string()));
            }
            "live.tickets" => self.replaced.push((Self::TICKET, text(&body(answer)?["ticket"])?)),
            _ => {}
        }
        Ok(())
    }
}

/// The body of an answer of the API.
fn body(answer: &Value) -> Result<Value> {
    let Some(text) = answer["body"].as_str() else { bail!("it has no body") };
    serde_json::from_str(text).context("the body is no JSON")
}

/// `dead-letter` is `DeadLetter` in the template.
pub fn logical_id(function: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    function.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests;
