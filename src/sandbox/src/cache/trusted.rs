//! Loads machine code instead of compiling it: the only `unsafe` of the executor.
//!
//! wasmtime checks that an artefact matches its version and configuration, and trusts the machine code inside. So this
//! program must have written it. That holds, because a file reaches this module only if
//! 1. it lies in a folder checked at start: owned by the executor's user, closed to all others (`state::private`);
//! 2. its name states its module, its engine and its bytes, and the bytes have the SHA-256 in the name. A torn,
//!    truncated or altered file never gets here;
//! 3. this program places whole files by renaming, and never writes to one again: a mapped file does not change.
//!
//! A process with the executor's own user could replace a file, name included; it could as well replace the executor.

#![allow(unsafe_code, reason = "loading our own compiled code; the argument for it is above")]

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Maps a module compiled by this program.
pub(super) fn module(engine: &Engine, artefact: &Path) -> wasmtime::Result<Module> {
    // SAFETY: see the head of this file.
    unsafe { Module::deserialize_file(engine, artefact) }
}

/// Maps a component compiled by this program.
pub(super) fn component(engine: &Engine, artefact: &Path) -> wasmtime::Result<Component> {
    // SAFETY: see the head of this file.
    unsafe { Component::deserialize_file(engine, artefact) }
}
