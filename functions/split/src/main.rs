//! The `split` function.
fn main() {}
