//! The test programs: built by one cargo call, and run each with a time limit: first what wants the machine for itself, then
//! the flows in two lanes side by side, because most of the time they wait for sweepers, leases and schedules.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::build::cargo;
use crate::cloud::Process;
use crate::progress::say;
use crate::workspace::Workspace;

/// The longest that a test program may take. The longest known takes two minutes.
pub(super) const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Between two looks at a program that runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// After this long without an end it is said what runs.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What a program that is ended has to clean up after itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The package of the tests that need whole stacks: the flows.
const FLOWS: &str = "filas-e2e";

/// The flows in the stack `chaos`. Some kill its workers, and another flow would lose them too.
const IN_CHAOS: [&str; 5] = ["canary", "events", "partner_trouble", "traces", "webhook"];

/// The flow there that kills by the clock.
const BY_THE_CLOCK: &str = "chaos";

/// The flow that looks back on what all the others made the functions do.
const LAST: &str = "roles";

/// The programs of a lane run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Before the others: what needs the processor, and what goes by the clock.
    Alone,
    /// Flows in the stack `chaos`.
    Chaos,
    /// Flows in the other stacks: some count what is there, and nobody else may bring anything meanwhile.
    Flows,
    /// When the others are over.
    Last,
}

/// A test program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The package, and for a file in its `tests` that too: `filas-e2e::live`.
    pub name: String,
    executable: PathBuf,
    /// Where cargo would run it: the folder of the package.
    folder: PathBuf,
}

impl Program {
    fn lane(&self) -> Lane {
        match self.name.split_once("::") {
            Some((FLOWS, file)) if IN_CHAOS.contains(&file) => Lane::Chaos,
            Some((FLOWS, LAST)) => Lane::Last,
            Some((FLOWS, file)) if file != BY_THE_CLOCK => Lane::Flows,
            _ => Lane::Alone,
        }
    }
}

/// What cargo says of something that it has built.
#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds the test programs of the workspace: of the libraries, and of the files in `tests`. Not those of the programs and
/// of examples in comments, which would be linked for nothing: `cargo xtask lint` sees to it that no test is there.
///
/// # Errors
/// When cargo fails.
pub(super) fn build(workspace: &Workspace) -> Result<Vec<Program>> {
    let mut cargo = cargo(workspace);
    cargo
        .args(["test", "--release", "--workspace", "--features", "filas-e2e/cloud", "--lib", "--test", "*", "--no-run"])
        .arg("--message-format=json-render-diagnostics");
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tests cannot be built ({}); cargo's messages are above", output.status);
    }
    let mut programs: Vec<Program> = String::from_utf8_lossy(&output.stdout).lines().filter_map(program).collect();
    // Cargo names them as they are done, in another order each time. What one flow leaves, a later one may meet.
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(programs.iter().any(|program| program.lane() == Lane::Flows), "cargo named no test program");
    Ok(programs)
}

/// The program that a message of cargo is about, if it is about one with tests. Other messages lack members.
fn program(message: &str) -> Option<Program> {
    let artifact: Artifact = serde_json::from_str(message).ok()?;
    let executable = artifact.executable.filter(|_| artifact.profile.test)?;
    let folder = artifact.manifest_path.parent()?.to_owned();
    // "path+file:///…/tests#filas-e2e@0.1.0", without the name where the folder has it: "…/functions/split#0.1.0".
    let (place, version) = artifact.package_id.rsplit_once('#')?;
    let package = match version.split_once('@') {
        Some((package, _)) => package,
        None => place.rsplit('/').next()?,
    };
    let is_file = artifact.target.kind.iter().any(|kind| kind == "test");
    let name = if is_file { format!("{package}::{}", artifact.target.name) } else { package.to_owned() };
    Some(Program { name, executable, folder })
}

/// How the programs are run.
pub(super) struct Runner<'a> {
    /// For every test program: names to run, `--nocapture`, ….
    pub arguments: Vec<&'a OsStr>,
    /// What they are told, beside what this process was told.
    pub environment: Vec<(&'static str, &'a OsStr)>,
    /// Whether somebody wants them to end now.
    pub is_interrupted: &'a AtomicBool,
    /// The longest that each may take.
    pub limit: Duration,
}

impl Runner<'_> {
    /// Runs them all, whatever becomes of one, and shows what each says when it ends.
    ///
    /// # Errors
    /// When a test fails, or a program takes too long: with the names of the programs.
    pub fn run(&self, programs: &[Program]) -> Result<()> {
        let board = Board::new(programs.len());
        let of = |lane: Lane| programs.iter().filter(|program| program.lane() == lane).collect::<Vec<_>>();
        let alone = self.run_lane(&of(Lane::Alone), &board)?;
        let failed: Vec<Result<Vec<String>>> = thread::scope(|scope| {
            let lanes = [Lane::Flows, Lane::Chaos].map(|lane| {
                let (lane, board) = (of(lane), &board);
                scope.spawn(move || self.run_lane(&lane, board))
            });
            let joined =
                lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| bail!("a lane of tests panicked")));
            joined.collect()
        });
        let mut failed = failed.into_iter().collect::<Result<Vec<_>>>()?.concat();
        failed.extend(alone);
        failed.extend(self.run_lane(&of(Lane::Last), &board)?);
        ensure!(!self.is_interrupted.load(Ordering::Relaxed), "interrupted");
        ensure!(failed.is_empty(), "tests failed in {}", failed.join(", "));
        Ok(())
    }

    /// The names of those that failed.
    fn run_lane(&self, programs: &[&Program], board: &Board) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        for program in programs {
            if self.is_interrupted.load(Ordering::Relaxed) {
                break;
            }
            board.begins(&program.name);
            let ended = self.run_one(program, board)?;
            let has_passed = ended.status.is_some_and(|status| status.success());
            board.ended(&program.name, &ended);
            if !has_passed {
                failed.push(program.name.clone());
            }
        }
        Ok(failed)
    }

    fn run_one(&self, program: &Program, board: &Board) -> Result<Ended> {
        let mut said = tempfile::tempfile().context("cannot make a file for what tests say")?;
        let begun = Instant::now();
        let child = Command::new(&program.executable)
            .current_dir(&program.folder)
            .args(&self.arguments)
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            // A group of its own, so that what it started ends with it, and Ctrl-C is ours to hand on.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.executable.display()))?;
        let status = self.wait(child, board)?;
        let took = begun.elapsed();
        Ok(Ended { status, took, said: all_of(&mut said)? })
    }

    /// How it ended; `None` when it was ended, because its time was up or because somebody wanted it.
    fn wait(&self, mut child: Child, board: &Board) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + self.limit;
        loop {
            if let Some(status) = child.try_wait().context("cannot wait for a test program")? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline || self.is_interrupted.load(Ordering::Relaxed) {
                // Also what it started in groups of its own, as a local cloud is.
                let process = Process::running(i32::try_from(child.id())?);
                let descendants = process.as_ref().map(Process::descendants).unwrap_or_default();
                let stopped: Vec<Result<()>> =
                    process.iter().chain(&descendants).map(|process| process.stop(PATIENCE)).collect();
                let _ = child.wait();
                return stopped.into_iter().collect::<Result<()>>().map(|()| None);
            }
            board.say_what_runs();
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// What became of a program.
struct Ended {
    /// `None` when it was ended.
    status: Option<ExitStatus>,
    took: Duration,
    said: Vec<u8>,
}

fn all_of(file: &mut File) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text).context("cannot read what a test program said")?;
    Ok(text)
}

/// What is told of the programs while they run, one at a time.
struct Board(Mutex<Running>);

struct Running {
    names: Vec<String>,
    ended: usize,
    of: usize,
    last_told: Instant,
}

impl Board {
    fn new(of: usize) -> Self {
        Self(Mutex::new(Running { names: Vec::new(), ended: 0, of, last_told: Instant::now() }))
    }

    fn begins(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).names.push(name.to_owned());
    }

    /// Shows what it said, whole and without another's lines in it.
    fn ended(&self, name: &str, ended: &Ended) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.names.retain(|other| other != name);
        running.ended += 1;
        running.last_told = Instant::now();
        let how = match ended.status {
            Some(status) if status.success() => "passed".to_owned(),
            Some(status) => format!("FAILED ({status})"),
            None => "FAILED: it was ended before it came to an end".to_owned(),
        };
        let seconds = ended.took.as_secs_f64();
        say(&format!("{name} {how} after {seconds:.1} s ({} of {})", running.ended, running.of));
        // Nobody is there to be told that nobody is there.
        let _ = std::io::stdout().lock().write_all(&ended.said);
    }

    fn say_what_runs(&self) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.last_told.elapsed() >= SAY_EVERY {
            running.last_told = Instant::now();
            say(&format!("still running: {}", running.names.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The flows whose sources name the stack `chaos`.
    fn sources_in_chaos(folder: &Path) -> Vec<String> {
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file() && std::fs::read_to_string(path).unwrap().contains("Stack::chaos"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != LAST && name != BY_THE_CLOCK)
            .collect();
        found.sort();
        found
    }

    fn script(name: &str, text: &str) -> Program {
        let executable = std::env::temp_dir().join(format!("filas-{}-{name}", std::process::id()));
        std::fs::write(&executable, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&executable, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Program { name: name.to_owned(), executable, folder: std::env::temp_dir() }
    }

    fn run(programs: &[Program], limit: Duration, is_interrupted: &AtomicBool) -> Result<()> {
        let told = OsStr::new("told");
        let runner = Runner { arguments: vec![told], environment: vec![("FILAS_TOLD", told)], is_interrupted, limit };
        let ended = runner.run(programs);
        programs.iter().for_each(|program| std::fs::remove_file(&program.executable).unwrap());
        ended
    }

    #[test]
    fn a_program_is_known_by_its_package_and_file() {
        let message = |id: &str, kind: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///w/{id}","manifest_path":"/w/x/Cargo.toml",
                "target":{{"name":"live","kind":["{kind}"]}},"profile":{{"test":{test}}},"executable":"/t/live-1"}}"#
            )
        };
        let flow = program(&message("tests#filas-e2e@0.1.0", "test", true)).unwrap();
        assert_eq!((flow.name.as_str(), flow.folder.as_path()), ("filas-e2e::live", Path::new("/w/x")));
        assert_eq!(program(&message("functions/live#0.1.0", "lib", true)).unwrap().name, "live");
        assert_eq!(program(&message("functions/live#0.1.0", "bin", false)), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn the_flows_in_the_stack_chaos_are_in_its_lane_but_for_those_without_company() {
        let root = Workspace::find().unwrap().root().to_owned();
        assert_eq!(sources_in_chaos(&root.join("tests/tests")), IN_CHAOS);
    }

    #[test]
    fn every_program_is_run_though_one_fails_and_the_one_is_named() {
        let marks = tempfile::tempdir().unwrap();
        let mark =
            |name: &str| format!("test $1 = told && test $FILAS_TOLD = told && : >{}/{name}", marks.path().display());
        let programs = [
            script("filas-e2e::live", &mark("live")),
            script("filas-e2e::chaos", "echo no; exit 101"),
            script("filas-e2e::events", &mark("events")),
            script("filas-e2e::roles", &format!("{} && test -f {}/live", mark("roles"), marks.path().display())),
        ];
        let error = run(&programs, LIMIT, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.to_string(), "tests failed in filas-e2e::chaos");
        assert!(["live", "events", "roles"].iter().all(|name| marks.path().join(name).is_file()));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_what_it_started() {
        let marks = tempfile::tempdir().unwrap();
        let file = marks.path().join("child");
        // In a group of its own.
        let child = "import os; os.setsid(); os.execvp('sleep', ['sleep', '600'])";
        let hangs = script("hangs", &format!("python3 -c \"{child}\" & echo $! >{}; wait", file.display()));
        let error = run(&[hangs], Duration::from_secs(1), &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.to_string(), "tests failed in hangs");
        let child: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Process::running(child).is_some_and(|process| process.is_alive()) {
            assert!(Instant::now() < deadline, "it still runs");
            thread::sleep(LOOK_EVERY);
        }
    }

    #[test]
    fn who_interrupts_waits_for_no_program() {
        let begun = Instant::now();
        let error = run(&[script("waits", "sleep 600")], LIMIT, &AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
        assert!(begun.elapsed() < LIMIT);
    }
}
