//! `wasm-imports FILE…`: lists the imports of a module, and fails on any import Envoy does not provide.
//!
//! Envoy refuses such a module only when it loads the configuration; this program finds it at build time. The list comes from Envoy's
//! wasm host, proxy-wasm-cpp-host: `FOR_ALL_HOST_FUNCTIONS` and `FOR_ALL_WASI_FUNCTIONS` in `include/proxy-wasm/exports.h`, registered
//! by `WasmBase::registerCallbacks`. The host answers most WASI functions with an error, because it has no files and no sockets. This
//! program refuses those too: a filter that needs one is wrong, even if it loads. It does not compare signatures; the SDK and the
//! toolchain own them.

use std::path::Path;
use std::process::ExitCode;

use wasmparser::{Parser, Payload};

/// `env.proxy_…` of ABI 0.2.1, without the prefix.
const PROXY: [&str; 39] = [
    "log",
    "get_status",
    "set_property",
    "get_property",
    "send_local_response",
    "get_shared_data",
    "set_shared_data",
    "register_shared_queue",
    "resolve_shared_queue",
    "dequeue_shared_queue",
    "enqueue_shared_queue",
    "get_header_map_value",
    "add_header_map_value",
    "replace_header_map_value",
    "remove_header_map_value",
    "get_header_map_pairs",
    "set_header_map_pairs",
    "get_header_map_size",
    "get_buffer_status",
    "get_buffer_bytes",
    "set_buffer_bytes",
    "http_call",
    "grpc_call",
    "grpc_stream",
    "grpc_close",
    "grpc_cancel",
    "grpc_send",
    "set_tick_period_milliseconds",
    "get_current_time_nanoseconds",
    "define_metric",
    "increment_metric",
    "record_metric",
    "get_metric",
    "set_effective_context",
    "done",
    "call_foreign_function",
    "continue_stream",
    "close_stream",
    "get_log_level",
];

/// The functions `wasi_snapshot_preview1.…` this host implements. Files and sockets are not among them. `fd_write` writes to Envoy's log,
/// arguments are empty, and the environment is the list `environment_variables`.
const WASI: [&str; 10] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_fdstat_get",
    "fd_write",
    "proc_exit",
    "random_get",
    "sched_yield",
];

/// The exports Envoy needs in a module: the ABI's mark, an entry point, and an allocator.
const NEEDED: [&[&str]; 3] =
    [&["proxy_abi_version_0_2_1"], &["_initialize", "_start"], &["proxy_on_memory_allocate", "malloc"]];

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: wasm-imports FILE…");
        return ExitCode::from(2);
    }
    let mut sound = true;
    for file in &files {
        match faults(Path::new(file)) {
            Ok(faults) if faults.is_empty() => {}
            Ok(faults) => {
                sound = false;
                for fault in faults {
                    eprintln!("{}: {fault}", file.to_string_lossy());
                }
            }
            Err(error) => {
                sound = false;
                eprintln!("{}: {error}", file.to_string_lossy());
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the imports of a module; returns the reasons Envoy would refuse it.
fn faults(file: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let module = std::fs::read(file)?;
    let mut imports = Vec::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(&module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.push((import.module.to_owned(), import.name.to_owned()));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export?.name.to_owned());
                }
            }
            _ => {}
        }
    }
    println!("{}: {} bytes, {} imports:", file.display(), module.len(), imports.len());
    for (module, name) in &imports {
        println!("  {module}.{name}");
    }
    Ok(lacking(&imports, &exports))
}

fn lacking(imports: &[(String, String)], exports: &[String]) -> Vec<String> {
    let imports = imports
        .iter()
        .filter(|(module, name)| !provided(module, name))
        .map(|(module, name)| format!("imports {module}.{name}, which Envoy does not provide"));
    let exports = NEEDED
        .iter()
        .filter(|names| !names.iter().any(|name| exports.iter().any(|export| export == name)))
        .map(|names| format!("exports no {}", names.join(" and no ")));
    imports.chain(exports).collect()
}

fn provided(module: &str, name: &str) -> bool {
    match module {
        "env" => name.strip_prefix("proxy_").is_some_and(|name| PROXY.contains(&name)),
        "wasi_snapshot_preview1" => WASI.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(import: (&str, &str)) -> Vec<String> {
        let exports = ["proxy_abi_version_0_2_1", "_initialize", "malloc"].map(str::to_owned);
        lacking(&[(import.0.to_owned(), import.1.to_owned())], &exports)
    }

    #[test]
    fn what_envoy_carries_out_is_let_through() {
        for import in [("env", "proxy_grpc_call"), ("wasi_snapshot_preview1", "random_get")] {
            assert!(checked(import).is_empty(), "{import:?}");
        }
    }

    #[test]
    fn what_envoy_lacks_or_only_answers_with_an_error_is_named() {
        let strange = [
            ("__wbindgen_placeholder__", "__wbindgen_describe"),
            ("env", "memcpy"),
            ("env", "proxy_redirect_to_mars"),
            ("wasi_snapshot_preview1", "path_open"),
        ];
        for (module, name) in strange {
            assert_eq!(checked((module, name)), [format!("imports {module}.{name}, which Envoy does not provide")]);
        }
    }

    #[test]
    fn a_module_that_is_no_filter_is_named() {
        assert_eq!(
            lacking(&[], &[]),
            [
                "exports no proxy_abi_version_0_2_1",
                "exports no _initialize and no _start",
                "exports no proxy_on_memory_allocate and no malloc",
            ]
        );
    }
}
