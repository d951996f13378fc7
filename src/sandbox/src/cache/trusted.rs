//! The one place where machine code is loaded instead of made: the only `unsafe` of the executor.
//!
//! wasmtime checks that an artefact is for this version and configuration of it, and believes the machine code inside. So it
//! must be one that this program wrote. That holds, because a file comes here only if
//! 1. it lies in a folder that was checked at start: owned by the executor's user, closed to all others (`state::private`);
//! 2. its name says which module, which engine and which bytes it is made of, and its bytes were just found to have the
//!    SHA-256 of that name, so that a torn, truncated or altered file never gets here;
//! 3. this program puts files there by renaming whole ones, and never writes to one again: what is mapped does not change.
//!
//! Who can act as the executor's own user could replace a file, name included; but that user could as well replace the executor.

#![allow(unsafe_code, reason = "loading our own compiled code; the argument for it is above")]

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Maps a module that this program compiled.
pub(super) fn module(engine: &Engine, artefact: &Path) -> wasmtime::Result<Module> {
    // SAFETY: see the head of this file.
    unsafe { Module::deserialize_file(engine, artefact) }
}

/// Maps a component that this program compiled.
pub(super) fn component(engine: &Engine, artefact: &Path) -> wasmtime::Result<Component> {
    // SAFETY: see the head of this file.
    unsafe { Component::deserialize_file(engine, artefact) }
}
