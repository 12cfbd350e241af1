//! What tests need instead of the world: fakes, builders, and the tests that hold the fakes to the real thing.
//!
//! * [`issuer`]: an issuer of tokens, with its keys and its HTTP server
//! * [`memory`]: every port of the domain in memory, with faults to order
//! * [`contract`]: one body of tests for each port, run on the fakes and on the local cloud
//! * [`partner`]: a partner's API that can be slow, fail, hang, refuse and reset, with a journal of what it received
//! * [`receiver`]: a receiver of webhooks that checks signatures, refuses and hangs
//! * [`workbooks`]: files of every format, good ones with a known truth and bad ones of every kind

pub mod contract;
pub mod issuer;
pub mod memory;
pub mod partner;
pub mod receiver;
pub mod workbooks;
