//! The local cloud: an emulator on this machine with the template deployed into it.
//!
//! Each instance has a folder `.filas/<instance>/`: `emulator.json` from the moment the process exists, `cloud.json` once
//! everything stands, `ministack.log`, the API key, and the state if it is to be kept.

mod emulator;
mod place;
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build;
use crate::deploy::Deployed;
use crate::progress::{say, step};
use crate::python::{self, Requirements};
use crate::workspace::{Lock, Workspace};

pub use emulator::Emulator;
pub use place::Place;
pub use process::Process;

/// The owner that the key of a local cloud, or of a test, belongs to.
pub(crate) const OWNER: &str = "local";

/// What kind of local cloud is wanted.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Name of the instance and of its folder below `.filas`.
    pub instance: String,
    /// Where to listen; `None` takes 4566 or else a free port.
    pub port: Option<u16>,
    /// Whether what the cloud holds survives a stop.
    pub keep_state: bool,
    /// Stop what runs and forget what was kept.
    pub fresh: bool,
    /// Build the functions; otherwise those that were built last are deployed.
    pub build: bool,
    /// Name of the stack.
    pub stack: String,
    /// Parameters of the template on top of the owner's key and the processor of this machine.
    pub parameters: BTreeMap<String, String>,
}

impl UpOptions {
    /// An instance of this name with everything as usual.
    pub fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            port: None,
            keep_state: false,
            fresh: false,
            build: true,
            stack: "filas".to_owned(),
            parameters: BTreeMap::new(),
        }
    }
}

/// A local cloud that stands, as remembered in `cloud.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cloud {
    /// Name of the instance.
    pub instance: String,
    /// The emulator and the key.
    #[serde(flatten)]
    pub access: Access,
    /// The stack that `up` deployed.
    #[serde(flatten)]
    pub deployed: Deployed,
}

/// An emulator and the key that its stacks are opened with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    /// The emulator's address and process.
    #[serde(flatten)]
    pub emulator: Emulator,
    /// The region that everything is in.
    pub region: String,
    /// The owner whose key this is.
    pub owner: String,
    /// The owner's API key.
    pub api_key: String,
}

impl Cloud {
    /// Brings the cloud up: Python environment, build, emulator, deployment. A healthy one that runs already is used
    /// again and gets the code as it is now; what is left of a broken one is removed first.
    ///
    /// # Errors
    /// When a step fails; the message says which and what to do.
    pub fn up(workspace: &Workspace, options: &UpOptions) -> Result<Self> {
        let python = python::environment(workspace, Requirements::Cloud)?;
        if options.build {
            build::build(workspace)?;
        }
        let folder = workspace.instance(&options.instance);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let region = region();
        let emulator = {
            // One at a time: two would both find no emulator and start one each.
            let _lock = workspace.lock(Lock::Made)?;
            if options.fresh {
                forget_all(&folder)?;
            }
            running_or_started(&python, &folder, &region, options)?
        };
        let api_key = api_key(&folder)?;
        let access = Access { emulator, region, owner: OWNER.to_owned(), api_key };
        let deployed = access.place().deploy_stack(workspace, &options.stack, &options.parameters)?;
        let cloud = Self { instance: options.instance.clone(), access, deployed };
        emulator::write_private(&folder.join("cloud.json"), &cloud)?;
        Ok(cloud)
    }

    /// The instance, if it is up and well.
    ///
    /// # Errors
    /// When it is not, with what to do.
    pub fn running(workspace: &Workspace, instance: &str) -> Result<Self> {
        let path = workspace.instance(instance).join("cloud.json");
        let text = fs::read_to_string(&path).with_context(|| {
            format!("no local cloud {instance:?} is up: run `cargo xtask up` (there is no {})", path.display())
        })?;
        let cloud: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is broken: run `cargo xtask up` to make it anew", path.display()))?;
        if !cloud.access.emulator.is_well() {
            bail!(
                "the local cloud {instance:?} was at {} and does not answer: run `cargo xtask up`",
                cloud.access.emulator.endpoint
            );
        }
        Ok(cloud)
    }

    /// Deploys the template once more into the same emulator, as another stack or with other parameters.
    ///
    /// # Errors
    /// When the deployment fails.
    pub fn deploy_stack(
        &self,
        workspace: &Workspace,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Deployed> {
        self.access.place().deploy_stack(workspace, stack, parameters)
    }

    /// What a program needs in its environment to call this cloud's services by an AWS SDK.
    pub fn environment(&self) -> [(&'static str, String); 7] {
        self.access.place().environment()
    }

    /// What the emulator and the functions in it say.
    pub fn log(&self, workspace: &Workspace) -> std::path::PathBuf {
        workspace.instance(&self.instance).join("ministack.log")
    }

    /// Address of every service of this cloud.
    pub fn endpoint(&self) -> &str {
        &self.access.emulator.endpoint
    }

    /// Stops the emulator in order and starts it again where it was, with the state that it kept: the stacks are there
    /// as before.
    ///
    /// # Errors
    /// When it keeps no state, or does not stop or start.
    pub fn restart(&mut self, workspace: &Workspace) -> Result<()> {
        let python = python::environment(workspace, Requirements::Cloud)?;
        let _lock = workspace.lock(Lock::Made)?;
        let folder = workspace.instance(&self.instance);
        self.access.emulator = self.access.emulator.restart(&python, &folder, &self.access.region)?;
        emulator::write_private(&folder.join("cloud.json"), &self)
    }

    /// Stops this cloud and everything that it started.
    ///
    /// # Errors
    /// See [`down`].
    pub fn down(&self, workspace: &Workspace) -> Result<()> {
        down(workspace, &self.instance).map(|_| ())
    }
}

impl Access {
    /// Where its stacks are deployed to.
    pub fn place(&self) -> Place {
        Place {
            endpoint: self.emulator.endpoint.clone(),
            region: self.region.clone(),
            owner: self.owner.clone(),
            api_key: self.api_key.clone(),
        }
    }
}

/// Stops an instance and everything that it started, also one that is only half there. `false` when there was none.
///
/// # Errors
/// When the process cannot be stopped or a file cannot be removed.
pub fn down(workspace: &Workspace, instance: &str) -> Result<bool> {
    let _lock = workspace.lock(Lock::Made)?;
    let folder = workspace.instance(instance);
    let Some(emulator) = Emulator::remembered(&folder)? else {
        emulator::forget(&folder.join("emulator.json"))?;
        emulator::forget(&folder.join("cloud.json"))?;
        return Ok(false);
    };
    let was_alive = emulator.process.is_alive();
    emulator.stop(&folder)?;
    Ok(was_alive)
}

/// A port that nobody listens on, so that tests leave 4566 to a cloud that a person brings up meanwhile.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    emulator::any_free_port()
}

/// The emulator that runs already, if it is well and as wanted, or a new one.
fn running_or_started(python: &Path, folder: &Path, region: &str, options: &UpOptions) -> Result<Emulator> {
    if let Some(known) = Emulator::remembered(folder)? {
        if known.is_well() {
            if options.port.is_some_and(|port| port != known.port) || (options.keep_state && !known.keep_state) {
                let state = if known.keep_state { "keeping its state" } else { "without keeping its state" };
                bail!(
                    "the local cloud {:?} runs already, on port {} and {state}: run `cargo xtask down` first, or `up` \
                     without other wishes",
                    options.instance,
                    known.port
                );
            }
            say(&format!("the local cloud runs already at {}", known.endpoint));
            return Ok(known);
        }
        if known.process.is_alive() {
            say(&format!(
                "process {} was started as the local cloud and does not answer: stopping it",
                known.process.pid
            ));
        } else {
            say("the local cloud was not stopped in order; what it left is removed");
        }
        known.stop(folder)?;
    }
    step("starting the local cloud", || {
        let keep_state = options.keep_state;
        let start = emulator::Start { python, folder, region, port: options.port, keep_state, keep_log: false };
        Emulator::start(&start)
    })
}

/// Stops what runs in the folder and removes everything there.
fn forget_all(folder: &Path) -> Result<()> {
    if let Some(known) = Emulator::remembered(folder)? {
        known.stop(folder)?;
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// The instance's API key: made once, so that it still opens a kept state.
fn api_key(folder: &Path) -> Result<String> {
    let path: PathBuf = folder.join("api-key");
    if let Ok(key) = fs::read_to_string(&path) {
        let key = key.trim();
        if !key.is_empty() {
            return Ok(key.to_owned());
        }
    }
    let mut random = [0_u8; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("no random numbers")?;
    let key = format!("filas_{}", python::hex(&random));
    emulator::write_private_text(&path, &format!("{key}\n"))?;
    Ok(key)
}

/// What the stack knows of a key: the lower-case hexadecimal SHA-256 of its text.
fn key_hash(key: &str) -> String {
    python::hex(&Sha256::digest(key.as_bytes()))
}

/// The region that the environment names, or the usual one.
pub(crate) fn region() -> String {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// The partners that stand on this machine, as the template's `OutboundAllow` takes them: pipelines talk to nothing that
/// is not public unless it is named.
fn places_on_this_machine(parameters: &BTreeMap<String, String>) -> String {
    let partners = ["PartnerUrl", "CatalogUrl"].into_iter().filter_map(|name| parameters.get(name));
    let places = partners.filter_map(|url| url.strip_prefix("http://")?.split('/').next());
    let mut places: Vec<&str> = places.filter(|place| place.contains(':')).collect();
    places.dedup();
    places.join(",")
}

/// This machine's processor in Lambda's words: the functions are built for it.
///
/// # Errors
/// When Lambda has no such processor.
pub fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "aarch64" => Ok("arm64"),
        "x86_64" => Ok("x86_64"),
        other => bail!("Lambda has no functions for {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_hashed_as_the_functions_expect() {
        let folder = tempfile::tempdir().unwrap();
        let key = api_key(folder.path()).unwrap();
        assert_eq!(api_key(folder.path()).unwrap(), key);
        assert_ne!(api_key(tempfile::tempdir().unwrap().path()).unwrap(), key);
        assert_eq!(key_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_cloud_is_read_back_as_it_was_written() {
        let process = Process::running(i32::try_from(std::process::id()).unwrap()).unwrap();
        let emulator = Emulator { endpoint: "http://127.0.0.1:1".into(), port: 1, process, keep_state: false };
        let access = Access { emulator, region: "us-east-1".into(), owner: OWNER.into(), api_key: "filas_1".into() };
        let address = "there".to_owned();
        let deployed = Deployed {
            stack: "filas".into(),
            api_url: address.clone(),
            bucket: address.clone(),
            table: address.clone(),
            ingest_queue_url: address.clone(),
            ingest_dlq_url: address.clone(),
            batch_queue_url: address.clone(),
            batch_dlq_url: address.clone(),
            topic_arn: address,
        };
        let cloud = Cloud { instance: "local".into(), access, deployed };
        let text = serde_json::to_string(&cloud).unwrap();
        let back: Cloud = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        for field in ["endpoint", "port", "pid", "started", "api_url", "owner", "api_key", "bucket", "table", "stack"] {
            assert!(text.contains(&format!("\"{field}\":")), "{field} is missing in {text}");
        }
    }
}
