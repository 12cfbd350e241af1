//! `sam` as a program.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::backend::status_of;
use crate::cloud::{Process, architecture};

/// How long `sam local start-api` may take until it answers; 5 s are usual.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to remove its containers.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How `sam local` is called.
#[derive(Debug)]
pub(super) struct Sam {
    /// The program of the Python environment.
    pub program: PathBuf,
    /// The root of the repository.
    pub root: PathBuf,
    /// The template, from the root.
    pub template: String,
    /// The image that functions run in.
    pub image: String,
    /// The functions' environments.
    pub environment: PathBuf,
    /// What the functions and `sam` say.
    pub log: PathBuf,
}

impl Sam {
    /// Invokes a function once and gives its answer.
    pub fn invoke(&self, function: &str, event: &Path) -> Result<Value> {
        let output = self
            .local("invoke")?
            .arg(function)
            .arg("--event")
            .arg(event)
            .stderr(Stdio::piped())
            .output()
            .context("cannot run sam")?;
        let said = String::from_utf8_lossy(&output.stderr);
        self.log_file()?.write_all(said.as_bytes()).context("cannot write the log")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("sam local invoke {function} failed ({}):\n{said}{text}", output.status);
        }
        let answer: Value = serde_json::from_str(text.trim())
            .with_context(|| format!("{function} answered {text:?}, which is no JSON:\n{said}"))?;
        match answer.get("errorMessage") {
            Some(error) => bail!("{function} failed: {error}\n{said}"),
            None => Ok(answer),
        }
    }

    /// `sam local WHAT` with what all of them need.
    fn local(&self, what: &str) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.root)
            .args(["local", what, "--template", &self.template, "--skip-pull-image", "--invoke-image", &self.image])
            .args(["--parameter-overrides", &format!("Architecture={}", architecture()?)])
            .arg("--env-vars")
            .arg(&self.environment)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            // For the functions; sam itself has nobody to ask.
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null());
        Ok(command)
    }

    fn log_file(&self) -> Result<File> {
        let log = File::options().create(true).append(true).open(&self.log);
        log.with_context(|| format!("cannot open {}", self.log.display()))
    }
}

/// `sam local start-api` while it runs.
pub(super) struct Served {
    /// Where the API is, without `/v1`.
    pub url: String,
    child: Child,
    process: Process,
}

impl Served {
    /// Starts it on a free port and waits until the API answers.
    pub fn start(sam: &Sam, port: u16) -> Result<Self> {
        let log = sam.log_file()?;
        let mut child = sam
            .local("start-api")?
            .args(["--port", &port.to_string(), "--warm-containers", "LAZY"])
            .stdout(log.try_clone().context("cannot share the log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("cannot run sam")?;
        let pid = i32::try_from(child.id()).context("a process number that does not fit")?;
        let url = format!("http://127.0.0.1:{port}");
        let process = Process::running(pid).context("sam local start-api ended at once")?;
        let begun = Instant::now();
        // A path that leads nowhere is answered by sam itself.
        while status_of("GET", &url, None).is_err() {
            if let Some(status) = child.try_wait().context("cannot look at sam")? {
                bail!("sam local start-api ended ({status}); see {}", sam.log.display());
            }
            if begun.elapsed() > START_LIMIT {
                process.stop(STOP_LIMIT)?;
                bail!("sam local start-api does not answer at {url}; see {}", sam.log.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Self { url, child, process })
    }

    /// Stops it. Its containers go with it, or with the image.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.process.stop(STOP_LIMIT)?;
        self.child.wait().context("cannot wait for sam").map(drop)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // After an error. What cannot be stopped here can be seen with `docker ps`.
        let _ = self.end();
    }
}
