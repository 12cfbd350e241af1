//! The emulator's process: where it listens, how it is started and asked whether it is well.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::progress;

/// Where the emulator listens unless the port is taken.
const USUAL_PORT: u16 = 4566;
/// How long a start may take; 0.4 to 3 s are usual, a slow disk on the first start takes longer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a running emulator may take to say that it is well.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to store its state and end.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// The same for one that answers nobody.
const STUCK_STOP_LIMIT: Duration = Duration::from_secs(3);
/// How long the port of the last time may take to become free.
const PORT_LIMIT: Duration = Duration::from_secs(2);

/// A started emulator, as remembered in `emulator.json` from the moment it exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Emulator {
    /// Address of every service.
    pub endpoint: String,
    /// The port of that address.
    pub port: u16,
    /// The process, in two fields of the file.
    #[serde(flatten)]
    pub process: Process,
    /// Whether what it holds survives a stop.
    pub keep_state: bool,
}

/// How an emulator is started.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub python: &'a Path,
    /// Folder of the instance: log, state and temporary files.
    pub folder: &'a Path,
    pub region: &'a str,
    pub port: Option<u16>,
    pub keep_state: bool,
    /// Whether the log goes on where it ended.
    pub keep_log: bool,
}

impl Emulator {
    /// The emulator that was started last in this folder, whether it still runs or not.
    pub(super) fn remembered(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("emulator.json");
        match fs::read_to_string(&path) {
            // A file cut short by a full disk or a crash tells nothing; starting anew is right.
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Whether the process runs and answers for itself.
    pub(super) fn is_well(&self) -> bool {
        let deadline = Instant::now() + ANSWER_LIMIT;
        while self.process.is_alive() {
            if answers(&self.endpoint) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// Stops it and forgets it.
    pub(super) fn stop(&self, folder: &Path) -> Result<()> {
        let patience = if answers(&self.endpoint) { STOP_LIMIT } else { STUCK_STOP_LIMIT };
        self.process.stop(patience)?;
        forget(&folder.join("emulator.json"))?;
        forget(&folder.join("cloud.json"))
    }

    /// Stops it in order and starts it again on its port, with what it held.
    pub(super) fn restart(&self, python: &Path, folder: &Path, region: &str) -> Result<Self> {
        if !self.keep_state {
            bail!("the local cloud keeps no state that a restart could find again");
        }
        self.stop(folder)?;
        if !becomes_free(self.port) {
            bail!("port {} is taken by another program since the local cloud was stopped", self.port);
        }
        let start = Start { python, folder, region, port: Some(self.port), keep_state: true, keep_log: true };
        Self::start_on(&start, self.port)
    }

    /// Starts one and waits until it is well. It goes on running when we end.
    pub(super) fn start(start: &Start<'_>) -> Result<Self> {
        let mut port = choose_port(start.port, last_port(start.folder))?;
        let mut tries = 0;
        loop {
            match Self::start_on(start, port) {
                Err(error) if start.port.is_none() && tries < 2 && listener_on(port).is_err() => {
                    // Somebody took the port between the choice and the start.
                    progress::say(&format!("{error:#}; trying another port"));
                    port = choose_port(None, None)?;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn start_on(start: &Start<'_>, port: u16) -> Result<Self> {
        let endpoint = format!("http://127.0.0.1:{port}");
        let log_path = start.folder.join("ministack.log");
        let log = File::options()
            .create(true)
            .write(true)
            .truncate(!start.keep_log)
            .append(start.keep_log)
            .open(&log_path)
            .with_context(|| format!("cannot make {}", log_path.display()))?;
        let mut child = command(start, port, &endpoint, log)?.spawn().context("cannot start the emulator")?;
        let pid = i32::try_from(child.id()).context("a process number that does not fit")?;
        let process = Process::running(pid)
            .with_context(|| format!("the emulator ended at once; its last words:\n{}", last_words(&log_path)))?;
        let emulator = Self { endpoint, port, process, keep_state: start.keep_state };
        // Before waiting: if we are interrupted now, `down` still finds it.
        write_private(&start.folder.join("emulator.json"), &emulator)?;
        write_private_text(&start.folder.join("port"), &format!("{port}\n"))?;
        if let Err(error) = emulator.wait_until_well(&mut child, &log_path) {
            emulator.stop(start.folder)?;
            return Err(error);
        }
        Ok(emulator)
    }

    fn wait_until_well(&self, child: &mut Child, log: &Path) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = child.try_wait().context("cannot look at the emulator")? {
                bail!("the emulator ended ({status}); its last words:\n{}", last_words(log));
            }
            if answers(&self.endpoint) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "the emulator does not answer at {} after {} s; its last words:\n{}",
                    self.endpoint,
                    START_LIMIT.as_secs(),
                    last_words(log)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The command, with an environment of its own: the functions inherit it, and a proxy or profile of the person at the
/// keyboard must not change what they do.
fn command(start: &Start<'_>, port: u16, endpoint: &str, log: File) -> Result<Command> {
    let scratch = start.folder.join("tmp");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
    }
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let mut command = Command::new(start.python);
    command.args(["-m", "ministack"]).current_dir(start.folder).env_clear();
    for name in ["PATH", "HOME", "LANG"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
        .env("TMPDIR", &scratch)
        .env("PYTHONUNBUFFERED", "1")
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        // Every function is held to its role, as on AWS.
        .env("AUTH", "true")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", start.region)
        .env("AWS_DEFAULT_REGION", start.region)
        // AWS sets this one from the template's LoggingConfig.
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON");
    if start.keep_state {
        command
            .env("PERSIST_STATE", "1")
            .env("S3_PERSIST", "1")
            .env("STATE_DIR", start.folder.join("state"))
            .env("S3_DATA_DIR", start.folder.join("s3"));
    }
    let also_log = log.try_clone().context("cannot share the log file")?;
    // A group of its own: Ctrl-C in the terminal is for us, and the group is what is stopped in the end.
    command.stdin(Stdio::null()).stdout(log).stderr(also_log).process_group(0);
    Ok(command)
}

/// The port that this instance had the last time: what a kept state or a person remembers of addresses stays true.
fn last_port(folder: &Path) -> Option<u16> {
    fs::read_to_string(folder.join("port")).ok()?.trim().parse().ok()
}

/// The wanted port, or the last one, or the usual one, or any free one.
fn choose_port(wanted: Option<u16>, last: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted {
        listener_on(port).map_err(|error| {
            let who =
                if answers(&format!("http://127.0.0.1:{port}")) { "another local cloud" } else { "another program" };
            anyhow::anyhow!("port {port} is taken by {who} ({error}); leave --port out to get a free one")
        })?;
        return Ok(port);
    }
    if let Some(port) = last.filter(|port| becomes_free(*port)) {
        return Ok(port);
    }
    if listener_on(USUAL_PORT).is_ok() {
        return Ok(USUAL_PORT);
    }
    any_free_port()
}

/// A port that nobody listens on.
pub(super) fn any_free_port() -> Result<u16> {
    let listener = listener_on(0).context("no port is free")?;
    Ok(listener.local_addr().context("cannot tell the port")?.port())
}

/// Whether the port is free, or is within moments: the system closes the sockets of a killed process a little later.
fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + PORT_LIMIT;
    while listener_on(port).is_err() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

fn listener_on(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// Whether something that calls itself healthy listens there.
fn answers(endpoint: &str) -> bool {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).proxy(None).build().into();
    agent.get(format!("{endpoint}/_ministack/health")).call().is_ok()
}

/// The end of the log.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(12)..].join("\n");
    let hint = if tail.contains("No module named") { "\n(remove .filas/venv and try again)" } else { "" };
    format!("{tail}{hint}\n({})", log.display())
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write_private(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    write_private_text(path, &text)
}

/// See [`write_private`].
pub(super) fn write_private_text(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    forget(&fresh)?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Removes a file that may not be there.
pub(super) fn forget(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let listener = listener_on(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose_port(Some(port), None).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is taken by another program")), "{error}");
        assert_ne!(choose_port(None, None).unwrap(), port);
    }

    #[test]
    fn a_record_cut_short_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Emulator::remembered(folder.path()).unwrap().is_none());
        fs::write(folder.path().join("emulator.json"), "{\"endpoint\": \"ht").unwrap();
        assert!(Emulator::remembered(folder.path()).unwrap().is_none());
    }

    #[test]
    fn private_files_are_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        for text in ["one", "two"] {
            write_private_text(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
                0o600
            );
        }
    }
}
