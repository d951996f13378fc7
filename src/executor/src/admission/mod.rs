//! What the executor serves: contracts and their modules, read, checked, compiled and linked once, before it listens.
//!
//! After this nothing of a request reaches a file, a path or a compiler: a digest selects a contract, a name selects a tool.

mod cache;
mod error;
mod fence;
mod grants;
mod overlap;
mod secrets;
mod settings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callgate_contract::{Bounds, Contract, Files, GrpcRun, HttpRun, McpRun, Run, Tool, WasmRun};

pub use self::error::{AdmissionError, Fault};
use self::fence::Fence;
use self::overlap::Overlaps;
pub use self::settings::{AdmissionSettings, OwnPath, SandboxSettings, SecretsSettings};
pub(crate) use self::settings::{SandboxSection, SecretsSection};
use crate::footprint::{Footprint, Reads};
use crate::telemetry::Metrics;
use callgate_sandbox::{Cache, Fixed, Grants, Network, Program, Sandbox, Wasm};

/// A larger file is not read: no tool is that large, and compiling takes several times its size.
const MODULE_BYTES: u64 = 256 << 20;
/// The most bytes of a contract, and of each schema file beside it.
const CONTRACT_BYTES: u64 = 16 << 20;

/// All contracts, by digest, and the sandbox that their tools run in.
pub struct Registry {
    sandbox: Arc<Sandbox>,
    contracts: HashMap<String, Arc<Admitted>>,
    /// Their code, by the SHA-256 of the module.
    programs: Programs,
    footprint: Footprint,
    /// The files that the executor was started with. A reload changes the configuration, and not those that are in use.
    own: Vec<OwnPath>,
}

type Programs = HashMap<[u8; 32], Arc<Program>>;

/// One contract that is ready to serve.
pub struct Admitted {
    contract: Contract,
    runnables: HashMap<String, Runnable>,
}

/// What runs a tool.
#[derive(Clone)]
pub(crate) enum Runnable {
    /// Its code, here.
    Sandbox { sandbox: Arc<Sandbox>, program: Arc<Program>, grants: Arc<Grants> },
    /// A backend; which one, the contract says.
    Backend(Bounds),
}

/// A contract that was read, and the file it came from.
struct Source {
    file: PathBuf,
    contract: Contract,
}

/// The schema files beside a contract.
struct Folder<'a> {
    path: &'a Path,
    reads: &'a Reads,
}

/// The contract in `file`, read and compiled.
pub(crate) fn read_contract(file: &Path) -> Result<Contract, AdmissionError> {
    Source::read(file, &Reads::default()).map(|source| source.contract)
}

/// Admits one tool of the contract in `file`, in a sandbox of its own. Nothing of the contract's other tools is read, and nothing is
/// written: compiled code is taken from a cache that is there, and not kept.
pub(crate) fn admit_one(
    settings: &AdmissionSettings,
    file: &Path,
    tool: &str,
) -> Result<Option<Runnable>, AdmissionError> {
    let cache = cache::read_only(settings, &Metrics::new());
    let sandbox = sandbox(settings, Network::system(), cache.map_err(AdmissionError::Cache)?)?;
    let (mut programs, reads) = (Programs::new(), Reads::default());
    let source = Source::read(file, &reads)?;
    let fence = Source::fence(settings, &[], std::slice::from_ref(&source), &reads)?;
    let around = (&fence, &mut Overlaps::default());
    let mut admitted = source.admit(&sandbox, around, &Programs::new(), &mut programs, Some(tool), &reads)?;
    Ok(admitted.remove(tool))
}

/// The sandbox of a configuration.
fn sandbox(settings: &AdmissionSettings, network: Network, cache: Cache) -> Result<Arc<Sandbox>, AdmissionError> {
    let fixed = settings.sandbox.deterministic;
    if let Some(Fixed { clock, seed }) = fixed {
        tracing::warn!(
            clock = clock.as_secs(),
            seed,
            "DETERMINISTIC: the clock of all tools stands still and their random numbers can be foretold; for tests and replay \
             only, never with real secrets"
        );
    }
    let network = network.with_nat64(&settings.sandbox.nat64);
    let sandbox = Sandbox::new(settings.concurrency, cache, fixed, network).map_err(AdmissionError::Sandbox)?;
    tracing::info!(allocation = ?sandbox.allocation(), concurrency = settings.concurrency, "sandbox is set up");
    Ok(Arc::new(sandbox))
}

// === impl Registry ===

impl Registry {
    /// Makes the sandbox and admits to it everything that `config` lists.
    ///
    /// # Errors
    /// The machine runs no WebAssembly, or the first fault of [`Registry::admit_to`].
    pub fn admit(settings: &AdmissionSettings) -> Result<Self, AdmissionError> {
        Self::admit_on(settings, Network::system(), &Metrics::new())
    }

    /// The same, counting what is compiled, with `network` for what the tools send.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub fn admit_on(settings: &AdmissionSettings, network: Network, metrics: &Metrics) -> Result<Self, AdmissionError> {
        let cache = cache::open(settings, metrics);
        Self::admit_with(settings, network, cache.map_err(AdmissionError::Cache)?)
    }

    /// The same without a byte written: compiled code is taken from a cache that is there, and not kept.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub(crate) fn check(
        settings: &AdmissionSettings,
        network: Network,
        metrics: &Metrics,
    ) -> Result<Self, AdmissionError> {
        let cache = cache::read_only(settings, metrics);
        Self::admit_with(settings, network, cache.map_err(AdmissionError::Cache)?)
    }

    fn admit_with(settings: &AdmissionSettings, network: Network, cache: Cache) -> Result<Self, AdmissionError> {
        Self::admit_to(sandbox(settings, network, cache)?, settings)
    }

    /// Reads, checks and compiles everything that `config` lists, for a sandbox that may be running calls of an earlier
    /// registry. This takes as long as the modules take to compile, and changes nothing else: a caller on an asynchronous
    /// thread hands it to a blocking one.
    ///
    /// # Errors
    /// The first fault, with file, tool, field, what was expected, what was found and what to do.
    pub fn admit_to(sandbox: Arc<Sandbox>, settings: &AdmissionSettings) -> Result<Self, AdmissionError> {
        Self::read(sandbox, settings, (&Programs::new(), &settings.own), &Reads::default())
    }

    /// The registry that takes this one's place. Modules that this one has are not compiled again. `reads` notes every file,
    /// also if one of them is wrong.
    pub(crate) fn next(&self, settings: &AdmissionSettings, reads: &Reads) -> Result<Self, AdmissionError> {
        Self::read(Arc::clone(&self.sandbox), settings, (&self.programs, &self.own), reads)
    }

    fn read(
        sandbox: Arc<Sandbox>,
        settings: &AdmissionSettings,
        (before, own): (&Programs, &[OwnPath]),
        reads: &Reads,
    ) -> Result<Self, AdmissionError> {
        let mut programs = HashMap::new();
        let mut overlaps = Overlaps::default();
        let mut contracts = HashMap::new();
        let sources = Source::all(settings, reads)?;
        let fence = Source::fence(settings, own, &sources, reads)?;
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

    /// The files that it was read from.
    pub(crate) fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// Where tools run.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Every contract, in no order.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values().map(|admitted| &admitted.contract)
    }

    /// The contract of that digest.
    pub fn contract(&self, digest: &str) -> Option<&Arc<Admitted>> {
        self.contracts.get(digest)
    }

    /// The digests that are served, sorted.
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

    /// What runs a tool of this contract; `None` if the calling application does.
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
    /// Wall clock over the whole call.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::Sandbox { grants, .. } => grants.timeout,
            Self::Backend(bounds) => bounds.timeout,
        }
    }
}

// === impl Source ===

impl Source {
    /// Every contract that `config` lists, each once. While a contract is rolled out, the old file and the new one may be equal:
    /// the first counts.
    fn all(settings: &AdmissionSettings, reads: &Reads) -> Result<Vec<Self>, AdmissionError> {
        let mut sources: Vec<Self> = Vec::new();
        for file in &settings.contracts {
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

    /// The fence around what `sources` may grant. `reads` has their contracts and schemas.
    fn fence(
        settings: &AdmissionSettings,
        own: &[OwnPath],
        sources: &[Self],
        reads: &Reads,
    ) -> Result<Fence, AdmissionError> {
        let modules = sources.iter().flat_map(Self::modules);
        let secrets = sources.iter().flat_map(Self::secrets);
        Fence::new(settings, own, reads.footprint().files().map(Path::to_owned).chain(modules), secrets)
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

    /// Compiles each module that was not compiled `before`; tools that share one share its code. With `only`, of one tool.
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
