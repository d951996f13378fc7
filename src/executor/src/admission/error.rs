//! The reasons the executor refuses to start, each in one line with the remedy.

use std::fmt;
use std::path::PathBuf;

use callgate_contract::Errors;

use callgate_policies::{PolicyError, PolicyFact};
use callgate_sandbox::ProgramError;
use callgate_state::StateError;

/// The reason the configuration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// A contract's file cannot be read.
    #[error("{file}: cannot be read: {reason}; correct `contracts` in the executor's configuration")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// A contract is not valid; one line for each fault.
    #[error("{0}")]
    Contract(Errors),
    /// A tool's code or grants contradict the contract.
    #[error("{file}: tool {tool}: {fault}")]
    Tool {
        /// The contract's file.
        file: String,
        /// The tool's name.
        tool: String,
        /// The tool's fault.
        fault: Box<ToolFault>,
    },
    /// A path in the operator's lists of grants cannot be allowed.
    #[error(
        "{file}: {field}: expected a file or folder at {path} without symbolic links on the way, found: {reason}; write its real path"
    )]
    Allow {
        /// The configuration file.
        file: String,
        /// The list.
        field: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The configuration gives a program a file of the executor's own.
    #[error(
        "{file}: programs.{program}.{field}: {path} is, holds or lies in {own}, {what}, which no program may reach; give it a file or \
         folder beside it"
    )]
    OwnProgramPath {
        /// The configuration file.
        file: Box<str>,
        /// The program.
        program: Box<str>,
        /// `read` or `write`.
        field: &'static str,
        /// The program's path.
        path: PathBuf,
        /// Its name in errors.
        what: &'static str,
        /// The executor's own file.
        own: PathBuf,
    },
    /// A file or folder of a program cannot be looked at.
    #[error("{file}: programs.{program}.{field}: {path} cannot be read: {reason}; correct it")]
    ProgramPath {
        /// The configuration file.
        file: String,
        /// The program.
        program: String,
        /// `read` or `write`.
        field: &'static str,
        /// The program's path.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A policy cannot be used.
    #[error("{0}; correct it, or `policies` in the executor's configuration")]
    Policy(PolicyError),
    /// A policy reads a fact that the gate does not send for a contract.
    #[error(
        "{file}: expected the gate to send `{fact}`, which policy `{policy}` reads; write `authorize: true` in the contract, or remove the \
         fact from `policies` in the executor's configuration"
    )]
    PolicyFact {
        /// The contract's file.
        file: String,
        /// The policy.
        policy: String,
        /// The fact.
        fact: PolicyFact,
    },
    /// Compiled code cannot be kept in its folder.
    #[error("stateDir: {0}")]
    Cache(StateError),
    /// This machine cannot run WebAssembly.
    #[error("{0}")]
    Sandbox(ProgramError),
}

/// The fault of one tool: the field, the expected and the actual value, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ToolFault {
    /// The module's file cannot be read.
    #[error("run.wasm.module: expected a module at {module}, found: {reason}; build the module or correct the path")]
    Module {
        /// The module's expected file.
        module: PathBuf,
        /// The reason it was not read.
        reason: String,
    },
    /// The module differs from the pinned one.
    #[error(
        "run.wasm.sha256: expected {}, found {} in {module}; if this is the module that was reviewed, run `callgate pin {contract}`",
        Hex(expected),
        Hex(found)
    )]
    Hash {
        /// The module's file.
        module: PathBuf,
        /// The contract's digest.
        expected: [u8; 32],
        /// The file's digest.
        found: [u8; 32],
        /// The contract's file.
        contract: String,
    },
    /// The module cannot run here.
    #[error(
        "run.wasm.module: {module}: {reason}; build it as a WASI preview 1 command, a WASI 0.2 command component, or a component of the world `callgate:tool/tool`"
    )]
    Program {
        /// The module's file.
        module: PathBuf,
        /// The missing export, or the unsupported import.
        reason: ProgramError,
    },
    /// The module needs more memory at start than it would ever get.
    #[error(
        "run.wasm.memory: expected at least the {needed} bytes that the module starts with, found {granted}; raise the grant"
    )]
    Memory {
        /// The contract's grant, in bytes.
        granted: u64,
        /// The module's initial memory, in bytes.
        needed: u64,
    },
    /// A granted folder does not exist.
    #[error("run.wasm.files: expected a folder at {host}, found: {reason}; create it or correct `host`")]
    Folder {
        /// The expected folder.
        host: PathBuf,
        /// The thing found instead.
        reason: String,
    },
    /// TLS for granted HTTP requests cannot be set up: a fault of this program.
    #[error("run.wasm.http: TLS could not be set up: {0}")]
    Tls(rustls::Error),
    /// A granted folder cannot be passed to calls by its open handle.
    #[error(
        "run.wasm.files: {host} cannot be opened by its handle in /proc/self/fd ({reason}); mount /proc for the executor"
    )]
    Proc {
        /// The folder.
        host: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A writable folder of a tool contains or lies in another grant's folder.
    #[error(
        "run.wasm.files: {host} and {other}, which the tool {tool} is granted, lie in one another and one of them is writable; \
         grant one of them, or two that lie side by side"
    )]
    Nested {
        /// The later folder.
        host: PathBuf,
        /// The earlier one.
        other: PathBuf,
        /// The tool with the earlier grant.
        tool: String,
    },
    /// A granted folder is or touches one of the executor's own files.
    #[error(
        "run.wasm.files: {host} holds or lies in {own}, {what}, which no tool may reach; grant a folder beside it or below it that does \
         not hold it"
    )]
    OwnFolder {
        /// The granted folder.
        host: PathBuf,
        /// Its name in errors.
        what: &'static str,
        /// The executor's own file.
        own: PathBuf,
    },
    /// The operator does not allow the folder as a grant.
    #[error(
        "run.wasm.files: {host} is not in a folder that this executor may grant; to allow it, write `{line}` in {configuration}"
    )]
    FolderNotAllowed {
        /// The granted folder.
        host: PathBuf,
        /// The line that would allow it.
        line: String,
        /// The configuration file.
        configuration: PathBuf,
    },
    /// The operator does not allow the variable.
    #[error(
        "run.wasm.env: {name} is not allowed by `sandbox.env` in {configuration}; if tools may read it, write `{line}` there",
        configuration = configuration.display()
    )]
    VariableNotAllowed {
        /// The variable.
        name: String,
        /// The line that would allow it.
        line: String,
        /// The configuration file.
        configuration: PathBuf,
    },
    /// A secret of a tool is one of the executor's own files.
    #[error(
        "run.wasm.secretEnv.{variable}: {file} is or lies in {own}, {what}, which no tool may read; give the tool a secret of its own"
    )]
    OwnSecret {
        /// The variable for the secret.
        variable: String,
        /// The file.
        file: PathBuf,
        /// Its name in errors.
        what: &'static str,
        /// The executor's own file.
        own: PathBuf,
    },
    /// The operator does not allow the file as a secret of a tool.
    #[error(
        "run.wasm.secretEnv.{variable}: {file} is not a file that this executor may hand to tools; to allow it, write `{line}` in \
         {configuration}"
    )]
    SecretNotAllowed {
        /// The variable for the secret.
        variable: String,
        /// The file.
        file: PathBuf,
        /// The line that would allow it.
        line: String,
        /// The configuration file.
        configuration: PathBuf,
    },
    /// A secret cannot be read.
    #[error(
        "run.wasm.secretEnv.{variable}: expected the secret's text in {file}, found: {reason}; correct the file or its path"
    )]
    Secret {
        /// The variable for the secret.
        variable: String,
        /// The expected file.
        file: PathBuf,
        /// The thing found instead; never its content.
        reason: String,
    },
    /// A granted variable cannot be passed on.
    #[error(
        "run.wasm.env: expected UTF-8 text in the variable {name}, found other bytes; correct the executor's environment"
    )]
    Environment {
        /// The variable.
        name: String,
    },
}

struct Hex<'a>(&'a [u8; 32]);

// === impl Hex ===

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
