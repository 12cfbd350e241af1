//! `cargo xtask …`: what is done to the project, as opposed to what the project does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use xtask::bench::sheets::{self, ReaderOptions};
use xtask::bench::{self, Bench};
use xtask::build::Processor;
use xtask::chaos::{self, ChaosOptions};
use xtask::cloud::{self, Cloud, UpOptions};
use xtask::demo::{self, DemoOptions};
use xtask::deploy::{self, Deployment};
use xtask::fuzz::{self, FuzzOptions, WorkerOptions};
use xtask::model::{self, ModelOptions};
use xtask::progress::say;
use xtask::python::{self, Requirements};
use xtask::sam::{self, SamOptions};
use xtask::simulate::{self, SimulateOptions};
use xtask::workbook::{self, WorkbookOptions};
use xtask::workspace::Workspace;
use xtask::{browser, build, lint, partner, supply, test};

/// Builds Filas, runs it on a local cloud, and checks it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the functions and the command line.
    Build {
        /// Build the functions alone, for this processor of Lambda and the C library that it has there.
        #[arg(long)]
        architecture: Option<Processor>,
    },
    /// Brings the local cloud up, or brings the one that runs up to date.
    Up(Up),
    /// Stops the local cloud.
    Down {
        /// Which one.
        #[arg(long, default_value = "local")]
        instance: String,
    },
    /// Deploys the template to what AWS_ENDPOINT_URL names, or else to the local cloud.
    Deploy(Deploy),
    /// Serves the stand-in for a partner's API.
    Partner {
        /// Where to listen on this machine; 0 takes a free port.
        #[arg(long, default_value_t = 4600)]
        port: u16,
        /// How it behaves, as JSON: latency_ms, error_rate, rate_limit_per_second, hang_rate, reset_rate, …
        #[arg(long, default_value = "{}")]
        settings: String,
    },
    /// Makes a workbook for a shipped pipeline.
    Workbook(WorkbookOptions),
    /// Checks what takes seconds: which room imports which, the tables that name tests and dependencies, what is compiled twice.
    Check,
    /// Checks formatting, layers, template and code.
    Lint,
    /// Finds or fetches the Chromium that the tests of the dashboard drive, and prints its program.
    Browser,
    /// Checks what comes from outside: reasons, licences, sources, known weaknesses; writes the bill of materials.
    Supply,
    /// Shows the whole journey on a generated workbook or a file of yours.
    Demo(DemoOptions),
    /// Runs each function and the API by `sam local`, in containers. Needs a Docker engine.
    Sam(SamOptions),
    /// Runs the real handlers over fakes with everything that can go wrong, by seeds.
    Simulate(SimulateOptions),
    /// Searches the model of the protocol for a run that breaks a promise.
    Model(ModelOptions),
    /// Runs every test, with a local cloud of its own.
    Test {
        /// What to hand to the test programs: parts of names, --nocapture, …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Kills, restarts, repeats and fails what it can, and then holds three books against each other.
    Chaos(ChaosOptions),
    /// Reads damaged files by the million, each of which has to end in rows or in an error of the file.
    Fuzz(FuzzOptions),
    /// One worker of `fuzz`.
    #[command(hide = true)]
    FuzzWorker(WorkerOptions),
    /// One reader of `bench sheets` on one file.
    #[command(hide = true)]
    BenchReader(ReaderOptions),
    /// Measures.
    Bench {
        /// What.
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Args)]
struct Up {
    /// Name of the instance; each has a folder of its own below .filas.
    #[arg(long, default_value = "local")]
    instance: String,
    /// Where to listen instead of 4566 or a free port.
    #[arg(long)]
    port: Option<u16>,
    /// Keep what the cloud holds over a stop.
    #[arg(long)]
    keep_state: bool,
    /// Stop what runs and forget what was kept.
    #[arg(long)]
    fresh: bool,
    /// Deploy the functions that were built last.
    #[arg(long)]
    no_build: bool,
    /// Base URL of the partner that pipelines deliver to.
    #[arg(long)]
    partner_url: Option<String>,
    /// Base URL of the catalogue that pipelines enrich from.
    #[arg(long)]
    catalog_url: Option<String>,
    /// A parameter of the template.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
}

#[derive(Args)]
struct Deploy {
    /// Name of the stack.
    #[arg(long, default_value = "filas")]
    stack: String,
    /// Deploy to AWS, with the credentials of the environment.
    #[arg(long)]
    aws: bool,
    /// A parameter of the template; the others keep the values that the stack has.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
}

fn main() -> ExitCode {
    // This program is also the child that reads files of a kind that may crash their reader.
    if filas_sheets::child::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let result = Workspace::find().and_then(|workspace| run(&workspace, Arguments::parse_from(arguments()).task));
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The arguments of the process. `cargo demo -- --rows 10` hands a `--` on that stands for nothing.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|task| task == "demo") && arguments.get(2).is_some_and(|next| next == "--") {
        arguments.remove(2);
    }
    arguments
}

fn run(workspace: &Workspace, task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo(options) => return demo::demo(workspace, &options),
        Task::Simulate(options) => return simulate::simulate(workspace, &options),
        Task::Model(options) => return model::model(workspace, &options),
        Task::Sam(options) => sam::sam(workspace, &options),
        Task::Test { filter } => test::test(workspace, &filter),
        Task::Chaos(options) => chaos::chaos(workspace, &options),
        Task::Fuzz(options) => fuzz::fuzz(workspace, &options),
        Task::FuzzWorker(options) => fuzz::work(workspace, &options),
        Task::BenchReader(options) => sheets::read_once(&options),
        Task::Bench { what } => bench::bench(workspace, &what),
        Task::Build { architecture: None } => build::build(workspace).map(|built| println!("{}", built.cli.display())),
        Task::Build { architecture: Some(processor) } => build::build_for(workspace, processor),
        Task::Up(options) => up(workspace, options),
        Task::Down { instance } => down(workspace, &instance),
        Task::Deploy(options) => deploy(workspace, options),
        Task::Partner { port, settings } => partner::serve(port, &settings),
        Task::Workbook(options) => workbook::workbook(&options),
        Task::Check => lint::check(workspace),
        Task::Lint => lint::lint(workspace),
        Task::Browser => browser::chromium(workspace).map(|program| println!("{}", program.display())),
        Task::Supply => supply::supply(workspace),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn up(workspace: &Workspace, given: Up) -> Result<()> {
    let mut options = UpOptions::new(&given.instance);
    options.port = given.port;
    options.keep_state = given.keep_state;
    options.fresh = given.fresh;
    options.build = !given.no_build;
    options.parameters.extend(given.partner_url.map(|url| ("PartnerUrl".to_owned(), url)));
    options.parameters.extend(given.catalog_url.map(|url| ("CatalogUrl".to_owned(), url)));
    options.parameters.extend(given.parameters);
    let cloud = Cloud::up(workspace, &options)?;
    println!("API       {}", cloud.deployed.api_url);
    println!("dashboard {}", cloud.deployed.dashboard_url());
    println!("API key   {}", cloud.access.api_key);
    println!("AWS       AWS_ENDPOINT_URL={}", cloud.endpoint());
    println!("bucket    {}", cloud.deployed.bucket);
    println!("table     {}", cloud.deployed.table);
    println!("files     {}", workspace.instance(&given.instance).display());
    println!("to stop   cargo xtask down{}", instance_flag(&given.instance));
    Ok(())
}

fn instance_flag(instance: &str) -> String {
    if instance == "local" { String::new() } else { format!(" --instance {instance}") }
}

fn down(workspace: &Workspace, instance: &str) -> Result<()> {
    if cloud::down(workspace, instance)? {
        say(&format!("the local cloud {instance:?} is stopped"));
    } else {
        say(&format!("no local cloud {instance:?} was running"));
    }
    Ok(())
}

fn deploy(workspace: &Workspace, given: Deploy) -> Result<()> {
    let mut parameters: BTreeMap<String, String> = given.parameters.into_iter().collect();
    let elsewhere = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| !url.is_empty());
    if given.aws && elsewhere {
        bail!("--aws and AWS_ENDPOINT_URL contradict each other");
    }
    if given.aws && !parameters.contains_key("Architecture") {
        bail!("say which processor .filas/functions was built for: --parameter Architecture=arm64 or x86_64");
    }
    // For AWS the functions may be built for another processor than ours, by other means: what is there is deployed.
    if !given.aws {
        build::build(workspace)?;
    }
    let deployed = if given.aws || elsewhere {
        let python = python::environment(workspace, Requirements::Cloud)?;
        parameters.entry("Architecture".to_owned()).or_insert(cloud::architecture()?.to_owned());
        let deployment =
            Deployment { stack: &given.stack, parameters: &parameters, keep_parameters: true, environment: &[] };
        deploy::deploy(workspace, &python, &deployment)?
    } else {
        Cloud::running(workspace, "local")?.deploy_stack(workspace, &given.stack, &parameters)?
    };
    println!("{}", serde_json::to_string_pretty(&deployed).context("cannot write JSON")?);
    Ok(())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
