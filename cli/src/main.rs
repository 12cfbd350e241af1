//! `filas`.
fn main() {}
