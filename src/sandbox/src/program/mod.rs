//! A tool's code, compiled and linked once at start. All that stays for a call is to instantiate.
//!
//! Three forms, each in a file of its own. A core module is told apart from a component by its first eight bytes, the two
//! kinds of components by what they export:
//!
//! | form    | what it is                                              | arguments        | result          |
//! |---------|---------------------------------------------------------|------------------|-----------------|
//! | core    | a module: WASI preview 1 command (`_start`)             | standard input   | standard output |
//! | command | a component: WASI 0.2 command (`wasi:cli/run`)          | standard input   | standard output |
//! | typed   | a component: the world of `wit/tool.wit` (`callgate:tool/handler`) | of a function | of a function |

mod command;
mod core;
mod refusal;
mod typed;

use wasmtime::component::{self, Component};
use wasmtime::{Engine, Linker, Module, Store};
use wasmtime_wasi::{I32Exit, p1, p2};

use self::command::Command;
use self::core::Core;
pub use self::refusal::ProgramError;
use self::typed::Typed;
use super::cache::Cache;
use super::grants::Grants;
use super::host::Host;
use super::quota;
use super::wasm::Wasm;

const MAGIC: &[u8] = b"\0asm";
/// Binary format, section 5.5.16: version 1, layer 0.
const CORE: &[u8] = b"\0asm\x01\0\0\0";
/// Component model binary format: version 0xd, layer 1.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Code ready to run.
pub struct Program {
    form: ProgramForm,
    /// The linear memory it needs to start, in bytes.
    memory_min: u64,
}

enum ProgramForm {
    Core(Core),
    Command(Command),
    Typed(Typed),
}

/// The result of a program that ended by itself.
#[derive(Debug)]
pub(super) enum Ended {
    /// Its result is on standard output.
    Written,
    /// It returned its result.
    Returned(String),
    /// It returned a failure.
    Failed {
        /// One of the codes of `wit/tool.wit`, in the spelling of outcomes.
        code: &'static str,
        /// The tool's own message; any text.
        message: String,
    },
}

/// The linkers of all programs.
pub(super) struct Linkers {
    core: Linker<Host>,
    component: component::Linker<Host>,
}

// === impl Linkers ===

impl Linkers {
    /// Links all of WASI preview 1 and WASI 0.2, `wasi:http` included. The store decides what a call may do with it.
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut core = Linker::new(engine);
        p1::wasi_snapshot_preview1::add_to_linker(&mut core, |host: &mut Host| host)?;
        // The library's own refuses codes over 125, so 127 or 255 would look like a trap.
        core.allow_shadowing(true);
        core.func_wrap("wasi_snapshot_preview1", "proc_exit", |code: i32| -> wasmtime::Result<()> {
            Err(I32Exit(code).into())
        })?;
        core.allow_shadowing(false);

        let mut component = component::Linker::new(engine);
        p2::add_to_linker_async(&mut component)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut component)?;
        quota::add_p2_to_linker(&mut component)?;
        typed::add_to_linker(&mut component)?;
        Ok(Self { core, component })
    }
}

// === impl Program ===

impl Program {
    pub(super) fn compile(
        engine: &Engine,
        linkers: &Linkers,
        cache: &Cache,
        wasm: &Wasm,
    ) -> Result<Self, ProgramError> {
        let bytes = wasm.bytes();
        if bytes.starts_with(CORE) {
            let module = cache.module(engine, wasm).map_err(refusal::invalid)?;
            Self::module(linkers, &module)
        } else if bytes.starts_with(COMPONENT) {
            let component = cache.component(engine, wasm).map_err(refusal::invalid)?;
            Self::component(linkers, &component)
        } else if bytes.starts_with(MAGIC) {
            Err(ProgramError::Version)
        } else {
            Err(ProgramError::NotWasm)
        }
    }

    fn module(linkers: &Linkers, module: &Module) -> Result<Self, ProgramError> {
        // Imports first: they say the most about a module built for another host.
        let pre = linkers.core.instantiate_pre(module).map_err(|error| refusal::import_of_module(&error))?;
        let form = ProgramForm::Core(Core::new(module, pre)?);
        Ok(Self { form, memory_min: memory_min(module.resources_required().max_initial_memory_size) })
    }

    fn component(linkers: &Linkers, component: &Component) -> Result<Self, ProgramError> {
        let pre = linkers.component.instantiate_pre(component).map_err(|error| refusal::import_of_component(&error))?;
        // A component with both exports is meant for us.
        let form = if Typed::is(component) {
            ProgramForm::Typed(Typed::new(component, pre)?)
        } else {
            ProgramForm::Command(Command::new(pre)?)
        };
        let needs = component.resources_required().and_then(|needs| needs.max_initial_memory_size);
        Ok(Self { form, memory_min: memory_min(needs) })
    }

    /// Returns the linear memory it needs to start, in bytes.
    pub fn memory_min(&self) -> u64 {
        self.memory_min
    }

    /// Returns true if the call's arguments are read from standard input. Otherwise [`Self::run`] passes them.
    pub(super) fn reads_stdin(&self) -> bool {
        match self.form {
            ProgramForm::Core(_) | ProgramForm::Command(_) => true,
            ProgramForm::Typed(_) => false,
        }
    }

    /// Instantiates and runs to the end. `arguments` are passed if they are not on standard input.
    ///
    /// # Errors
    /// The early end, an exit (`I32Exit`) with any code included.
    pub(super) async fn run(
        &self,
        store: &mut Store<Host>,
        grants: &Grants,
        arguments: String,
    ) -> wasmtime::Result<Ended> {
        match &self.form {
            ProgramForm::Core(core) => core.run(store).await.map(|()| Ended::Written),
            ProgramForm::Command(command) => command.run(store).await.map(|()| Ended::Written),
            ProgramForm::Typed(typed) => typed.run(store, grants, arguments).await,
        }
    }
}

/// Converts pages of 64 KiB to bytes; other page sizes are a disabled feature.
fn memory_min(pages: Option<u64>) -> u64 {
    pages.unwrap_or(0).saturating_mul(64 << 10)
}
