//! `callgate doctor`: reports if an Envoy can run the gate, before it is configured to.
//!
//! Nothing is loaded. Envoy states its version itself; everything else is read from the two files. Not covered: the types behind the
//! names, which the ABI's version stands for.

mod envoy;
mod error;
mod hooks;
mod module;
mod symbols;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::envoy::Envoy;
use self::error::DoctorError;
use self::module::Module;
use crate::output::{Exit, Failure, Outcome};

/// Report if an Envoy can run the gate, as a native module too
#[derive(Args)]
#[command(
    after_help = "The native module (`callgate render --host native`) uses functions of Envoy by name. With one missing, Envoy \
                  refuses the module, and names only the first. This command names all of them.\n\n\
                  Example:\n  callgate doctor --envoy /usr/local/bin/envoy --module /usr/local/lib/libcallgate.so"
)]
pub(crate) struct DoctorArguments {
    /// Envoy's program; it is run with --version
    #[arg(long, value_name = "FILE")]
    pub(crate) envoy: PathBuf,
    /// The native module, libcallgate.so
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
    /// Print the findings as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Returns the findings; each reason why the module would not run is an error.
pub(crate) fn doctor(arguments: &DoctorArguments) -> Result<Outcome, DoctorError> {
    let envoy = Envoy::read(&arguments.envoy)?;
    let module = arguments.module.as_deref().map(Module::read).transpose()?;
    if arguments.json {
        let faults = module.as_ref().map(|module| module.faults(&envoy)).unwrap_or_default();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let exit = if faults.is_empty() { Exit::Success } else { Exit::Failed(Vec::new()) };
        let out = json!({ "envoy": envoy.json(), "module": module.as_ref().map(Module::json), "faults": faults });
        return Ok(Outcome { out: format!("{out}\n"), exit });
    }
    let mut out = envoy.describe();
    let Some(module) = module else { return Ok(Outcome::success(out)) };
    out.push_str(&module.describe());
    let errors = module.faults(&envoy);
    if errors.is_empty() {
        out.push_str(&format!("ok: Envoy {} can load the module\n", envoy.version));
    }
    Ok(Outcome::of_files(out, errors.into_iter().map(Failure::from).collect()))
}
