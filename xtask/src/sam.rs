//! `cargo xtask sam`: each function as `sam local` runs it, in a container, with its event of `events/`, and then the API by
//! `sam local start-api`. Behind them stands a local cloud of their own. Needs a Docker engine.
//!
//! * [`events`]: the events, in the order of a file's way, and what each function has to answer
//! * [`engine`]: the Docker engine, and an image where none can be pulled
//! * [`forward`]: the local cloud, where containers reach it
//! * [`backend`]: what is told to the local cloud and asked of it
//! * [`command`]: `sam` as a program

pub mod backend;
mod command;
pub mod engine;
pub mod events;
pub mod forward;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::access::sha256_hex;
use filas_domain::outcome::OutcomeLine;
use filas_testkit::workbooks;
use serde_json::Value;

use crate::cloud::{self, Cloud, OWNER, UpOptions};
use crate::progress::{say, step};
use crate::python::{self, Requirements};
use crate::workspace::Workspace;
use backend::Backend;
use command::{Sam, Served};
use engine::Engine;
use events::{KEY, STEPS, Samples};
use forward::Forward;

/// Rows of the workbook that goes through `sam local start-api`.
const ROWS: u32 = 500;

/// What is to be done where there is no Docker engine, and what is run.
#[derive(Debug, Args)]
pub struct SamOptions {
    /// Succeed where no Docker engine answers, after having said so.
    #[arg(long)]
    if_possible: bool,
    /// Run what `sam build` made, instead of what `cargo xtask build` does.
    #[arg(long)]
    built: bool,
}

/// Runs every function and the API, and prints a line for each.
///
/// # Errors
/// When something does not answer as it should, or no Docker engine is there and that was not allowed.
pub fn sam(workspace: &Workspace, options: &SamOptions) -> Result<()> {
    let engine = match Engine::find() {
        Ok(engine) => engine,
        Err(reason) => {
            say_that_nothing_was_run(&format!("{reason:#}"));
            ensure!(options.if_possible, "nothing was run by sam local: no Docker engine answers");
            return Ok(());
        }
    };
    let template = if options.built { ".aws-sam/build/template.yaml" } else { "template.yaml" };
    ensure!(workspace.root().join(template).is_file(), "there is no {template}: run `sam build` first");
    let instance = format!("sam-{}", std::process::id());
    let folder = workspace.instance(&instance);
    let mut up = UpOptions::new(&instance);
    up.port = Some(cloud::free_port()?);
    up.parameters.insert("OwnerKeys".to_owned(), format!("{OWNER}={}", sha256_hex(KEY.as_bytes())));
    let cloud = Cloud::up(workspace, &up)?;
    let run = run(workspace, &engine, &cloud, template, &folder);
    let stopped = cloud.down(workspace);
    match &run {
        Ok(lines) => {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            println!("{}", lines.join("\n"));
        }
        Err(_) => say(&format!("what sam local and the local cloud said: {}", folder.display())),
    }
    run.map(drop).and(stopped)
}

/// So that nobody takes silence for success.
fn say_that_nothing_was_run(reason: &str) {
    say("==================================================================================");
    say("NOT RUN: no function was run by `sam local`, because no Docker engine answers here.");
    for line in reason.lines() {
        say(&format!("  {line}"));
    }
    say("Install one and start it, then run `cargo xtask sam` again; docs/LOCAL.md says more.");
    say("==================================================================================");
}

/// The lines of the table, one for each run.
fn run(workspace: &Workspace, engine: &Engine, cloud: &Cloud, template: &str, folder: &Path) -> Result<Vec<String>> {
    let forward = Forward::start(engine.host()?, SocketAddr::new([127, 0, 0, 1].into(), cloud.access.emulator.port))?;
    let backend = Backend::of(cloud);
    let image = engine.image(workspace, folder, &forward.url())?;
    say(&format!("the image: {}", image.made_of));
    let environment = folder.join("environment.json");
    fs::write(&environment, backend.environments()?.to_string()).context("cannot write the functions' environments")?;
    let sam = Sam {
        program: python::environment(workspace, Requirements::Sam)?.with_file_name("sam"),
        root: workspace.root().to_owned(),
        template: template.to_owned(),
        image: image.name.clone(),
        environment,
        log: folder.join("sam.log"),
    };
    // The cloud's own mappings would be quicker than we are.
    backend.switch_mappings(false)?;
    let mut lines = invoke_each(workspace, &sam, folder)?;
    backend.switch_mappings(true)?;
    lines.extend(serve(&sam, folder)?);
    Ok(lines)
}

/// The way of `events/orders.csv` through every function.
fn invoke_each(workspace: &Workspace, sam: &Sam, folder: &Path) -> Result<Vec<String>> {
    let mut samples = Samples::default();
    let mut lines = Vec::new();
    for (number, taken) in STEPS.iter().enumerate() {
        let name = taken.event;
        let source = workspace.root().join(events::FOLDER).join(format!("{name}.json"));
        let text = fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        let event = folder.join(format!("{number:02}-{name}.json"));
        fs::write(&event, samples.put_into(&text)).with_context(|| format!("cannot write {}", event.display()))?;
        let begun = Instant::now();
        let answer: Value = step(&format!("sam local invoke {} with events/{name}.json", taken.logical_id()), || {
            sam.invoke(&taken.logical_id(), &event)
        })?;
        let seen = taken.check(&answer).with_context(|| format!("{} answered {answer}", taken.logical_id()))?;
        samples.learn(taken, &answer)?;
        lines.push(line("invoke", &taken.logical_id(), &format!("events/{name}.json"), begun, &seen));
    }
    Ok(lines)
}

/// A workbook through the API in containers, and what it answers to others.
fn serve(sam: &Sam, folder: &Path) -> Result<Vec<String>> {
    let begun = Instant::now();
    let served = step("sam local start-api", || Served::start(sam, cloud::free_port()?))?;
    let mut lines = vec![line("start-api", "", "", begun, "listens")];
    let client = Client::new(&served.url, KEY);

    let file = folder.join("orders.xlsx");
    let truth = workbooks::orders(&file, ROWS, 8).context("cannot make a workbook")?;
    let begun = Instant::now();
    let sent = client.upload(&Upload::new(&file, "orders-check"), &mut Silent).context("cannot send a workbook")?;
    let task = client.watch(sent.id, &mut Silent)?;
    let (rows, bad) = (u64::from(truth.rows), u64::from(truth.bad_rows));
    ensure!((task.succeeded, task.failed) == (rows - bad, bad), "{rows} rows, {bad} of them bad, became {task:?}");
    let outcomes = outcomes_of(&client, sent.id, folder)?;
    ensure!(outcomes == u64::from(ROWS), "{ROWS} rows have {outcomes} outcomes");
    let seen = format!("{rows} rows sent as xlsx, {bad} of them bad, each with its outcome");
    lines.push(line("start-api", "Upload, Status", "a workbook", begun, &seen));

    for (method, path, key, expected) in [
        ("GET", "/v1/tasks", None, 401),
        ("GET", "/v1/tasks", Some(KEY), 200),
        ("GET", "/v1/queues", Some(KEY), 200),
        ("GET", "/v1/pipelines/orders-check", Some(KEY), 200),
        ("GET", "/v1/keys", Some(KEY), 200),
        ("POST", "/v1/tickets", Some(KEY), 201),
        ("GET", "/app/index.html", None, 200),
    ] {
        let begun = Instant::now();
        let status = backend::status_of(method, &format!("{}{path}", served.url), key)?;
        ensure!(status == expected, "{method} {path} is answered {status} and not {expected}");
        let who = if key.is_some() { "with a key" } else { "without a key" };
        lines.push(line("start-api", &format!("{method} {path}"), who, begun, &status.to_string()));
    }
    served.stop()?;
    Ok(lines)
}

fn outcomes_of(client: &Client, id: TaskId, folder: &Path) -> Result<u64> {
    let path = folder.join("outcomes.ndjson");
    client.save_results(id, &path, &mut Silent)?;
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines: Result<BTreeMap<u32, OutcomeLine>, serde_json::Error> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<OutcomeLine>(line).map(|outcome| (crate::chaos::books::row_of(&outcome), outcome))
        })
        .collect();
    Ok(lines.context("an outcome is not readable")?.len() as u64)
}

fn line(how: &str, what: &str, with: &str, begun: Instant, seen: &str) -> String {
    format!("{how:<10} {what:<30} {with:<28} {:>5.1} s  {seen}", begun.elapsed().as_secs_f64())
}
