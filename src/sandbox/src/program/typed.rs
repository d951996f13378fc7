//! A component of the world `callgate:tool` (`wit/tool.wit`): a function from a call to a result.

use std::str::Utf8Error;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{self, Component, HasSelf, InstancePre};
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use self::bindings::ToolPre;
use self::bindings::callgate::tool::caller::Identity;
use self::bindings::exports::callgate::tool::handler::{Call, Code, Failure};
use super::Ended;
use super::refusal::ProgramError;
use crate::caller::Caller;
use crate::grants::Grants;
use crate::host::Host;
use crate::output::TooMuch;

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; what it means is documented in wit/tool.wit")]
mod bindings {
    wasmtime::component::bindgen!({ path: "wit", world: "tool", exports: { default: async } });
}

/// Adds the typed world's interfaces beside WASI.
pub(super) fn add_to_linker(linker: &mut component::Linker<Host>) -> wasmtime::Result<()> {
    bindings::callgate::tool::caller::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)
}

impl bindings::callgate::tool::caller::Host for Host {
    fn get(&mut self) -> Identity {
        let Caller { tenant, role, exchange_id, call_id } = self.caller.clone();
        Identity { tenant, role, exchange_id, call_id }
    }
}

/// The export of a typed component, of any version.
const HANDLER: &str = "callgate:tool/handler@";
/// The export in the supported version.
const SERVED: &str = "callgate:tool/handler@1.";
/// The bytes beside a result of `outputBytes` on the way to the host: the text's length, and its case.
const BESIDE: usize = 1 << 10;

/// A component with `callgate:tool/handler`.
pub(super) struct Typed(ToolPre<Host>);

// === impl Typed ===

impl Typed {
    /// Returns true if the component is meant for this form.
    pub(super) fn is(component: &Component) -> bool {
        component.component_type().exports(component.engine()).any(|(name, _)| name.starts_with(HANDLER))
    }

    pub(super) fn new(component: &Component, pre: InstancePre<Host>) -> Result<Self, ProgramError> {
        let other = |error: wasmtime::Error| ProgramError::Handler(format!("{error:#}"));
        let tool = ToolPre::new(pre).map_err(other)?;
        // Found by name. Its type would otherwise be checked at the first call only.
        typecheck(component).map_err(other)?;
        Ok(Self(tool))
    }

    pub(super) async fn run(
        &self,
        store: &mut Store<Host>,
        grants: &Grants,
        arguments: String,
    ) -> wasmtime::Result<Ended> {
        // A result is copied out of the guest's memory at once, so the limit of one copy must cover it.
        let passed = store.hostcall_fuel().max(grants.output_bytes.saturating_add(BESIDE));
        store.set_hostcall_fuel(passed);
        let tool = self.0.instantiate_async(&mut *store).await?;
        let call = Call { tool: grants.args.first().cloned().unwrap_or_default(), arguments };
        match tool.callgate_tool_handler().call_run(&mut *store, &call).await {
            Ok(Ok(result)) if result.len() > grants.output_bytes => Err(TooMuch.into()),
            Ok(Ok(result)) => Ok(Ended::Returned(result)),
            Ok(Err(failure)) => Ok(Ended::Failed { code: name(failure.code), message: failure.message }),
            // It chose to end without a result, which is not a fault of the sandbox.
            Err(error) if error.downcast_ref::<I32Exit>().is_some_and(|exit| exit.0 == 0) => {
                Ok(Ended::Returned(String::new()))
            }
            Err(error) if too_long_to_pass(&error, store, passed) => Err(TooMuch.into()),
            Err(error) => Err(error),
        }
    }
}

/// Returns true if the handler's `run` has the type `wit/tool.wit` gives it.
fn typecheck(component: &Component) -> wasmtime::Result<()> {
    let (engine, ty) = (component.engine(), component.component_type());
    for (name, export) in ty.exports(engine).filter(|(name, _)| name.starts_with(SERVED)) {
        let ComponentItem::ComponentInstance(handler) = export.ty else {
            return Err(wasmtime::Error::msg(format!("`{name}` is not an interface")));
        };
        match handler.get_export(engine, "run").map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(run)) => {
                run.typecheck::<(&Call,), (Result<String, Failure>,)>(&ty.instance_type())?;
            }
            _ => return Err(wasmtime::Error::msg(format!("`{name}` has no function `run`"))),
        }
    }
    Ok(())
}

/// Returns true if the result is a text too long for even its length to be read. The engine's own error for it has a
/// private type, so this is inferred: the guest had returned (no frame of it was running), its result is not a broken
/// text, and its memory holds more than `passed` bytes. A result with a wrong pointer then counts as too long.
fn too_long_to_pass(error: &wasmtime::Error, store: &Store<Host>, passed: usize) -> bool {
    let running = error.downcast_ref::<WasmBacktrace>().is_some() || error.is::<Trap>() || error.is::<I32Exit>();
    let broken = error.downcast_ref::<Utf8Error>().is_some();
    let held = usize::try_from(store.data().limits.held()).unwrap_or(usize::MAX);
    !running && !broken && held > passed
}

fn name(code: Code) -> &'static str {
    match code {
        Code::InvalidArguments => "invalid_arguments",
        Code::NotFound => "not_found",
        Code::Refused => "refused",
        Code::Unavailable => "unavailable",
        Code::Internal => "internal",
    }
}
