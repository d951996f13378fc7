//! `componentize MODULE COMPONENT`: makes a component of a core module for `wasm32-wasip1` that was built against a WIT world.
//!
//! What `cargo build --target wasm32-wasip2` would do, for tool chains without that target. The module carries its world in a
//! section of its own (bindgen puts it there); what it asks of WASI preview 1 is translated to WASI 0.2 by wasmtime's adapter,
//! in its form for libraries: the component has no `main`.

use std::path::Path;
use std::process::ExitCode;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, component] = arguments.as_slice() else {
        eprintln!("usage: componentize MODULE COMPONENT");
        return ExitCode::FAILURE;
    };
    match componentize(Path::new(module), Path::new(component)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("componentize: {}: {error}", Path::new(module).display());
            ExitCode::FAILURE
        }
    }
}

fn componentize(module: &Path, component: &Path) -> Result<(), String> {
    let bytes = std::fs::read(module).map_err(|error| error.to_string())?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    std::fs::write(component, encoded).map_err(|error| format!("{}: {error}", component.display()))
}
