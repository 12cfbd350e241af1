//! `cargo xtask bench cold`: from the start of a function's process to its first question for work, and what its zip weighs,
//! beside a Python function that has boto3 and openpyxl.
//!
//! The files are in the page cache, so what is measured is the process: loading, linking, reading the environment, making
//! clients. What Lambda adds before it (fetching the zip, starting the sandbox) grows with the zip.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::build::{self, FUNCTIONS};
use crate::progress::step;
use crate::python::{self, Requirements};
use crate::workspace::Workspace;

/// The bench of cold starts.
#[derive(Debug, Args)]
pub struct Cold {
    /// Starts of each function, after one that is not counted.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// How long a function may take before it is called broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What every question for work begins with, in the Runtime API.
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next";

/// The function that is compared with: what it imports and makes at start is what ours do.
const PYTHON: &str = r#"
import os, urllib.request
import boto3, openpyxl
for service in ("dynamodb", "s3", "sqs"):
    boto3.client(service, region_name="us-east-1")
urllib.request.urlopen("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/next")
"#;

/// What the Python function brings in its zip.
const PYTHON_PACKAGES: [&str; 8] =
    ["boto3", "botocore", "openpyxl", "et_xmlfile", "s3transfer", "jmespath", "dateutil", "urllib3"];

struct Measured {
    name: String,
    milliseconds: Vec<f64>,
    zipped: u64,
}

/// Starts each function again and again, and prints what it took.
///
/// # Errors
/// When a function does not ask for work.
pub fn bench(workspace: &Workspace, options: &Cold) -> Result<()> {
    build::build(workspace)?;
    let python = python::environment(workspace, Requirements::Bench)?;
    let mut measured = Vec::new();
    step("starting functions", || {
        for name in FUNCTIONS {
            let bootstrap = workspace.functions().join(name).join("bootstrap");
            let milliseconds = starts(options.runs, || Command::new(&bootstrap)).with_context(|| name.to_owned())?;
            measured.push(Measured { name: name.to_owned(), milliseconds, zipped: zipped(&[&bootstrap])? });
        }
        let in_python = || {
            let mut command = Command::new(&python);
            command.args(["-c", PYTHON]);
            command
        };
        let milliseconds = starts(options.runs, in_python).context("the function in Python")?;
        let folders = packages(&python)?;
        let folders: Vec<&Path> = folders.iter().map(AsRef::as_ref).collect();
        measured.push(Measured { name: "Python: boto3, openpyxl".to_owned(), milliseconds, zipped: zipped(&folders)? });
        Ok(())
    })?;
    print(&measured);
    Ok(())
}

fn print(measured: &[Measured]) {
    let Some(other) = measured.last() else { return };
    println!("\n| function | ms to the first /next | slowest | × Python | zip MB | × Python |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for function in measured {
        let megabytes = function.zipped as f64 / 1e6;
        println!(
            "| {} | {:.1} | {:.1} | {:.3} | {megabytes:.1} | {:.2} |",
            function.name,
            median(function),
            function.milliseconds.last().copied().unwrap_or_default(),
            median(function) / median(other),
            function.zipped as f64 / other.zipped as f64,
        );
    }
}

fn median(function: &Measured) -> f64 {
    function.milliseconds[function.milliseconds.len() / 2]
}

/// Milliseconds of each start, the shortest first.
fn starts(runs: u32, command: impl Fn() -> Command) -> Result<Vec<f64>> {
    start(command())?;
    let mut times = (0..runs).map(|_| start(command())).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Milliseconds from the start of the process to its first question for work.
fn start(mut command: Command) -> Result<f64> {
    let runtime = TcpListener::bind("127.0.0.1:0").context("cannot listen on this machine")?;
    runtime.set_nonblocking(true)?;
    command.env_clear().envs(environment(&runtime.local_addr()?.to_string()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().context("cannot start the function")?;
    let asked = wait_for_question(&runtime, &mut child, begun);
    child.kill().ok();
    child.wait().ok();
    match asked {
        Ok(took) => Ok(took.as_secs_f64() * 1e3),
        Err(error) => {
            let mut said = String::new();
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
            Err(error.context(said))
        }
    }
}

fn wait_for_question(runtime: &TcpListener, child: &mut Child, begun: Instant) -> Result<Duration> {
    loop {
        match runtime.accept() {
            Ok((connection, _)) => {
                let took = begun.elapsed();
                if asks_for_work(&connection)? {
                    return Ok(took);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("cannot listen"),
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended before it asked for work: {status}");
        }
        ensure!(begun.elapsed() < PATIENCE, "it did not ask for work in {PATIENCE:?}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn asks_for_work(connection: &TcpStream) -> Result<bool> {
    connection.set_nonblocking(false)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line)?;
    Ok(line.starts_with(NEXT))
}

/// What Lambda and the template set, for every function at once; nobody is called at start.
fn environment(runtime: &str) -> Vec<(String, String)> {
    let mut variables = vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("RUST_LOG", "error"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect::<Vec<_>>();
    for name in ["BATCH", "INGEST", "REPORT", "LIVE", "WEBHOOK"] {
        for kind in ["QUEUE", "DLQ"] {
            variables.push((format!("FILAS_{name}_{kind}_URL"), "http://127.0.0.1:1/000000000000/queue".to_owned()));
        }
    }
    for name in ["TABLE", "RECORDS_TABLE", "BUCKET", "STACK", "LIVE_API_ID", "LIVE_STAGE"] {
        variables.push((format!("FILAS_{name}"), "bench".to_owned()));
    }
    variables.push(("FILAS_TOPIC_ARN".to_owned(), "arn:aws:sns:us-east-1:000000000000:bench".to_owned()));
    variables.push(("FILAS_WEBHOOK_FIRST_WAIT".to_owned(), "60".to_owned()));
    variables.push(("FILAS_SECRETS_PREFIX".to_owned(), "/bench/secrets".to_owned()));
    variables.push(("FILAS_OWNER_KEYS".to_owned(), format!("bench={}", "0".repeat(64))));
    variables
}

/// Where the packages of the Python function lie.
fn packages(python: &Path) -> Result<Vec<std::path::PathBuf>> {
    let script = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    let output = Command::new(python).args(["-c", script]).output().context("cannot run Python")?;
    let site = String::from_utf8(output.stdout)?;
    let found = PYTHON_PACKAGES.iter().map(|name| Path::new(site.trim()).join(name));
    Ok(found.filter(|folder| folder.exists()).collect())
}

/// Bytes of a zip of these files and folders.
fn zipped(paths: &[&Path]) -> Result<u64> {
    let mut archive = ZipWriter::new(tempfile::tempfile()?);
    for path in paths {
        add(&mut archive, path, path.file_name().context("a path without a name")?.to_string_lossy().as_ref())?;
    }
    let mut file = archive.finish()?;
    file.flush()?;
    Ok(file.metadata()?.len())
}

fn add(archive: &mut ZipWriter<File>, path: &Path, name: &str) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let entry_name = entry.file_name();
            // Bytecode is made again where it runs.
            if entry_name != "__pycache__" {
                add(archive, &entry.path(), &format!("{name}/{}", entry_name.to_string_lossy()))?;
            }
        }
        return Ok(());
    }
    archive.start_file(name, SimpleFileOptions::default())?;
    io::copy(&mut File::open(path)?, archive)?;
    Ok(())
}
