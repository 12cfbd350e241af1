//! The processor over ports in memory.
//!
//! * `world`: a processor and everything around it, and the books that must balance
//! * `fragile`: ports that fail, stall or die at a chosen call
//! * `batches`: what becomes of messages when nothing fails
//! * `leases`: two workers and one batch
//! * `time`: batches that do not fit into an invocation
//! * `trouble`: something fails
//! * `sweep`: everything that can fail once, or twice, does

mod batches;
mod fragile;
mod leases;
mod resting;
mod sweep;
mod time;
mod trouble;
mod world;
