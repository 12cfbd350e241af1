//! `cargo xtask test`: every test, with what they need: a local cloud of their own, three stacks in it, and partners. With
//! `AWS_ENDPOINT_URL` set, the stacks are deployed there instead, and deleted in the end.
//!
//! * [`ground`]: where the stacks stand, and which tests cannot be had there
//! * [`programs`]: the test programs, and how they are run side by side
//!
//! The stack `main` is as a person would deploy it. The stack `chaos` gives up quickly, so that a test that kills workers
//! need not wait for minutes. The stack `strict` lets an owner do little, and takes the tokens of an issuer that runs here.
//! The tests find them by the variables that are set here.

mod ground;
mod programs;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use filas_testkit::issuer::{AUDIENCE, IssuerServer, SigningKey};
use filas_testkit::partner::{PartnerServer, PartnerSettings};
use filas_testkit::receiver::{self, Receiver};
use serde_json::json;

use crate::browser;
use crate::build;
use crate::cloud::{self, Cloud, Place, UpOptions};
use crate::deploy::Deployed;
use crate::progress::{say, step};
use crate::python::{self, Requirements};
use crate::workspace::Workspace;
use ground::Ground;
use programs::{Program, Runner};

/// The key of a second owner, to whom nothing of the first one is visible.
const OTHER_KEY: &str = "the-key-of-another-owner";

/// What an owner may do in a minute in the stack `strict`.
const REQUESTS_PER_MINUTE: u32 = 60;

/// The program that compares our reader with those of another language, when it is asked to.
const COMPARISON: &str = "filas-sheets::differential";

/// The tasks that an owner may have open there.
const OPEN_TASKS: u32 = 2;

/// Runs every test: at the endpoint that `AWS_ENDPOINT_URL` names, or on a local cloud of its own. `filter` is handed to
/// the test programs: names to run, `--nocapture`, ….
///
/// # Errors
/// When the local cloud does not come up, a stack does not stand, or a test fails.
pub fn test(workspace: &Workspace, filter: &[String]) -> Result<()> {
    match Ground::elsewhere() {
        Some(ground) => test_elsewhere(workspace, &ground, filter),
        None => test_here(workspace, filter),
    }
}

fn test_here(workspace: &Workspace, filter: &[String]) -> Result<()> {
    let programs = build_tests(workspace)?;
    let partners = Partners::start()?;
    let instance = format!("test-{}", std::process::id());
    let mut options = UpOptions::new(&instance);
    options.port = Some(cloud::free_port()?);
    options.fresh = true;
    for name in ["PartnerUrl", "CatalogUrl"] {
        options.parameters.insert(name.to_owned(), partners.main.url());
    }
    let cloud = Cloud::up(workspace, &options)?;
    let tested = test_on(workspace, &Ground::of(&cloud, workspace), &partners, &programs, filter);
    let stopped = cloud::down(workspace, &instance);
    if tested.is_ok() {
        // After a failure the logs stay to be read.
        std::fs::remove_dir_all(workspace.instance(&instance)).context("cannot remove the test's local cloud")?;
    } else {
        say(&format!("the logs of the local cloud: {}", workspace.instance(&instance).display()));
    }
    tested.and(stopped.map(drop))
}

/// The same on an endpoint that somebody else runs: the stacks go when the tests are over, whatever came out.
fn test_elsewhere(workspace: &Workspace, ground: &Ground, filter: &[String]) -> Result<()> {
    let programs = build_tests(workspace)?;
    let partners = Partners::start()?;
    build::build(workspace)?;
    ground.say_what_is_left_out();
    let tested = test_on(workspace, ground, &partners, &programs, filter);
    // Every one, also when one of them does not go.
    let deleted: Vec<Result<()>> =
        ground.stacks.iter().map(|stack| ground.place.delete_stack(workspace, stack)).collect();
    ground.say_what_is_left_out();
    tested.and(deleted.into_iter().collect())
}

/// Whom the stacks talk to.
struct Partners {
    main: PartnerServer,
    chaos: PartnerServer,
    issuer: IssuerServer,
    receiver: Receiver,
}

impl Partners {
    fn start() -> Result<Self> {
        let address = SocketAddr::new(ground::host()?, 0);
        let partner =
            |settings| PartnerServer::start_with(address, settings).with_context(|| format!("no partner at {address}"));
        Ok(Self {
            main: partner(PartnerSettings::default())?,
            chaos: partner(PartnerSettings { latency_ms: 20, ..PartnerSettings::default() })?,
            issuer: IssuerServer::start(&[SigningKey::RsaOne, SigningKey::EcOne])
                .context("cannot start an issuer of tokens")?,
            receiver: receiver::by_path().context("cannot start a receiver of webhooks")?,
        })
    }
}

/// What the tests are told of the stacks, as JSON.
fn deploy(workspace: &Workspace, ground: &Ground, partners: &Partners) -> Result<String> {
    let owners = owners(&ground.place);
    let receiver = partners.receiver.url();
    let inside = [partners.chaos.url(), receiver.clone()].map(|url| url.replace("http://", "")).join(",");
    let [main, chaos, strict] = &ground.stacks;
    let deploy = |stack: &str, parameters: &[(&str, &str)]| {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ground.place.deploy_stack(workspace, stack, &parameters.chain([owners.clone()]).collect())
    };
    let (main_partner, chaos_partner, issuer) = (partners.main.url(), partners.chaos.url(), partners.issuer.url());
    let main = deploy(main, &[("PartnerUrl", &main_partner), ("CatalogUrl", &main_partner)])?;
    let chaos = deploy(
        chaos,
        &[
            ("PartnerUrl", &chaos_partner),
            ("ProcessorTimeout", "3"),
            ("BatchVisibilityTimeout", "18"),
            ("SplitTimeout", "10"),
            ("IngestVisibilityTimeout", "60"),
            ("MaxReceiveCount", "3"),
            ("AllowSimulatedCrash", "true"),
            ("OutboundAllow", &inside),
            ("WebhookMaxReceiveCount", "3"),
            ("WebhookFirstWaitSeconds", "1"),
        ],
    )?;
    let strict = deploy(
        strict,
        &[
            ("RequestsPerMinute", &REQUESTS_PER_MINUTE.to_string()),
            ("OpenTasksPerOwner", &OPEN_TASKS.to_string()),
            ("OidcIssuer", &issuer),
            ("OidcAudience", AUDIENCE),
        ],
    )?;
    let stack = |deployed: &Deployed, partner: &str| {
        json!({
            "name": deployed.stack,
            "url": deployed.api_url,
            "key": ground.place.api_key,
            "other_key": OTHER_KEY,
            "bucket": deployed.bucket,
            "partner": partner,
            "issuer": issuer,
            "requests_per_minute": REQUESTS_PER_MINUTE,
            "open_tasks": OPEN_TASKS,
            "topic": deployed.topic_arn,
            "receiver": receiver,
        })
    };
    let stacks = json!({
        "main": stack(&main, &main_partner),
        "chaos": stack(&chaos, &chaos_partner),
        "strict": stack(&strict, &main_partner),
    });
    Ok(stacks.to_string())
}

fn build_tests(workspace: &Workspace) -> Result<Vec<Program>> {
    step("building the tests", || programs::build(workspace))
}

fn test_on(
    workspace: &Workspace,
    ground: &Ground,
    partners: &Partners,
    programs: &[Program],
    filter: &[String],
) -> Result<()> {
    let stacks = deploy(workspace, ground, partners)?;
    let readers = python::environment(workspace, Requirements::Readers)?;
    let conformance = python::environment(workspace, Requirements::Conformance)?;
    let python = python::environment(workspace, Requirements::Cloud)?;
    let browser_python = python::environment(workspace, Requirements::Browser)?;
    let chromium = browser::chromium(workspace)?;
    let artifacts = workspace.made().join("browser-artifacts");
    let mut environment = vec![
        ("FILAS_TEST_READERS", readers.as_os_str()),
        ("FILAS_TEST_CONFORMANCE", conformance.as_os_str()),
        ("FILAS_TEST_PYTHON", python.as_os_str()),
        ("FILAS_TEST_BROWSER_PYTHON", browser_python.as_os_str()),
        ("FILAS_TEST_CHROMIUM", chromium.as_os_str()),
        ("FILAS_TEST_ARTIFACTS", artifacts.as_os_str()),
        ("FILAS_TEST_STACKS", stacks.as_ref()),
    ];
    let place = ground.place.environment();
    environment.extend(place.iter().map(|(name, value)| (*name, value.as_ref())));
    environment.extend(ground.log.iter().map(|log| ("FILAS_TEST_LOG", log.as_os_str())));
    let is_interrupted = interruption()?;
    let runner = |arguments: Vec<&'static str>| Runner {
        arguments: arguments.into_iter().map(OsStr::new).chain(filter.iter().map(OsStr::new)).collect(),
        environment: environment.clone(),
        is_interrupted: &is_interrupted,
        limit: programs::LIMIT,
    };
    let all = step("running every test", || runner(ground.skips()).run(programs));
    let compared = step("comparing our reader with those of another language", || {
        let comparison: Vec<Program> = programs.iter().filter(|program| program.name == COMPARISON).cloned().collect();
        runner(vec!["--ignored"]).run(&comparison)
    });
    all.and(compared)
}

/// Set by Ctrl-C: the programs that run are ended then, and the local cloud after them.
fn interruption() -> Result<Arc<AtomicBool>> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let set = is_interrupted.clone();
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    Ok(is_interrupted)
}

/// The parameter that knows both owners.
fn owners(place: &Place) -> (String, String) {
    let entries = [(place.owner.as_str(), place.api_key.as_str()), ("other", OTHER_KEY)]
        .map(|(owner, key)| format!("{owner}={}", filas_domain::access::sha256_hex(key.as_bytes())));
    ("OwnerKeys".to_owned(), entries.join(","))
}
