//! `callgate completions` and `callgate man`: files for shells and for `man`, made from the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::CommandLine;
use crate::disk::FileError;

/// Write the completions of a shell to standard output
#[derive(Args)]
#[command(after_help = "Examples:\n  \
                  callgate completions bash > ~/.local/share/bash-completion/completions/callgate\n  \
                  callgate completions zsh > ~/.zfunc/_callgate\n  \
                  callgate completions fish > ~/.config/fish/completions/callgate.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Write the manual pages of all commands into a folder
#[derive(Args)]
#[command(after_help = "Example:\n  callgate man ~/.local/share/man/man1 && man callgate-render")]
pub(crate) struct ManArguments {
    /// An existing folder, such as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Returns the completions.
pub(crate) fn completions(arguments: &CompletionsArguments) -> String {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "callgate", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes one page for each command, over pages of the same name. Prints nothing.
pub(crate) fn man(arguments: &ManArguments) -> Result<String, FileError> {
    let written = clap_mangen::generate_to(CommandLine::command(), &arguments.folder);
    written.map_err(|reason| FileError::Write { file: arguments.folder.clone(), reason })?;
    Ok(String::new())
}
