//! Placeholder: lands with its first capability.
fn main() {}
