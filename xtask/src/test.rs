//! `cargo xtask test`: every test, with what they need: a local cloud of their own, two stacks in it, and partners.
//!
//! The stack `main` is as a person would deploy it. The stack `chaos` gives up quickly, so that a test that kills workers
//! need not wait for minutes. The stack `strict` lets an owner do little, and takes the tokens of an issuer that runs here.
//! The tests find them by the variables that are set here.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail};
use filas_testkit::issuer::{AUDIENCE, IssuerServer, SigningKey};
use filas_testkit::partner::{PartnerServer, PartnerSettings};
use filas_testkit::receiver;
use serde_json::json;

use crate::browser;
use crate::build::cargo;
use crate::cloud::{self, Cloud, UpOptions};
use crate::deploy::Deployed;
use crate::progress::{say, step};
use crate::python::{self, Requirements};
use crate::workspace::Workspace;

/// The key of a second owner, to whom nothing of the first one is visible.
const OTHER_KEY: &str = "the-key-of-another-owner";

/// What an owner may do in a minute in the stack `strict`.
const REQUESTS_PER_MINUTE: u32 = 60;

/// The tasks that an owner may have open there.
const OPEN_TASKS: u32 = 2;

/// Runs every test. `filter` is handed to the test programs: names to run, `--nocapture`, ….
///
/// # Errors
/// When the local cloud does not come up, or a test fails.
pub fn test(workspace: &Workspace, filter: &[String]) -> Result<()> {
    let main_partner = partner(PartnerSettings::default())?;
    let chaos_partner = partner(PartnerSettings { latency_ms: 20, ..PartnerSettings::default() })?;
    let issuer =
        IssuerServer::start(&[SigningKey::RsaOne, SigningKey::EcOne]).context("cannot start an issuer of tokens")?;
    let instance = format!("test-{}", std::process::id());
    let mut options = UpOptions::new(&instance);
    options.port = Some(cloud::free_port()?);
    options.fresh = true;
    for name in ["PartnerUrl", "CatalogUrl"] {
        options.parameters.insert(name.to_owned(), main_partner.url());
    }
    let cloud = Cloud::up(workspace, &options)?;
    let tested = test_on(workspace, &cloud, [&main_partner, &chaos_partner], &issuer, filter);
    let stopped = cloud::down(workspace, &instance);
    if tested.is_ok() {
        // After a failure the logs stay to be read.
        std::fs::remove_dir_all(workspace.instance(&instance)).context("cannot remove the test's local cloud")?;
    } else {
        say(&format!("the logs of the local cloud: {}", workspace.instance(&instance).display()));
    }
    tested.and(stopped.map(drop))
}

fn partner(settings: PartnerSettings) -> Result<PartnerServer> {
    PartnerServer::start_local(settings).context("cannot start a partner")
}

fn test_on(
    workspace: &Workspace,
    cloud: &Cloud,
    [main_partner, chaos_partner]: [&PartnerServer; 2],
    issuer: &IssuerServer,
    filter: &[String],
) -> Result<()> {
    let owners = owners(cloud);
    let receiver = receiver::by_path().context("cannot start a receiver of webhooks")?.url();
    let inside = [chaos_partner.url(), receiver.clone()].map(|url| url.replace("http://", "")).join(",");
    let main = cloud.deploy_stack(
        workspace,
        &cloud.deployed.stack,
        &BTreeMap::from([
            owners.clone(),
            ("PartnerUrl".to_owned(), main_partner.url()),
            ("CatalogUrl".to_owned(), main_partner.url()),
        ]),
    )?;
    let chaos = cloud.deploy_stack(
        workspace,
        "chaos",
        &[
            ("PartnerUrl", chaos_partner.url().as_str()),
            ("ProcessorTimeout", "3"),
            ("BatchVisibilityTimeout", "18"),
            ("SplitTimeout", "10"),
            ("IngestVisibilityTimeout", "60"),
            ("MaxReceiveCount", "3"),
            ("AllowSimulatedCrash", "true"),
            ("OutboundAllow", inside.as_str()),
            ("WebhookMaxReceiveCount", "3"),
            ("WebhookFirstWaitSeconds", "1"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain([owners.clone()])
        .collect(),
    )?;
    let strict = cloud.deploy_stack(
        workspace,
        "strict",
        &BTreeMap::from([
            owners,
            ("RequestsPerMinute".to_owned(), REQUESTS_PER_MINUTE.to_string()),
            ("OpenTasksPerOwner".to_owned(), OPEN_TASKS.to_string()),
            ("OidcIssuer".to_owned(), issuer.url()),
            ("OidcAudience".to_owned(), AUDIENCE.to_owned()),
        ]),
    )?;
    let stack = |deployed: &Deployed, partner: &PartnerServer| {
        json!({
            "name": deployed.stack,
            "url": deployed.api_url,
            "key": cloud.access.api_key,
            "other_key": OTHER_KEY,
            "bucket": deployed.bucket,
            "partner": partner.url(),
            "issuer": issuer.url(),
            "requests_per_minute": REQUESTS_PER_MINUTE,
            "open_tasks": OPEN_TASKS,
            "topic": deployed.topic_arn,
            "receiver": receiver,
        })
    };
    let stacks = json!({
        "main": stack(&main, main_partner),
        "chaos": stack(&chaos, chaos_partner),
        "strict": stack(&strict, main_partner),
    });
    let readers = python::environment(workspace, Requirements::Readers)?;
    let conformance = python::environment(workspace, Requirements::Conformance)?;
    step("comparing our reader with those of another language", || {
        let mut tests = cargo(workspace);
        tests
            .args(["test", "--release", "--package", "filas-sheets", "--test", "differential", "--", "--ignored"])
            .args(filter)
            .env("FILAS_TEST_READERS", &readers);
        run(&mut tests)
    })?;
    let python = python::environment(workspace, Requirements::Cloud)?;
    let browser_python = python::environment(workspace, Requirements::Browser)?;
    let chromium = browser::chromium(workspace)?;
    let artifacts = workspace.made().join("browser-artifacts");
    step("running every test", || {
        let mut tests = cargo(workspace);
        tests
            .args(["test", "--release", "--workspace", "--no-fail-fast"])
            .args(["--features", "filas-e2e/cloud,filas-aws/contract"])
            .arg("--")
            .args(filter)
            .envs(cloud.environment())
            .env("FILAS_TEST_CONFORMANCE", &conformance)
            .env("FILAS_TEST_STACKS", stacks.to_string())
            .env("FILAS_TEST_LOG", cloud.log(workspace))
            .env("FILAS_TEST_PYTHON", &python)
            .env("FILAS_TEST_BROWSER_PYTHON", browser_python)
            .env("FILAS_TEST_CHROMIUM", chromium)
            .env("FILAS_TEST_ARTIFACTS", artifacts);
        run(&mut tests)
    })
}

/// The parameter that knows both owners.
fn owners(cloud: &Cloud) -> (String, String) {
    let entries = [(cloud.access.owner.as_str(), cloud.access.api_key.as_str()), ("other", OTHER_KEY)]
        .map(|(owner, key)| format!("{owner}={}", filas_domain::access::sha256_hex(key.as_bytes())));
    ("OwnerKeys".to_owned(), entries.join(","))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("tests failed ({status})");
    }
    Ok(())
}
