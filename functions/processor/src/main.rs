//! The `processor` function.
fn main() {}
