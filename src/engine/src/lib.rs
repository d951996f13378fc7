//! Placeholder: lands with its first capability.
