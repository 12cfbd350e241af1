//! The `dead-letter` function.
fn main() {}
