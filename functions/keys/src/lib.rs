//! The `keys` function: keys are made, listed and revoked. It is a function of its own so that no other may write keys.
//!
//! * [`handler`]: which call it is

pub mod handler;
