//! Loads all contracts and their modules: read, checked, compiled and linked once, before the executor listens.
//!
//! After this nothing in a request reaches a file, a path or a compiler: a digest selects a contract, a name selects a
//! tool.

mod cache;
mod error;
mod fence;
mod grants;
mod overlap;
mod policies;
mod secrets;
mod settings;
mod source;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callgate_contract::{Bounds, Contract, GrpcRun, HttpRun, McpRun, Run, Tool};

pub use self::error::{AdmissionError, ToolFault};
use self::overlap::Overlaps;
pub use self::settings::{AdmissionSettings, OwnPath, ProgramPath};
use self::source::Source;
use crate::footprint::{Footprint, Reads};
use callgate_policies::Policies;
use callgate_sandbox::{Cache, Deterministic, Grants, ModuleMetrics, Network, Program, Sandbox};

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
    policies: Arc<Policies>,
}

/// The runner of a tool.
#[derive(Clone)]
pub(crate) enum Runnable {
    /// The tool's code, in the sandbox.
    Sandbox { sandbox: Arc<Sandbox>, program: Arc<Program>, grants: Arc<Grants> },
    /// The backend named by the contract.
    Backend(Bounds),
}

/// The contract in `file`, read and compiled.
pub(crate) fn read_contract(file: &Path) -> Result<Contract, AdmissionError> {
    Source::read(file, &Reads::default()).map(|source| source.contract)
}

/// Admits one tool of the contract in `file` to its own sandbox. Reads nothing of the contract's other tools, and
/// writes nothing: compiled code comes from an existing cache, and is not kept.
pub(crate) fn admit_one(
    settings: &AdmissionSettings,
    file: &Path,
    tool: &str,
) -> Result<Option<Runnable>, AdmissionError> {
    let cache = cache::read_only(settings, &ModuleMetrics::default());
    let sandbox = sandbox(settings, Network::system(), cache.map_err(AdmissionError::Cache)?)?;
    let (mut programs, reads) = (Programs::new(), Reads::default());
    let source = Source::read(file, &reads)?;
    let fence = Source::fence(settings, &[], std::slice::from_ref(&source), &reads)?;
    let around = (&fence, &mut Overlaps::default());
    let mut admitted = source.admit(&sandbox, around, &Programs::new(), &mut programs, Some(tool), &reads)?;
    Ok(admitted.remove(tool))
}

/// Creates the sandbox of a configuration.
fn sandbox(settings: &AdmissionSettings, network: Network, cache: Cache) -> Result<Arc<Sandbox>, AdmissionError> {
    let deterministic = settings.sandbox.deterministic;
    if let Some(Deterministic { clock, seed }) = deterministic {
        tracing::warn!(
            clock = clock.as_secs(),
            seed,
            "DETERMINISTIC: the clock of all tools stands still and their random numbers can be foretold; for tests and replay \
             only, never with real secrets"
        );
    }
    let network = network.with_nat64(&settings.sandbox.nat64);
    let sandbox = Sandbox::new(settings.concurrency, cache, deterministic, network).map_err(AdmissionError::Sandbox)?;
    tracing::info!(allocation = ?sandbox.allocation(), concurrency = settings.concurrency, "sandbox is set up");
    Ok(Arc::new(sandbox))
}

// === impl Registry ===

impl Registry {
    /// Creates the sandbox and admits every contract in `config`.
    ///
    /// # Errors
    /// The machine runs no WebAssembly, or the first fault of [`Registry::admit_to`].
    pub fn admit(settings: &AdmissionSettings) -> Result<Self, AdmissionError> {
        Self::admit_on(settings, Network::system(), &ModuleMetrics::default())
    }

    /// Does the same, counts compilations, and uses `network` for the tools' requests.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub fn admit_on(
        settings: &AdmissionSettings,
        network: Network,
        metrics: &ModuleMetrics,
    ) -> Result<Self, AdmissionError> {
        let cache = cache::open(settings, metrics);
        Self::admit_with(settings, network, cache.map_err(AdmissionError::Cache)?)
    }

    /// Does the same without writing a byte: compiled code comes from an existing cache, and is not kept.
    ///
    /// # Errors
    /// As [`Registry::admit`].
    pub(crate) fn check(
        settings: &AdmissionSettings,
        network: Network,
        metrics: &ModuleMetrics,
    ) -> Result<Self, AdmissionError> {
        let cache = cache::read_only(settings, metrics);
        Self::admit_with(settings, network, cache.map_err(AdmissionError::Cache)?)
    }

    fn admit_with(settings: &AdmissionSettings, network: Network, cache: Cache) -> Result<Self, AdmissionError> {
        Self::admit_to(sandbox(settings, network, cache)?, settings)
    }

    /// Reads, checks and compiles every contract in `config`, for a sandbox that may still run calls of an earlier
    /// registry. This takes as long as the modules take to compile, and changes nothing else: an asynchronous caller
    /// uses a blocking thread.
    ///
    /// # Errors
    /// The first fault, with file, tool, field, the expected and the actual value, and the remedy.
    pub fn admit_to(sandbox: Arc<Sandbox>, settings: &AdmissionSettings) -> Result<Self, AdmissionError> {
        Self::read(sandbox, settings, (&Programs::new(), &settings.own), &Reads::default())
    }

    /// Creates the registry that replaces this one. Modules of this one are not compiled again. `reads` notes every
    /// file, even if one is faulty.
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
        let policies = Arc::new(policies::load(settings, reads)?);
        let sources = Source::all(settings, reads)?;
        let fence = Source::fence(settings, own, &sources, reads)?;
        settings.programs.iter().try_for_each(|program| fence.program(program))?;
        for source in sources {
            let runnables = source.admit(&sandbox, (&fence, &mut overlaps), before, &mut programs, None, reads)?;
            policies::fit(&policies, &source.name(), &source.contract)?;
            let contract = source.contract;
            tracing::info!(
                contract = contract.name(),
                version = contract.version(),
                digest = contract.digest(),
                tools = contract.tools().len(),
                sandboxed = runnables.len(),
                "contract is admitted"
            );
            let policies = Arc::clone(&policies);
            contracts.insert(contract.digest().to_owned(), Arc::new(Admitted { contract, runnables, policies }));
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

    /// The policies that decide each call of this contract too.
    pub(crate) fn policies(&self) -> &Arc<Policies> {
        &self.policies
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
