//! Compiles the `.proto` files in pure Rust (protox), so that no `protoc` is needed.

use std::error::Error;
use std::path::PathBuf;

const PROTOS: &[&str] = &["callgate/executor/v1/executor.proto", "callgate/worker/v1/worker.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    // The feature of the built crate, not of this script: a wasm build must contain no service code.
    let service = std::env::var_os("CARGO_FEATURE_SERVICE").is_some();

    let descriptors = protox::compile(PROTOS, ["proto"])?;

    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let encoded = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(false)
        .open_files(PROTOS)?
        .encode_file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), encoded)?;

    tonic_prost_build::configure()
        .build_client(service)
        // The same order in each encoding.
        .btree_map(".callgate.executor.v1.ExecuteRequest.earlier_calls")
        .btree_map(".callgate.executor.v1.AuthorizeRequest.earlier_calls")
        .btree_map(".callgate.executor.v1.Caller.claims")
        .build_server(service)
        .codec_path("crate::codec::Bounded")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    Ok(())
}
