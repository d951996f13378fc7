//! Links GCC's unwinder into the module, which catches panics.
//!
//! Envoy needs no `libgcc_s.so.1`, and its distroless images have none: a module that needs it would not load there.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    let Some(folder) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return Ok(()) };
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // The standard library asks for `-lgcc_s`. A linker script of this name stands for the static libraries.
        std::fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")?;
        println!("cargo::rustc-link-arg-cdylib=-L{}", folder.display());
    }
    Ok(())
}
