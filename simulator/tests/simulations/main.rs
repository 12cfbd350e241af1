//! The simulator in the ordinary tests.
//!
//! * `seeds`: scenarios and weathers by chance
//! * `exhaustive`: every call of fixed scenarios struck in every way
//! * `bugs`: faults put in on purpose are found

mod bugs;
mod exhaustive;
mod seeds;
