//! A Chromium for the tests of the dashboard: the one that `FILAS_CHROMIUM` names, one that is installed, or Debian's own,
//! fetched into `.filas/chromium` with the libraries that this machine lacks. Nothing is installed and nobody needs to be
//! root: `apt-get` keeps its lists and files in that folder, and `dpkg-deb` unpacks there.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::progress::{say, step};
use crate::workspace::{Lock, Workspace};

/// Names under which one may be installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// What is fetched. Without a font a page has no text.
const PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// The program of a Chromium that has shown that it starts.
///
/// # Errors
/// When there is none and none can be had, with what to do.
pub fn chromium(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FILAS_CHROMIUM").map(PathBuf::from) {
        ensure!(starts(&named), "FILAS_CHROMIUM names {}, which does not start", named.display());
        return Ok(named);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    if let Some(found) = installed.filter(|path| path.is_file()).find(|path| starts(path)) {
        return Ok(found);
    }
    let _lock = workspace.lock(Lock::Made)?;
    let folder = workspace.made().join("chromium");
    let program = folder.join("run");
    if program.is_file() && starts(&program) {
        return Ok(program);
    }
    say("no Chromium is installed: Debian's own is fetched into .filas/chromium, once (some 120 MB)");
    step("fetching Chromium for the tests of the dashboard", || fetch(&folder, &program)).context(
        "the tests of the dashboard need a browser, and none could be had. Install Chromium (on Debian and Ubuntu: apt \
         install chromium), or name one in FILAS_CHROMIUM",
    )?;
    Ok(program)
}

fn starts(program: &Path) -> bool {
    let run = Command::new(program).args(["--headless", "--no-sandbox", "--disable-gpu", "--version"]).output();
    run.is_ok_and(|run| run.status.success() && String::from_utf8_lossy(&run.stdout).contains('.'))
}

fn fetch(folder: &Path, program: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let root = folder.join("root");
    for made in ["lists/partial", "cache/archives/partial", "packages", "root"] {
        fs::create_dir_all(folder.join(made)).with_context(|| format!("cannot make {made}"))?;
    }
    run(apt(folder).arg("update")).context("apt-get cannot fetch the lists of packages")?;
    let plan = run(apt(folder).args(["install", "--print-uris", "--yes", "--no-install-recommends"]).args(PACKAGES))
        .context("apt-get knows no Chromium")?;
    let names = missing(&plan);
    ensure!(!names.is_empty(), "apt-get holds Chromium for installed, and it does not start");
    run(apt(folder).arg("download").args(&names).current_dir(folder.join("packages")))
        .context("apt-get cannot fetch Chromium")?;
    for package in fs::read_dir(folder.join("packages")).context("cannot list the packages")? {
        let package = package.context("cannot list the packages")?.path();
        run(Command::new("dpkg-deb").arg("-x").args([&package, &root]))
            .with_context(|| format!("cannot unpack {}", package.display()))?;
    }
    for done in ["packages", "cache", "lists"] {
        fs::remove_dir_all(folder.join(done)).with_context(|| format!("cannot remove {done}"))?;
    }
    write_program(&root, program)?;
    ensure!(starts(program), "Chromium was fetched and does not start: run {} --version to see why", program.display());
    Ok(())
}

/// `apt-get` with lists and files in our folder; what is installed it learns from the machine.
fn apt(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    apt.arg("--quiet").env("LC_ALL", "C");
    apt.arg("-o").arg(format!("Dir::State::Lists={}", folder.join("lists").display()));
    apt.arg("-o").arg(format!("Dir::Cache={}", folder.join("cache").display()));
    // Who is root would download as another user, who may not write here.
    apt.args(["-o", "APT::Sandbox::User="]).args(["-o", "Debug::NoLocking=1"]);
    apt
}

/// The packages of a plan, of which each line is `'address' name_version_architecture.deb size digest`.
fn missing(plan: &str) -> BTreeSet<String> {
    let files = plan.lines().filter(|line| line.starts_with('\'')).filter_map(|line| line.split_whitespace().nth(1));
    files.filter_map(|file| file.split('_').next()).map(str::to_owned).collect()
}

/// A script that starts Chromium with the libraries beside it.
fn write_program(root: &Path, program: &Path) -> Result<()> {
    let mut folders = BTreeSet::new();
    for start in ["usr/lib", "lib"] {
        library_folders(&root.join(start), &mut folders);
    }
    let binary = root.join("usr/lib/chromium/chromium");
    // Chromium brings libraries of its own for graphics, which it finds by itself.
    let folders: Vec<String> = folders
        .iter()
        .filter(|folder| !folder.ends_with("chromium"))
        .map(|folder| folder.display().to_string())
        .collect();
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH='{}'\nexport XDG_DATA_DIRS='{}:/usr/local/share:/usr/share'\nexec '{}' \"$@\"\n",
        folders.join(":"),
        root.join("usr/share").display(),
        binary.display()
    );
    fs::write(program, script).with_context(|| format!("cannot write {}", program.display()))?;
    let executable = Permissions::from_mode(0o755);
    fs::set_permissions(program, executable).with_context(|| format!("cannot make {} run", program.display()))
}

fn library_folders(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            library_folders(&path, found);
        } else if entry.file_name().to_string_lossy().contains(".so") {
            found.insert(folder.to_owned());
        }
    }
}

/// What a program says; an error with all of it when it fails.
fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_what_this_machine_lacks() {
        let plan = "Reading package lists...\n'http://x/libogg0_1.3.5-3_amd64.deb' libogg0_1.3.5-3_amd64.deb 23412 MD5Sum:6\n\
                    'http://x/chromium_156_amd64.deb' chromium_156.0.8078.79-1~deb12u1_amd64.deb 81157036 \n";
        assert_eq!(missing(plan), BTreeSet::from(["chromium".to_owned(), "libogg0".to_owned()]));
        assert_eq!(missing("Reading package lists...\n"), BTreeSet::new());
    }

    #[test]
    fn what_is_no_browser_does_not_start() {
        assert!(!starts(Path::new("/nonexistent")));
        assert!(!starts(Path::new("/bin/false")));
    }
}
