//! The `status` function.
fn main() {}
