//! A core module: a WASI preview 1 command.

use wasmtime::{ExternType, InstancePre, Module, Store};

use super::refusal::ProgramError;
use crate::host::Host;

/// A module with `_start`.
pub(super) struct Core(InstancePre<Host>);

// === impl Core ===

impl Core {
    pub(super) fn new(module: &Module, pre: InstancePre<Host>) -> Result<Self, ProgramError> {
        match module.get_export("_start") {
            Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => Ok(Self(pre)),
            _ => Err(ProgramError::NotCommand { expected: "a function `_start` with no parameters and no results" }),
        }
    }

    pub(super) async fn run(&self, store: &mut Store<Host>) -> wasmtime::Result<()> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
        start.call_async(store, ()).await
    }
}
