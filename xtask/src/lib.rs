//! What `cargo xtask …` does, as a library, so that the demo, the tests and the benches drive the same local cloud.
//!
//! * [`workspace`]: where things are: the root and the ignored `.filas` folder
//! * [`progress`]: one line for each step, with its seconds
//! * [`build`]: the functions and the command line, built in one cargo call
//! * [`python`]: the Python environment of the local cloud, from hashed requirements
//! * [`cloud`]: the local cloud: up, deploy, down
//! * [`deploy`]: `localstack/deploy.py` as a call
//! * [`layers`]: which room may import which
//! * [`lint`]: everything that is checked without running Filas
//! * [`demo`]: the whole journey on a real workbook
//! * [`test`]: every test, with what they need
//! * [`bench`]: what takes how long, as ratios
//! * [`partner`]: the stand-in for a partner's API, as a server of its own

pub mod bench;
pub mod build;
pub mod cloud;
pub mod demo;
pub mod deploy;
pub mod layers;
pub mod lint;
pub mod partner;
pub mod progress;
pub mod python;
pub mod test;
pub mod workspace;
