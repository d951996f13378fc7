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

/// Code that is ready to run.
pub struct Program {
    form: Form,
    /// Linear memory it needs to start at all, in bytes.
    memory_min: u64,
}

enum Form {
    Core(Core),
    Command(Command),
    Typed(Typed),
}

/// What a program leaves that came to its own end.
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
        /// What the tool says of it; any text.
        message: String,
    },
}

/// What every program is linked against.
pub(super) struct Linkers {
    core: Linker<Host>,
    component: component::Linker<Host>,
}

// === impl Linkers ===

impl Linkers {
    /// All of WASI preview 1 and WASI 0.2, `wasi:http` included; what a call may do with it is for its store to say.
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut core = Linker::new(engine);
        p1::wasi_snapshot_preview1::add_to_linker(&mut core, |host: &mut Host| host)?;
        // The library's own refuses codes over 125, so that 127 or 255 would look like a trap.
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
        // Imports first: of a module that was built for another host they say the most.
        let pre = linkers.core.instantiate_pre(module).map_err(|error| refusal::import_of_module(&error))?;
        let form = Form::Core(Core::new(module, pre)?);
        Ok(Self { form, memory_min: memory_min(module.resources_required().max_initial_memory_size) })
    }

    fn component(linkers: &Linkers, component: &Component) -> Result<Self, ProgramError> {
        let pre = linkers.component.instantiate_pre(component).map_err(|error| refusal::import_of_component(&error))?;
        // What exports both is meant for us.
        let form = if Typed::is(component) {
            Form::Typed(Typed::new(component, pre)?)
        } else {
            Form::Command(Command::new(pre)?)
        };
        let needs = component.resources_required().and_then(|needs| needs.max_initial_memory_size);
        Ok(Self { form, memory_min: memory_min(needs) })
    }

    /// Linear memory it needs to start at all, in bytes.
    pub fn memory_min(&self) -> u64 {
        self.memory_min
    }

    /// Whether the call's arguments are read from standard input. Otherwise they are for [`Self::run`] to hand over.
    pub(super) fn reads_stdin(&self) -> bool {
        match self.form {
            Form::Core(_) | Form::Command(_) => true,
            Form::Typed(_) => false,
        }
    }

    /// Instantiates and runs to the end. `arguments` are handed over where they are not on standard input.
    ///
    /// # Errors
    /// Whatever ended it early, an exit (`I32Exit`) of any code included.
    pub(super) async fn run(
        &self,
        store: &mut Store<Host>,
        grants: &Grants,
        arguments: String,
    ) -> wasmtime::Result<Ended> {
        match &self.form {
            Form::Core(core) => core.run(store).await.map(|()| Ended::Written),
            Form::Command(command) => command.run(store).await.map(|()| Ended::Written),
            Form::Typed(typed) => typed.run(store, grants, arguments).await,
        }
    }
}

/// Pages of 64 KiB to bytes; pages of another size are a feature that is not enabled.
fn memory_min(pages: Option<u64>) -> u64 {
    pages.unwrap_or(0).saturating_mul(64 << 10)
}
