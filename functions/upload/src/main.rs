//! The `upload` function.
fn main() {}
