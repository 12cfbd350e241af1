//! The Docker engine, and the image that functions run in.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::progress::{say, step};
use crate::workspace::Workspace;

/// The image that `sam local` would take by itself.
const LAMBDA_IMAGE: &str = "public.ecr.aws/lambda/provided:al2023";
/// How long pulling it may take.
const PULL_LIMIT: Duration = Duration::from_secs(180);
/// What `sam` runs in an image to put its emulator of the runtime interface there.
const TOOLS: [&str; 3] = ["sh", "mv", "chmod"];
/// Where programs look for the certificates of others, on the systems that have them there.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A Docker engine that answers.
#[derive(Debug)]
pub struct Engine;

/// An image for the functions of one run. It goes when it is dropped, and what still runs in it.
#[derive(Debug)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// What it was made of, for a person.
    pub made_of: String,
}

impl Engine {
    /// The engine that `docker` finds.
    ///
    /// # Errors
    /// When there is none, with the reason.
    pub fn find() -> Result<Self> {
        let output = Command::new("docker")
            .args(["info", "--format", "{{.ServerVersion}}"])
            .stdin(Stdio::null())
            .output()
            .context("the program `docker` is not here")?;
        let version = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success() && !version.trim().is_empty(),
            "`docker info` said: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(Self)
    }

    /// The address under which containers reach this machine.
    ///
    /// # Errors
    /// When the bridge of the engine has none.
    pub fn host(&self) -> Result<IpAddr> {
        let range = "{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}";
        let text = docker(&["network", "inspect", "bridge", "--format", range])?;
        gateway(&text).with_context(|| format!("docker's bridge has the addresses {text:?}"))
    }

    /// An image in which the SDK finds the cloud at `endpoint`: of Amazon's where that can be pulled, of this machine's own
    /// libraries otherwise.
    ///
    /// # Errors
    /// When none can be made.
    pub fn image(&self, workspace: &Workspace, folder: &Path, endpoint: &str) -> Result<Image> {
        let name = format!("filas-sam-{}:local", std::process::id());
        let variable = format!("ENV AWS_ENDPOINT_URL={endpoint}");
        if step(&format!("pulling {LAMBDA_IMAGE}"), || pull(LAMBDA_IMAGE)).is_ok() {
            let context = folder.join("image");
            fs::create_dir_all(&context).with_context(|| format!("cannot make {}", context.display()))?;
            fs::write(context.join("Dockerfile"), format!("FROM {LAMBDA_IMAGE}\n{variable}\n"))?;
            docker(&["build", "--quiet", "--tag", &name, path(&context)?])?;
            return Ok(Image { name, made_of: LAMBDA_IMAGE.to_owned() });
        }
        say(&format!("{LAMBDA_IMAGE} cannot be pulled: making an image of this machine's libraries instead"));
        let archive = step("making an image", || archive(workspace, folder))?;
        docker(&["import", "--change", &variable, path(&archive)?, &name])?;
        Ok(Image { name, made_of: "the libraries of this machine, where the functions were built".to_owned() })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // `sam` has put its emulator into an image beside ours, `…:rapid-x86_64`, which is made of ours and goes before it.
        // Best effort: the run is over.
        let repository = self.name.split(':').next().unwrap_or(&self.name);
        let images = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", repository]).unwrap_or_default();
        let images: BTreeSet<&str> = images.split_whitespace().collect();
        for image in images.iter().rev() {
            let left =
                docker(&["ps", "--all", "--quiet", "--filter", &format!("ancestor={image}")]).unwrap_or_default();
            for container in left.split_whitespace() {
                let _ = docker(&["rm", "--force", container]);
            }
            let _ = docker(&["rmi", "--force", image]);
        }
    }
}

/// The address of the machine in what the engine says of its bridge: the range, and the machine's place in it, which older
/// engines leave out when it is the first.
fn gateway(told: &str) -> Option<IpAddr> {
    let mut words = told.split_whitespace();
    let range = words.next()?;
    if let Some(gateway) = words.next() {
        return gateway.parse().ok();
    }
    let network: Ipv4Addr = range.split('/').next()?.parse().ok()?;
    Some(Ipv4Addr::from(u32::from(network).checked_add(1)?).into())
}

/// Pulls, and gives up after a while: a machine without a way out may wait for very long.
fn pull(image: &str) -> Result<()> {
    let mut child = Command::new("docker")
        .args(["pull", "--quiet", image])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run docker")?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot look at docker")? {
            ensure!(status.success(), "{image} cannot be pulled");
            return Ok(());
        }
        if begun.elapsed() > PULL_LIMIT {
            child.kill().context("cannot end docker")?;
            child.wait().context("cannot wait for docker")?;
            bail!("{image} was not pulled in {} s", PULL_LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A root folder with what the functions and [`TOOLS`] are linked against, and nothing else, as a tar archive. Functions that
/// were built on this machine find in it exactly the C library that they were built with.
fn archive(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let tree = folder.join("tree");
    for made in ["bin", "tmp", "etc", "opt", "var/task", "var/runtime", "var/rapid"] {
        fs::create_dir_all(tree.join(made)).with_context(|| format!("cannot make {made} in {}", tree.display()))?;
    }
    fs::set_permissions(tree.join("tmp"), fs::Permissions::from_mode(0o1777)).context("cannot open /tmp")?;
    fs::write(tree.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").context("cannot write /etc/passwd")?;
    let mut programs = Vec::new();
    for tool in TOOLS {
        let found = PathBuf::from("/bin").join(tool);
        copy(&found, &tree.join("bin").join(tool))?;
        programs.push(found);
    }
    for function in crate::build::FUNCTIONS {
        programs.push(workspace.functions().join(function).join("bootstrap"));
    }
    for library in libraries(&programs)? {
        copy(&library, &tree.join(library.strip_prefix("/").unwrap_or(&library)))?;
    }
    if Path::new(CERTIFICATES).is_file() {
        copy(Path::new(CERTIFICATES), &tree.join(CERTIFICATES.trim_start_matches('/')))?;
    }
    let archive = folder.join("image.tar");
    let status = Command::new("tar").args(["-C", path(&tree)?, "-cf", path(&archive)?, "."]).status();
    ensure!(status.context("cannot run tar")?.success(), "tar failed");
    Ok(archive)
}

/// Every shared library that the programs need, the loader among them, as the loader finds them.
fn libraries(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("ldd").args(programs).stdin(Stdio::null()).output().context("cannot run ldd")?;
    ensure!(output.status.success(), "ldd failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(libraries_in(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths in what `ldd` prints: `name => /path (address)` or `/path (address)`, below a line `/program:` for each program.
fn libraries_in(printed: &str) -> BTreeSet<PathBuf> {
    let lines = printed.lines().filter(|line| line.starts_with(char::is_whitespace));
    lines.filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).map(PathBuf::from).collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not text", path.display()))
}

/// Runs `docker` and gives what it prints.
fn docker(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().context("cannot run docker")?;
    ensure!(
        output.status.success(),
        "docker {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_the_first_address_of_the_bridge_unless_told_otherwise() {
        let check =
            |told: &str, expected: Option<[u8; 4]>| assert_eq!(gateway(told), expected.map(IpAddr::from), "{told}");
        check("172.17.0.0/16 172.17.0.1\n", Some([172, 17, 0, 1]));
        check("10.9.0.0/24 10.9.0.254\n", Some([10, 9, 0, 254]));
        check("172.17.0.0/16 \n", Some([172, 17, 0, 1]));
        check("\n", None);
        check("somewhere \n", None);
    }

    #[test]
    fn what_ldd_prints_becomes_paths() {
        let printed = "/bin/sh:\n\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x3)\n/bin/mv:\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x4)\n";
        let found: Vec<PathBuf> = libraries_in(printed).into_iter().collect();
        assert_eq!(found, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from));
    }
}
