//! Which processor and which C library functions are built for, when it is for AWS and not for the local cloud.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use super::FUNCTIONS;
use crate::workspace::Workspace;

/// The C library of Amazon Linux 2023, which functions find there.
const AMAZONS_GLIBC: (u32, u32) = (2, 34);

/// A processor of Lambda, in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Processor {
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86,
}

impl Processor {
    /// What Rust calls it.
    const fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }

    /// What Lambda and the template call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }

    fn is_this_machines(self) -> bool {
        crate::cloud::architecture().is_ok_and(|architecture| architecture == self.name())
    }

    /// The cargo call that builds for it, as `cargo`'s arguments: by cargo-zigbuild where it is installed, which links against
    /// Amazon's C library whatever this machine has, and by cargo alone for the processor of this machine.
    ///
    /// # Errors
    /// When neither is possible, with what to do.
    pub(super) fn cargo_arguments(self) -> Result<Vec<String>> {
        if has_zigbuild() {
            ensure!(
                has_standard_library(self.triple())?,
                "Rust's standard library for {} is not here. Run: rustup target add {}",
                self.name(),
                self.triple()
            );
            let (major, minor) = AMAZONS_GLIBC;
            return Ok(vec!["zigbuild".into(), "--target".into(), format!("{}.{major}.{minor}", self.triple())]);
        }
        if self.is_this_machines() {
            return Ok(vec!["build".into()]);
        }
        bail!(
            "this machine does not build for {name} by itself. Either let it:\n    \
             pip install cargo-zigbuild ziglang && rustup target add {triple}\n\
             or build on a machine with that processor, or for this one's and deploy with it:\n    \
             ARCHITECTURE={other} sam build && sam deploy --guided --parameter-overrides Architecture={other}",
            name = self.name(),
            triple = self.triple(),
            other = if self == Self::Arm64 { "x86_64" } else { "arm64" },
        )
    }
}

fn has_zigbuild() -> bool {
    let mut command = Command::new("cargo-zigbuild");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn has_standard_library(triple: &str) -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", triple])
        .stdin(Stdio::null())
        .output()
        .context("cannot run rustc")?;
    Ok(output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Fails when a placed function asks for a newer C library than Amazon's: Lambda would start none of them.
pub(super) fn check_glibc(workspace: &Workspace) -> Result<()> {
    for name in FUNCTIONS {
        let bootstrap = workspace.functions().join(name).join("bootstrap");
        let bytes = fs::read(&bootstrap).with_context(|| format!("cannot read {}", bootstrap.display()))?;
        let Some(wanted) = newest_glibc(&bytes) else { continue };
        ensure!(
            wanted <= AMAZONS_GLIBC,
            "{name} needs glibc {}.{}, and Amazon Linux 2023 has {}.{}. Install cargo-zigbuild (pip install cargo-zigbuild \
             ziglang), which links against the older one, or build on an older system",
            wanted.0,
            wanted.1,
            AMAZONS_GLIBC.0,
            AMAZONS_GLIBC.1
        );
    }
    Ok(())
}

/// The newest version among the symbol versions `GLIBC_2.…` that a program names.
fn newest_glibc(program: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_2.";
    let places = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    places
        .filter_map(|(place, _)| {
            let digits: String = program[place + MARK.len()..]
                .iter()
                .take(4)
                .map(|byte| char::from(*byte))
                .take_while(char::is_ascii_digit)
                .collect();
            Some((2, digits.parse().ok()?))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_the_c_library_is_found() {
        let check = |text: &str, expected| assert_eq!(newest_glibc(text.as_bytes()), expected, "{text}");
        check("\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.17\0", Some((2, 34)));
        check("GLIBC_2.9\0GLIBC_2.39", Some((2, 39)));
        check("GLIBC_PRIVATE GLIBC_2.x", None);
    }

    #[test]
    fn this_machines_own_processor_is_built_for_in_any_case() {
        let own = if Processor::Arm64.is_this_machines() { Processor::Arm64 } else { Processor::X86 };
        assert!(own.is_this_machines());
        assert!(own.cargo_arguments().is_ok());
    }
}
