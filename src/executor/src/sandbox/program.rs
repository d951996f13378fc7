//! A tool's code, compiled and linked once at start.
//!
//! Two forms, told apart by their first eight bytes: a core module that is a WASI preview 1 command (`_start`), and a
//! component that is a WASI 0.2 command (`wasi:cli/run`). All that stays for a call is to instantiate.

use wasmtime::component::{self, Component};
use wasmtime::{Engine, ExternType, InstancePre, Linker, Module, Store, UnknownImportError};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{I32Exit, p1, p2};

use super::cache::Cache;
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
    Module(InstancePre<Host>),
    Component(CommandPre<Host>),
}

/// Why code cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It does not begin like WebAssembly.
    #[error("expected a WebAssembly module or component, found a file that begins with other bytes")]
    NotWasm,
    /// WebAssembly of a version that is neither.
    #[error("expected a core module of version 1 or a component of the current version, found another version")]
    Version,
    /// It is not valid, or uses a feature that is not supported.
    #[error("expected valid WebAssembly, found: {0}")]
    Invalid(String),
    /// It needs something that no tool is given.
    #[error("expected imports of WASI only, found the import `{0}`, which is not offered")]
    Import(String),
    /// It cannot be started.
    #[error("expected a command ({expected}), found a module without it")]
    NotCommand {
        /// What a command exports.
        expected: &'static str,
    },
    /// Nothing can be linked: a fault of this program.
    #[error("the sandbox could not be set up: {0}")]
    Linker(String),
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
            let module = cache.module(engine, wasm).map_err(invalid)?;
            Self::module(linkers, &module)
        } else if bytes.starts_with(COMPONENT) {
            let component = cache.component(engine, wasm).map_err(invalid)?;
            Self::component(linkers, &component)
        } else if bytes.starts_with(MAGIC) {
            Err(ProgramError::Version)
        } else {
            Err(ProgramError::NotWasm)
        }
    }

    fn module(linkers: &Linkers, module: &Module) -> Result<Self, ProgramError> {
        let start = module.get_export("_start");
        if !matches!(start, Some(ExternType::Func(f)) if f.params().len() == 0 && f.results().len() == 0) {
            return Err(ProgramError::NotCommand { expected: "a function `_start` with no parameters and no results" });
        }
        let pre =
            linkers.core.instantiate_pre(module).map_err(|error| match error.downcast_ref::<UnknownImportError>() {
                Some(unknown) => ProgramError::Import(format!("{}::{}", unknown.module(), unknown.name())),
                None => ProgramError::Import(format!("{error:#}")),
            })?;
        let memory_min = memory_min(module.resources_required().max_initial_memory_size);
        Ok(Self { form: Form::Module(pre), memory_min })
    }

    fn component(linkers: &Linkers, component: &Component) -> Result<Self, ProgramError> {
        let pre = linkers.component.instantiate_pre(component).map_err(|error| {
            // "component imports instance `x:y/z`, but a matching implementation was not found in the linker: …"
            let text = format!("{error:#}");
            let name = text.split('`').nth(1).map_or(text.as_str(), |name| name);
            ProgramError::Import(name.to_owned())
        })?;
        let pre = CommandPre::new(pre)
            .map_err(|_| ProgramError::NotCommand { expected: "the interface `wasi:cli/run` of WASI 0.2" })?;
        let memory_min = memory_min(component.resources_required().and_then(|needs| needs.max_initial_memory_size));
        Ok(Self { form: Form::Component(pre), memory_min })
    }

    /// Linear memory it needs to start at all, in bytes.
    pub fn memory_min(&self) -> u64 {
        self.memory_min
    }

    /// Instantiates and runs to the end.
    ///
    /// # Errors
    /// Whatever ended it early, an exit (`I32Exit`) of any code included.
    pub(super) async fn run(&self, store: &mut Store<Host>) -> wasmtime::Result<()> {
        match &self.form {
            Form::Module(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
                start.call_async(store, ()).await
            }
            Form::Component(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                // `wasi:cli/run` has no codes: it succeeded or it did not.
                command.wasi_cli_run().call_run(store).await?.map_err(|()| I32Exit(1).into())
            }
        }
    }
}

fn invalid(error: wasmtime::Error) -> ProgramError {
    ProgramError::Invalid(format!("{error:#}"))
}

/// Pages of 64 KiB to bytes; pages of another size are a feature that is not enabled.
fn memory_min(pages: Option<u64>) -> u64 {
    pages.unwrap_or(0).saturating_mul(64 << 10)
}
