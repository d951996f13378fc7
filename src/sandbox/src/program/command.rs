//! A component that is a WASI 0.2 command.

use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;

use super::refusal::ProgramError;
use crate::host::Host;

/// A component with `wasi:cli/run`.
pub(super) struct Command(CommandPre<Host>);

// === impl Command ===

impl Command {
    pub(super) fn new(pre: InstancePre<Host>) -> Result<Self, ProgramError> {
        CommandPre::new(pre).map(Self).map_err(|_| ProgramError::NotCommand {
            expected: "the interface `wasi:cli/run` of WASI 0.2, or `callgate:tool/handler`",
        })
    }

    pub(super) async fn run(&self, store: &mut Store<Host>) -> wasmtime::Result<()> {
        let command = self.0.instantiate_async(&mut *store).await?;
        // `wasi:cli/run` has no codes: it succeeds or fails.
        command.wasi_cli_run().call_run(store).await?.map_err(|()| I32Exit(1).into())
    }
}
