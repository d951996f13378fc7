//! An MCP server on standard input and output (MCP *Transports*, stdio), started in a confinement of its own.
//!
//! Its error output is for people: MCP allows any text there. The log gets its first lines, and the rest is dropped.

use std::process::Stdio;

use rmcp::RoleClient;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::backends::BackendError;
use crate::backends::fault::AttemptFault;
use crate::backends::settings::{ProgramSettings, VariableSource};

/// The longest message of a server, in bytes.
const LINE_BYTES: usize = 16 << 20;
/// The lines of error output that the log gets of one process, and the most bytes of each.
const LOG_LINES: usize = 16;
const LOG_LINE_BYTES: u64 = 512;

pub(super) type ProgramTransport = AsyncRwTransport<RoleClient, ChildStdout, ChildStdin>;

/// A program to start.
pub(super) struct Program {
    name: String,
    settings: ProgramSettings,
}

// === impl Program ===

impl Program {
    /// Checks that the program can be confined here, and that the files of its environment can be read.
    pub(super) fn new(name: &str, settings: &ProgramSettings) -> Result<Self, BackendError> {
        let unusable = |field: &str, reason: String| BackendError::Program {
            program: name.to_owned(),
            field: field.to_owned(),
            reason,
        };
        for (variable, source) in &settings.environment {
            value(source).map_err(|error| unusable(&format!("environment.{variable}"), error.to_string()))?;
        }
        let probed = settings.confinement.probe(&settings.confining);
        probed.map_err(|error| unusable("command", error.to_string()))?;
        Ok(Self { name: name.to_owned(), settings: settings.clone() })
    }

    /// Starts the program. It ends when the child is dropped.
    pub(super) fn start(&self) -> Result<(Child, ProgramTransport), AttemptFault> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(program = self.name, %error, "a program cannot be started");
            AttemptFault::Unavailable("the program cannot be started".into())
        };
        let ProgramSettings { confinement, environment, confining } = &self.settings;
        let mut command = confinement.command(confining).map_err(|error| unavailable(&error))?;
        for (name, source) in environment {
            command.env(name, value(source).map_err(|error| unavailable(&error))?);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Command::from(command).kill_on_drop(true).spawn().map_err(|error| unavailable(&error))?;
        let (Some(input), Some(output), Some(error)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(unavailable(&"it has no input or output"));
        };
        tokio::spawn(log(self.name.clone(), error));
        Ok((child, AsyncRwTransport::new(output, input).with_max_line_length(LINE_BYTES)))
    }
}

/// Reads the value of a variable.
fn value(source: &VariableSource) -> std::io::Result<String> {
    match source {
        VariableSource::Text(text) => Ok(text.clone()),
        VariableSource::File(file) => file.read(),
    }
}

/// Logs the first lines of a program's error output, and reads the rest so that the program never waits for it.
async fn log(program: String, output: ChildStderr) {
    let mut output = BufReader::new(output);
    for _ in 0..LOG_LINES {
        let mut line = Vec::new();
        match (&mut output).take(LOG_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let line = String::from_utf8_lossy(&line).trim_end().escape_debug().to_string();
                tracing::warn!(program, line, "a program says");
            }
        }
    }
    // Nothing depends on the rest.
    let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
}
