//! `componentize MODULE COMPONENT`: makes a component of a core module for `wasm32-wasip1`, built against a WIT world.
//!
//! `cargo build --target wasm32-wasip2` does the same, but some toolchains lack that target. The module carries its world in a custom
//! section, which bindgen wrote. Wasmtime's adapter translates the calls of WASI preview 1 to WASI 0.2. The adapter has its form for
//! libraries: the component has no `main`.

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
