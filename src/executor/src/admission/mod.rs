//! Loads all contracts and their modules: read, checked, compiled and linked once, before the executor listens.
//!
//! After this nothing in a request reaches a file, a path or a compiler: a digest selects a contract, a name selects a
//! tool.

mod cache;
mod error;
mod fence;
mod grants;
mod overlap;
mod secrets;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callgate_contract::{Bounds, Contract, Files, GrpcRun, HttpRun, McpRun, Run, Tool, WasmRun};

pub use self::error::{AdmissionError, Fault};
use self::fence::Fence;
use self::overlap::Overlaps;
use crate::config::{Config, OwnPath};
use crate::footprint::{Footprint, Reads};
use crate::telemetry::Metrics;
use callgate_sandbox::{Cache, Fixed, Grants, Network, Program, Sandbox, Wasm};

/// The maximum size of a module: no tool is that large, and compilation takes several times its size.
const MODULE_BYTES: u64 = 256 << 20;
/// The maximum bytes of a contract, and of each schema file beside it.
const CONTRACT_BYTES: u64 = 16 << 20;

/// All contracts by digest, and the sandbox of their tools.
pub struct Registry {
    sandbox: Arc<Sandbox>,
    contracts: HashMap<String, Arc<Admitted>>,
    /// The compiled code, by the SHA-256 of the module.
    programs: Programs,
    footprint: Footprint,
    /// The files the executor was started with. A reload changes the configuration, but not the files in use.
    own: Vec<OwnPath>,
}

type Programs = HashMap<[u8; 32], Arc<Program>>;

/// One contract ready to serve.
pub struct Admitted {
    contract: Contract,
    runnables: HashMap<String, Runnable>,
}

/// The runner of a tool.
#[derive(Clone)]
pub(crate) enum Runnable {
    /// The tool's code, in the sandbox.
    Sandbox { sandbox: Arc<Sandbox>, program: Arc<Program>, grants: Arc<Grants> },
    /// The backend named by the contract.
    Backend(Bounds),
}

/// A contract and its file.
struct Source {
    file: PathBuf,
    contract: Contract,
}

/// The schema files beside a contract.
struct Folder<'a> {
    path: &'a Path,
    reads: &'a Reads,
}

/// Reads and compiles the contract in `file`.
pub(crate) fn read_contract(file: &Path) -> Result<Contract, AdmissionError> {
    Source::read(file, &Reads::default()).map(|source| source.contract)
}

/// Admits one tool of the contract in `file` to its own sandbox. Reads nothing of the contract's other tools, and
/// writes nothing: compiled code comes from an existing cache, and is not kept.
pub(crate) fn admit_one(config: &Config, file: &Path, tool: &str) -> Result<Option<Runnable>, AdmissionError> {
    let cache = cache::read_only(config, &Metrics::new());
    let sandbox = sandbox(config, Network::system(), cache.map_err(AdmissionError::Cache)?)?;
    let (mut programs, reads) = (Programs::new(), Reads::default());
    let source = Source::read(file, &reads)?;
    let fence = Source::fence(config, &[], std::slice::from_ref(&source), &reads)?;
    let around = (&fence, &mut Overlaps::default());
    let mut admitted = source.admit(&sandbox, around, &Programs::new(), &mut programs, Some(tool), &reads)?;
    Ok(admitted.remove(tool))
}

/// Creates the sandbox of a configuration.
fn sandbox(config: &Config, network: Network, cache: Cache) -> Result<Arc<Sandbox>, AdmissionError> {
    let fixed = config.sandbox.deterministic;
    if let Some(Fixed { clock, seed }) = fixed {
        tracing::warn!(
            clock = clock.as_secs(),
            seed,
            "DETERMINISTIC: the clock of all tools stands still and their random numbers can be foretold; for tests and replay \
             only, never with real secrets"
        );
    }
    let network = network.with_nat64(&config.sandbox.nat64);
    let sandbox = Sandbox::new(config.concurrency, cache, fixed, network).map_err(AdmissionError::Sandbox)?;
    tracing::info!(allocation = ?sandbox.allocation(), concurrency = config.concurrency, "sandbox is set up");
    Ok(Arc::new(sandbox))
}

// === impl Registry ===

impl Registry {
    /// Creates the sandbox and admits every contract in `config`.
    ///
    /// # Errors
    /// The machine runs no WebAssembly, or the first fault of [`Registry::admit_to`].
    pub fn admit(config: &Config) -> Result<Self, AdmissionError> {
        Self::admit_on(config, Network::system(), &Metrics::new())
    }

    /// Does the same, counts compilations, and uses `network` for the tools' requests.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub fn admit_on(config: &Config, network: Network, metrics: &Metrics) -> Result<Self, AdmissionError> {
        let cache = cache::open(config, metrics);
        Self::admit_with(config, network, cache.map_err(AdmissionError::Cache)?)
    }

    /// Does the same without writing a byte: compiled code comes from an existing cache, and is not kept.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub(crate) fn check(config: &Config, network: Network, metrics: &Metrics) -> Result<Self, AdmissionError> {
        let cache = cache::read_only(config, metrics);
        Self::admit_with(config, network, cache.map_err(AdmissionError::Cache)?)
    }

    fn admit_with(config: &Config, network: Network, cache: Cache) -> Result<Self, AdmissionError> {
        Self::admit_to(sandbox(config, network, cache)?, config)
    }

    /// Reads, checks and compiles every contract in `config`, for a sandbox that may still run calls of an earlier
    /// registry. This takes as long as the modules take to compile, and changes nothing else: an asynchronous caller
    /// uses a blocking thread.
    ///
    /// # Errors
    /// The first fault, with file, tool, field, the expected and the actual value, and the remedy.
    pub fn admit_to(sandbox: Arc<Sandbox>, config: &Config) -> Result<Self, AdmissionError> {
        Self::read(sandbox, config, (&Programs::new(), &config.own_files()), &Reads::default())
    }

    /// Creates the registry that replaces this one. Modules of this one are not compiled again. `reads` notes every
    /// file, even if one is faulty.
    pub(crate) fn next(&self, config: &Config, reads: &Reads) -> Result<Self, AdmissionError> {
        Self::read(Arc::clone(&self.sandbox), config, (&self.programs, &self.own), reads)
    }

    fn read(
        sandbox: Arc<Sandbox>,
        config: &Config,
        (before, own): (&Programs, &[OwnPath]),
        reads: &Reads,
    ) -> Result<Self, AdmissionError> {
        let mut programs = HashMap::new();
        let mut overlaps = Overlaps::default();
        let mut contracts = HashMap::new();
        let sources = Source::all(config, reads)?;
        let fence = Source::fence(config, own, &sources, reads)?;
        for source in sources {
            let runnables = source.admit(&sandbox, (&fence, &mut overlaps), before, &mut programs, None, reads)?;
            let contract = source.contract;
            tracing::info!(
                contract = contract.name(),
                version = contract.version(),
                digest = contract.digest(),
                tools = contract.tools().len(),
                sandboxed = runnables.len(),
                "contract is admitted"
            );
            contracts.insert(contract.digest().to_owned(), Arc::new(Admitted { contract, runnables }));
        }
        Ok(Self { sandbox, contracts, programs, footprint: reads.footprint(), own: own.to_vec() })
    }

    /// Returns the files of this registry.
    pub(crate) fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// Returns the sandbox of the tools.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Returns all contracts, in no order.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values().map(|admitted| &admitted.contract)
    }

    /// Returns the contract with this digest.
    pub fn contract(&self, digest: &str) -> Option<&Arc<Admitted>> {
        self.contracts.get(digest)
    }

    /// Returns the served digests, sorted.
    pub fn digests(&self) -> Vec<&str> {
        let mut digests: Vec<_> = self.contracts.keys().map(String::as_str).collect();
        digests.sort_unstable();
        digests
    }
}

// === impl Admitted ===

impl Admitted {
    /// The contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Returns the runner of a tool of this contract; `None` if the application runs it.
    pub(crate) fn runnable(&self, tool: &Tool) -> Option<Runnable> {
        match tool.run() {
            Run::Client => None,
            Run::Wasm(_) => self.runnables.get(tool.name()).cloned(),
            Run::Grpc(GrpcRun { bounds, .. }) | Run::Http(HttpRun { bounds, .. }) | Run::Mcp(McpRun { bounds, .. }) => {
                Some(Runnable::Backend(*bounds))
            }
        }
    }
}

// === impl Runnable ===

impl Runnable {
    /// Returns the wall-clock limit of the whole call.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::Sandbox { grants, .. } => grants.timeout,
            Self::Backend(bounds) => bounds.timeout,
        }
    }
}

// === impl Source ===

impl Source {
    /// Returns each contract of `config` once. During a roll-out the old file and the new one may be equal: the first
    /// counts.
    fn all(config: &Config, reads: &Reads) -> Result<Vec<Self>, AdmissionError> {
        let mut sources: Vec<Self> = Vec::new();
        for file in &config.contracts {
            let source = Self::read(file, reads)?;
            match sources.iter().find(|other| other.contract.digest() == source.contract.digest()) {
                None => sources.push(source),
                Some(twin) => tracing::warn!(
                    file = source.name(),
                    twin = twin.name(),
                    "two files hold the same contract, digest for digest; only the first is used, with the folder that it lies in"
                ),
            }
        }
        Ok(sources)
    }

    fn read(file: &Path, reads: &Reads) -> Result<Self, AdmissionError> {
        let name = file.display().to_string();
        let text = reads
            .text(file, CONTRACT_BYTES)
            .map_err(|error| AdmissionError::Unreadable { file: name.clone(), reason: error.to_string() })?;
        let files = Folder { path: folder(file), reads };
        let contract = callgate_contract::load(&name, &text, &files).map_err(AdmissionError::Contract)?;
        Ok(Self { file: file.to_owned(), contract })
    }

    /// Builds the fence around the grants of `sources`. `reads` has their contracts and schemas.
    fn fence(config: &Config, own: &[OwnPath], sources: &[Self], reads: &Reads) -> Result<Fence, AdmissionError> {
        let modules = sources.iter().flat_map(Self::modules);
        let secrets = sources.iter().flat_map(Self::secrets);
        Fence::new(config, own, reads.footprint().files().map(Path::to_owned).chain(modules), secrets)
    }

    fn secrets(&self) -> impl Iterator<Item = PathBuf> {
        self.wasm_tools().flat_map(|(_, run)| run.secret_env.iter().map(|(_, path)| PathBuf::from(path)))
    }

    fn modules(&self) -> impl Iterator<Item = PathBuf> {
        self.wasm_tools().map(|(_, run)| folder(&self.file).join(&run.module))
    }

    fn name(&self) -> String {
        self.file.display().to_string()
    }

    fn wasm_tools(&self) -> impl Iterator<Item = (&Tool, &WasmRun)> {
        self.contract.tools().iter().filter_map(|tool| match tool.run() {
            Run::Wasm(run) => Some((tool, run)),
            Run::Client | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => None,
        })
    }

    /// Compiles each module not compiled `before`; tools that share a module share its code. With `only`, just one
    /// tool's.
    fn admit(
        &self,
        sandbox: &Arc<Sandbox>,
        (fence, overlaps): (&Fence, &mut Overlaps),
        before: &Programs,
        programs: &mut Programs,
        only: Option<&str>,
        reads: &Reads,
    ) -> Result<HashMap<String, Runnable>, AdmissionError> {
        let mut runnables = HashMap::new();
        for (tool, run) in self.wasm_tools().filter(|(tool, _)| only.is_none_or(|only| tool.name() == only)) {
            let fault = |fault: Fault| AdmissionError::Tool {
                file: self.name(),
                tool: tool.name().to_owned(),
                fault: Box::new(fault),
            };
            let program = self.program(tool, run, sandbox, before, programs, reads).map_err(fault)?;
            if program.memory_min() > run.memory {
                return Err(fault(Fault::Memory { granted: run.memory, needed: program.memory_min() }));
            }
            let base = folder(&self.file);
            let grants = grants::resolve(sandbox, fence, overlaps, tool.name(), run, base, reads).map_err(fault)?;
            let sandbox = Arc::clone(sandbox);
            runnables.insert(tool.name().to_owned(), Runnable::Sandbox { sandbox, program, grants: Arc::new(grants) });
        }
        Ok(runnables)
    }

    fn program(
        &self,
        tool: &Tool,
        run: &WasmRun,
        sandbox: &Sandbox,
        before: &Programs,
        programs: &mut Programs,
        reads: &Reads,
    ) -> Result<Arc<Program>, Fault> {
        let path = folder(&self.file).join(&run.module);
        let bytes = reads
            .bytes(&path, MODULE_BYTES)
            .map_err(|error| Fault::Module { module: path.clone(), reason: error.to_string() })?;
        let wasm = Wasm::new(bytes);
        let found = *wasm.sha256();
        if found != run.sha256 {
            return Err(Fault::Hash { module: path, expected: run.sha256, found, contract: self.name() });
        }
        if let Some(program) = programs.get(&found).or_else(|| before.get(&found)).cloned() {
            programs.insert(found, Arc::clone(&program));
            return Ok(program);
        }
        tracing::info!(tool = tool.name(), module = %path.display(), bytes = wasm.bytes().len(), "module is read");
        let began = Instant::now();
        let program = sandbox.compile(&wasm).map_err(|reason| Fault::Program { module: path.clone(), reason })?;
        tracing::info!(tool = tool.name(), milliseconds = began.elapsed().as_millis(), "module is ready");
        let program = Arc::new(program);
        programs.insert(found, Arc::clone(&program));
        Ok(program)
    }
}

// === impl Folder ===

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.reads.text(&self.path.join(path), CONTRACT_BYTES).map_err(|error| error.to_string())
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}
