//! `localstack/deploy.py` as a call.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// A stack that stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployed {
    /// Name of the stack; the functions are named `<stack>-<function>`.
    pub stack: String,
    /// Base of every path of the API, without a slash at the end.
    pub api_url: String,
    /// Bucket of uploads, rows and results.
    pub bucket: String,
    /// Table of tasks, batches and attempts.
    pub table: String,
    /// Queue of uploads to be split.
    pub ingest_queue_url: String,
    /// Where uploads go that used up their deliveries.
    pub ingest_dlq_url: String,
    /// Queue of batches to be processed.
    pub batch_queue_url: String,
    /// Where batches go that used up their deliveries.
    pub batch_dlq_url: String,
    /// Topic of the events.
    #[serde(default)]
    pub topic_arn: String,
}

impl Deployed {
    /// The address of the dashboard.
    pub fn dashboard_url(&self) -> String {
        format!("{}/app/index.html", self.api_url)
    }
}

/// What to deploy and how.
#[derive(Debug)]
pub struct Deployment<'a> {
    /// Name of the stack.
    pub stack: &'a str,
    /// The template's parameters; the rest keep their defaults.
    pub parameters: &'a BTreeMap<String, String>,
    /// Keep the values that the stack has for parameters that are not given, instead of their defaults.
    pub keep_parameters: bool,
    /// Environment of the deployment on top of our own, such as `AWS_ENDPOINT_URL`.
    pub environment: &'a [(&'a str, String)],
}

/// The script's last line.
#[derive(Deserialize)]
struct Printed {
    stack: String,
    api_url: String,
    outputs: BTreeMap<String, String>,
}

/// Deploys the template with the functions that were built last.
///
/// # Errors
/// When the script fails; it has told why on standard error.
pub fn deploy(workspace: &Workspace, python: &Path, deployment: &Deployment<'_>) -> Result<Deployed> {
    let mut script = Command::new(python);
    script.current_dir(workspace.root()).args(["localstack/deploy.py", "--stack", deployment.stack]);
    for (name, value) in deployment.parameters {
        script.arg("--parameter").arg(format!("{name}={value}"));
    }
    if deployment.keep_parameters {
        script.arg("--keep-parameters");
    }
    script.envs(deployment.environment.iter().map(|(name, value)| (name, value)));
    let output =
        script.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run localstack/deploy.py")?;
    if !output.status.success() {
        bail!("stack {} was not deployed; the reason is above", deployment.stack);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let printed: Printed = serde_json::from_str(line)
        .with_context(|| format!("localstack/deploy.py printed {line:?} instead of its result"))?;
    let output = |name: &str| {
        printed.outputs.get(name).cloned().with_context(|| format!("stack {} has no output {name}", printed.stack))
    };
    Ok(Deployed {
        bucket: output("BucketName")?,
        table: output("TableName")?,
        ingest_queue_url: output("IngestQueueUrl")?,
        ingest_dlq_url: output("IngestDeadLetterQueueUrl")?,
        batch_queue_url: output("BatchQueueUrl")?,
        batch_dlq_url: output("BatchDeadLetterQueueUrl")?,
        topic_arn: output("TopicArn")?,
        stack: printed.stack,
        api_url: printed.api_url.trim_end_matches('/').to_owned(),
    })
}

/// Deletes a stack, with what is in its bucket.
///
/// # Errors
/// When the script fails; it has told why on standard error.
pub fn delete(workspace: &Workspace, python: &Path, stack: &str, environment: &[(&str, String)]) -> Result<()> {
    let status = Command::new(python)
        .current_dir(workspace.root())
        .args(["localstack/deploy.py", "--delete", "--stack", stack])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot run localstack/deploy.py")?;
    if !status.success() {
        bail!("stack {stack} was not deleted; the reason is above");
    }
    Ok(())
}
