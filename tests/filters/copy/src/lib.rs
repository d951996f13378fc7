//! Placeholder until the bench filter lands.
