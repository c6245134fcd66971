//! `kithd`.
fn main() {}
