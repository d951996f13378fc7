//! The command line of `callgate call`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Args;

/// Decide one call and run its tool on this machine, as the executor would
#[derive(Args)]
#[command(
    after_help = "Prints the result on standard output, and usage with its limits on standard error. Nothing is kept: no state, no \
                  audit log. A call that needs approval runs too.\n\n\
                  Exit code 0: a result. 2: the contract denies the call. 4: the tool gave no result. 1: an error, nothing ran.\n\n\
                  Examples:\n  \
                  callgate call contract.yaml --tool add --arguments '{\"a\": 1.5, \"b\": 2}'\n  \
                  callgate call contract.yaml --config executor.yaml --tool find --role clerk --tenant acme --arguments - < call.json"
)]
pub(crate) struct CallArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The name of the called tool
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: String,
    /// The arguments as the model wrote them, or `-` for standard input
    #[arg(long, value_name = "JSON|-", allow_hyphen_values = true)]
    pub(crate) arguments: String,
    /// The caller's tenant
    #[arg(long, value_name = "TENANT", default_value = "local")]
    pub(crate) tenant: String,
    /// The caller's role; by default the contract's only one
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// The caller's workspace, as the header states it that the contract names in `spec.workspace`
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<String>,
    /// The executor's configuration: the allowed grants and the addresses of backends. Without it, tools may be granted
    /// folders below the contract's, and every backend is unknown
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print outcome, result, usage and limits as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The program callgate-executor, which runs the call; by default the one beside this program, else the one on PATH
    #[arg(long, value_name = "PATH")]
    pub(crate) executor_program: Option<PathBuf>,
}

// === impl CallArguments ===

impl CallArguments {
    /// The arguments of `callgate-executor call`. Each value is part of its option's word, so that none is taken for an option.
    pub(super) fn passed_on(&self) -> Vec<OsString> {
        let option = |name: &str, value: &OsStr| {
            let mut word = OsString::from(name);
            word.push("=");
            word.push(value);
            word
        };
        let mut words = vec![
            option("--tool", self.tool.as_ref()),
            option("--arguments", self.arguments.as_ref()),
            option("--tenant", self.tenant.as_ref()),
        ];
        words.extend(self.role.as_ref().map(|role| option("--role", role.as_ref())));
        words.extend(self.workspace.as_ref().map(|workspace| option("--workspace", workspace.as_ref())));
        words.extend(self.config.as_ref().map(|file| option("--config", file.as_ref())));
        words.extend(self.json.then(|| "--json".into()));
        words.extend(["--".into(), self.file.clone().into_os_string()]);
        words
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_argument_is_passed_on_as_it_was_given() {
        let arguments = CallArguments {
            file: "-c.yaml".into(),
            tool: "--json".into(),
            arguments: "-".into(),
            tenant: String::new(),
            role: Some("a b".into()),
            workspace: Some("/work/a b".into()),
            config: Some("e.yaml".into()),
            json: true,
            executor_program: Some(Path::new("/bin/true").into()),
        };
        let words = [
            "--tool=--json",
            "--arguments=-",
            "--tenant=",
            "--role=a b",
            "--workspace=/work/a b",
            "--config=e.yaml",
            "--json",
            "--",
            "-c.yaml",
        ];
        assert_eq!(arguments.passed_on(), words);
    }
}
