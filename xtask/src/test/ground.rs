//! What the tests stand on: a local cloud of their own, or whatever `AWS_ENDPOINT_URL` names.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::cloud::{self, Cloud, Place};
use crate::progress::say;
use crate::workspace::Workspace;

/// Where this machine is for functions that do not run on it but in containers, for instance 172.17.0.1.
const HOST: &str = "FILAS_TEST_HOST";

/// The owner's key at an endpoint of somebody else.
const KEY: &str = "the-key-of-a-test";

/// The tests that are about the process of our own emulator, and what they do to it. Nothing of the kind is known of an
/// endpoint that somebody else runs, so there they are left out, by name and aloud.
pub(super) const ABOUT_THE_EMULATOR: [(&str, &str); 4] = [
    (
        "filas-e2e::canary::what_is_in_a_cell_is_in_no_log_no_metric_no_dead_letter_and_no_event",
        "reads the emulator's log, and its queues by a call that AWS has not",
    ),
    (
        "filas-e2e::chaos::everything_that_can_go_wrong_at_once_loses_nothing_and_repeats_nothing_in_effect",
        "stops and starts an emulator of its own",
    ),
    (
        "filas-e2e::chaos::a_worker_killed_in_the_middle_of_a_batch_loses_nothing_and_repeats_nothing_in_effect",
        "kills the processes of workers",
    ),
    ("filas-e2e::events::a_notifier_that_is_killed_again_and_again_loses_no_event", "kills the processes of workers"),
];

/// Where the three stacks of the tests are deployed.
#[derive(Debug)]
pub(super) struct Ground {
    pub place: Place,
    /// Names of the stacks `main`, `chaos` and `strict`.
    pub stacks: [String; 3],
    /// What the emulator and the functions in it say; `None` at an endpoint that somebody else runs.
    pub log: Option<PathBuf>,
}

impl Ground {
    /// A local cloud of our own, where names are free.
    pub fn of(cloud: &Cloud, workspace: &Workspace) -> Self {
        let stacks = [cloud.deployed.stack.clone(), "chaos".to_owned(), "strict".to_owned()];
        Self { place: cloud.access.place(), stacks, log: Some(cloud.log(workspace)) }
    }

    /// The endpoint that `AWS_ENDPOINT_URL` names, if it names one. The stacks have names that nobody else has there.
    pub fn elsewhere() -> Option<Self> {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())?;
        let own = std::process::id();
        Some(Self {
            place: Place {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
                region: cloud::region(),
                owner: cloud::OWNER.to_owned(),
                api_key: KEY.to_owned(),
            },
            stacks: ["main", "chaos", "strict"].map(|name| format!("test-{own}-{name}")),
            log: None,
        })
    }

    /// The tests that cannot be had here, by their own names, as arguments of a test program.
    pub fn skips(&self) -> Vec<&'static str> {
        if self.log.is_some() {
            return Vec::new();
        }
        ABOUT_THE_EMULATOR.iter().flat_map(|(test, _)| ["--skip", test.rsplit("::").next().unwrap_or(test)]).collect()
    }

    /// Says aloud which tests are left out, and why.
    pub fn say_what_is_left_out(&self) {
        if self.log.is_some() {
            return;
        }
        say(&format!("{} tests are SKIPPED at {}:", ABOUT_THE_EMULATOR.len(), self.place.endpoint));
        for (test, why) in ABOUT_THE_EMULATOR {
            say(&format!("  SKIPPED {test}: it {why}"));
        }
    }
}

/// Where functions find partners that run on this machine.
///
/// # Errors
/// When `FILAS_TEST_HOST` is no address.
pub(super) fn host() -> Result<IpAddr> {
    let Some(text) = std::env::var(HOST).ok().filter(|text| !text.is_empty()) else {
        return Ok(Ipv4Addr::LOCALHOST.into());
    };
    let host: IpAddr = text.parse().with_context(|| format!("{HOST} is {text:?}, which is no IP address"))?;
    // Bound to and told to functions: an address that means "all" is nobody's.
    ensure!(!host.is_unspecified(), "{HOST} has to be an address of this machine that functions can reach");
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failures::all_tests;

    #[test]
    fn what_is_left_out_at_other_endpoints_exists() {
        let tests = all_tests(&Workspace::find().unwrap()).unwrap();
        for (test, _) in ABOUT_THE_EMULATOR {
            assert!(tests.contains(test), "{test}");
            // `--skip` takes every test with the name in its own.
            let name = test.rsplit("::").next().unwrap();
            assert_eq!(tests.iter().filter(|known| known.contains(name)).count(), 1, "{name}");
        }
    }
}
