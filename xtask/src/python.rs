//! The Python environments of the local cloud and of the tests, made from pinned and hashed requirements.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::progress;
use crate::workspace::{Lock, Workspace};

/// The oldest Python that the requirements are pinned for.
const OLDEST: (u32, u32) = (3, 10);

/// Names under which a Python may be found, the usual one first.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// What a set of requirements is for.
#[derive(Debug, Clone, Copy)]
pub enum Requirements {
    /// The emulator and the deployment.
    Cloud,
    /// What lints the template, on top.
    Checks,
    /// Other readers and writers of workbooks, for the tests of ours.
    Readers,
    /// Other readers of workbooks, to be measured beside ours.
    Bench,
    /// Other people's rules for templates.
    Checkov,
    /// A client that holds the deployed API to its document.
    Conformance,
    /// What drives a browser, for the tests of the dashboard.
    Browser,
    /// The SAM CLI.
    Sam,
}

impl Requirements {
    fn file(self) -> &'static str {
        match self {
            Self::Cloud => "requirements.txt",
            Self::Checks => "requirements-checks.txt",
            Self::Readers | Self::Conformance | Self::Browser | Self::Checkov | Self::Sam => "requirements.txt",
            Self::Bench => "requirements-bench.txt",
        }
    }

    /// Where the file is, from the root.
    fn folder(self) -> &'static str {
        match self {
            Self::Cloud | Self::Checks => "localstack",
            Self::Readers | Self::Bench => "shared/sheets/tests/readers",
            Self::Conformance => "tests/conformance",
            Self::Browser => "tests/browser",
            Self::Checkov => "localstack/checkov",
            Self::Sam => "localstack/sam",
        }
    }

    /// The environment below `.filas`: the local cloud's is not made larger by what only tests need.
    fn environment(self) -> &'static str {
        match self {
            Self::Cloud | Self::Checks => "venv",
            Self::Readers => "venv-readers",
            Self::Bench => "venv-bench",
            Self::Conformance => "venv-conformance",
            Self::Browser => "venv-browser",
            Self::Checkov => "venv-checkov",
            Self::Sam => "venv-sam",
        }
    }

    /// True when it is installed into an environment that another set has made.
    fn is_addition(self) -> bool {
        matches!(self, Self::Checks)
    }
}

/// The Python of an environment below `.filas`, with the requirements installed. Takes milliseconds when nothing changed.
///
/// # Errors
/// When no usable Python is found, the environment cannot be made, or a package does not install.
pub fn environment(workspace: &Workspace, wanted: Requirements) -> Result<PathBuf> {
    let _lock = workspace.lock(Lock::Made)?;
    let venv = workspace.made().join(wanted.environment());
    let python = venv.join("bin").join("python");
    if wanted.is_addition() {
        install(workspace, &venv, &python, Requirements::Cloud)?;
    }
    install(workspace, &venv, &python, wanted)?;
    Ok(python)
}

fn install(workspace: &Workspace, venv: &Path, python: &Path, requirements: Requirements) -> Result<()> {
    let file = workspace.root().join(requirements.folder()).join(requirements.file());
    let pinned = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let hash = hex(&Sha256::digest(&pinned));
    let stamp = venv.join(format!("{}.sha256", requirements.file()));
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|known| known == hash) {
        return Ok(());
    }
    if !python.exists() || !requirements.is_addition() {
        let base = find_python()?;
        let name = requirements.environment();
        progress::step(&format!("making a Python environment in .filas/{name} with {base}"), || create(&base, venv))?;
    }
    progress::step(&format!("installing {}/{}", requirements.folder(), requirements.file()), || {
        let mut pip = Command::new(python);
        // The files name every package there is to install. With the dependencies looked at, pip before 23.1 refuses a file
        // with hashes in which two packages ask for one with different extras.
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--no-deps",
            "-r",
        ])
        .arg(&file);
        run(&mut pip).with_context(|| format!("pip did not install {}", file.display()))
    })?;
    // Last, so that an interrupted installation is done again.
    fs::write(&stamp, hash).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The first Python that is new enough.
fn find_python() -> Result<String> {
    let mut seen = Vec::new();
    let chosen = std::env::var("FILAS_PYTHON").ok();
    for name in chosen.as_deref().into_iter().chain(NAMES) {
        let Some(version) = version_of(name) else { continue };
        if version >= OLDEST {
            return Ok(name.to_owned());
        }
        seen.push(format!("{name} is {}.{}", version.0, version.1));
    }
    let found = if seen.is_empty() { "none was found".to_owned() } else { seen.join(", ") };
    bail!(
        "Filas needs Python {}.{} or newer for its local cloud and its tests; {found}. Install one, or name it in FILAS_PYTHON",
        OLDEST.0,
        OLDEST.1
    )
}

fn version_of(python: &str) -> Option<(u32, u32)> {
    let output = Command::new(python)
        .args(["-c", "import sys; print(sys.version_info[0], sys.version_info[1])"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn create(base: &str, venv: &Path) -> Result<()> {
    if venv.exists() {
        fs::remove_dir_all(venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    run(Command::new(base).args(["-m", "venv"]).arg(venv)).with_context(|| {
        format!(
            "{base} cannot make a virtual environment; its venv or ensurepip module may be missing (on Debian and \
             Ubuntu: apt install python3-venv)"
        )
    })
}

/// Runs to the end; a failure carries what the program said.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
