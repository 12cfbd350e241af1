//! What `cargo xtask …` does, as a library, so that the demo, the tests and the benches drive the same local cloud.
//!
//! * [`workspace`]: where things are: the root and the ignored `.filas` folder
//! * [`progress`]: one line for each step, with its seconds
//! * [`browser`]: a Chromium for the tests of the dashboard
//! * [`build`]: the functions and the command line, built in one cargo call
//! * [`python`]: the Python environment of the local cloud, from hashed requirements
//! * [`cloud`]: the local cloud: up, deploy, down
//! * [`deploy`]: `localstack/deploy.py` as a call
//! * [`failures`]: `docs/FAILURES.md`, whose rows name tests that exist
//! * [`fuzz`]: damaged files by the million
//! * [`layers`]: which room may import which
//! * [`lint`]: everything that is checked without running Filas
//! * [`selections`]: that no crate is compiled twice
//! * [`supply`]: where what comes in comes from
//! * [`demo`]: the whole journey on a real workbook
//! * [`test`]: every test, with what they need
//! * [`bench`]: what takes how long, as ratios
//! * [`chaos`]: many small runs while everything goes wrong, and three books that have to agree
//! * [`sam`]: every function as `sam local` runs it
//! * [`simulate`]: the real handlers over fakes with everything that can go wrong, seed by seed
//! * [`model`]: the protocol, searched for a run that breaks a promise
//! * [`memory`]: how much of it this process has had
//! * [`workbook`]: a workbook for a shipped pipeline
//! * [`partner`]: the stand-in for a partner's API, as a server of its own

pub mod bench;
pub mod browser;
pub mod build;
pub mod chaos;
pub mod cloud;
pub mod demo;
pub mod deploy;
pub mod failures;
pub mod fuzz;
pub mod layers;
pub mod lint;
pub mod memory;
pub mod model;
pub mod partner;
pub mod progress;
pub mod python;
pub mod sam;
pub mod selections;
pub mod simulate;
pub mod supply;
pub mod test;
pub mod workbook;
pub mod workspace;
