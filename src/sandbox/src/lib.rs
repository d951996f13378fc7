//! Runs a program with grants and a deadline: a fresh instance for each call.
//!
//! This crate must never know a contract, a decision or gRPC. The caller's names are opaque: the guest sees them, and nothing
//! here depends on them, except that each tenant may have folders of its own.
//!
//! The deadline counts from the arrival of the request, so waiting counts too. Two clocks enforce it. A guest that computes
//! checks it at every tick of the engine's clock, and a timer outside cuts off a guest that waits for the host. Guests run on
//! threads of their own, so a computing guest holds no thread of the gRPC services or of that timer. They share the processors.
//!
//! Not covered: a host call that blocks in the operating system (a file of an unreachable network) is abandoned at the deadline,
//! but its thread waits until the system answers.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use callgate_sandbox::{Cache, Caller, Grants, ModuleMetrics, Network, Outgoing, Sandbox, Wasm};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = Network::system();
//! let sandbox = Sandbox::new(1, Cache::none(ModuleMetrics::default()), None, network.clone())?;
//! let program = Arc::new(sandbox.compile(&Wasm::new(wat::parse_str(
//!     r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#,
//! )?))?);
//! let grants = Arc::new(Grants {
//!     args: vec!["tool".into()],
//!     env: Vec::new(),
//!     secrets: Vec::new(),
//!     folders: Vec::new(),
//!     outgoing: Outgoing::granted(&[], &network)?,
//!     memory: 1 << 20,
//!     fuel: 1_000_000,
//!     timeout: Duration::from_secs(2),
//!     output_bytes: 1 << 16,
//! });
//! let deadline = Instant::now() + grants.timeout;
//! let finished = sandbox.run(&program, &grants, Caller::default(), "{}".into(), deadline).await;
//! assert!(finished.result.unwrap_err().to_string().starts_with("trapped"));
//! # Ok(())
//! # }
//! ```

mod cache;
mod caller;
mod deterministic;
mod engine;
mod grants;
mod handle;
mod host;
mod limits;
mod metrics;
mod outgoing;
mod output;
mod program;
mod quota;
mod run;
mod secret;
mod settings;
mod slots;
mod tenants;
mod wasm;

use std::ffi::OsString;
use std::future::Future;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};
use wasmtime::Engine;

pub use self::cache::Cache;
pub use self::caller::{Caller, RESERVED};
pub use self::deterministic::Deterministic;
pub use self::engine::Allocation;
pub use self::grants::{Folder, FolderAccess, Grants, HostFolder};
pub use self::handle::{FileId, Handle};
use self::host::Outputs;
use self::limits::Meter;
pub use self::metrics::ModuleMetrics;
pub use self::outgoing::{Internet, Nat64, Network, Outgoing, OutgoingGrant, Pending};
use self::program::Linkers;
pub use self::program::{Program, ProgramError};
pub use self::quota::Account;
use self::quota::Accounts;
pub use self::run::{OutputStream, Stop};
pub use self::secret::{Secret, SecretVariable};
pub use self::settings::{SandboxSection, SandboxSettings};
pub use self::slots::Pulse;
use self::slots::{Slots, Watch};
pub use self::tenants::TenantFolders;
pub use self::wasm::Wasm;

/// The polls of guests between two looks at timers and files. A guest's turn can last a tick, so the runtime's own 61
/// is long.
const EVENT_INTERVAL: u32 = 4;
/// The blocking threads beyond those of calls.
const SPARE_THREADS: usize = 32;

/// Runs tools, each call in a fresh instance.
pub struct Sandbox {
    engine: Engine,
    linkers: Linkers,
    cache: Cache,
    deterministic: Option<Deterministic>,
    accounts: Arc<Accounts>,
    allocation: Allocation,
    network: Network,
    slots: Slots,
    watch: Watch,
    threads: Threads,
}

/// The result of a call.
#[derive(Debug)]
pub struct Finished {
    /// Its standard output, or the reason it failed.
    pub result: Result<Vec<u8>, Stop>,
    /// The fuel it consumed; 0 if unknown: its time ran out or it never began.
    pub fuel: u64,
    /// The peak linear memory, in bytes.
    pub peak_memory: u64,
    /// The time since the call was handed in.
    pub duration: Duration,
}

/// The guests' threads. A runtime must not be dropped in a thread that may not block, so it shuts down in the
/// background.
struct Threads(Option<Runtime>);

/// A task that ends once nobody waits for it: a caller that goes away leaves nothing running.
struct Task<T>(JoinHandle<T>);

// === impl Sandbox ===

impl Sandbox {
    /// Creates a sandbox for `concurrency` simultaneous calls, with compiled code from `cache` and requests over
    /// `network`. With `deterministic` all calls share one clock and the same randomness.
    ///
    /// # Errors
    /// The machine cannot run WebAssembly, or provides no threads.
    pub fn new(
        concurrency: u32,
        cache: Cache,
        deterministic: Option<Deterministic>,
        network: Network,
    ) -> Result<Self, ProgramError> {
        let setup = |error: wasmtime::Error| ProgramError::Linker(format!("{error:#}"));
        let (engine, allocation) = engine::engine(concurrency).map_err(setup)?;
        let linkers = Linkers::new(&engine).map_err(setup)?;
        let threads = Builder::new_multi_thread()
            .thread_name("sandbox")
            .worker_threads(workers(concurrency))
            .max_blocking_threads(blocking(concurrency))
            .event_interval(EVENT_INTERVAL)
            .enable_all()
            .build()
            .map_err(|error| ProgramError::Linker(error.to_string()))?;
        Ok(Self {
            engine,
            linkers,
            cache,
            deterministic,
            accounts: Arc::default(),
            allocation,
            network,
            slots: Slots::new(concurrency),
            watch: Watch::default(),
            threads: Threads(Some(threads)),
        })
    }

    /// Returns the source of instances' memory.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Returns the network of the tools.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns a folder shared by all tenants, with its books: one account for all its writers.
    pub fn shared_folder(&self, handle: Handle) -> HostFolder {
        HostFolder::Shared { account: self.accounts.of(handle.id()), handle }
    }

    /// Returns the folders of all tenants in `above`; each is `above`, the tenant's name, and then the names `below`.
    pub fn tenant_folders(&self, above: Handle, below: Vec<OsString>) -> HostFolder {
        HostFolder::PerTenant(TenantFolders::new(above, below, Arc::clone(&self.accounts)))
    }

    /// Looks for stuck slots. Never waits.
    pub fn pulse(&self) -> Pulse {
        match &self.threads.0 {
            Some(threads) => self.watch.look(&self.slots, threads.handle()),
            None => Pulse { stuck: 0, slots: 0, silent: false },
        }
    }

    /// Compiles code, or takes it from the cache, and links it. Blocks for as long as it takes; calls continue.
    ///
    /// # Errors
    /// The code lacks an export, or imports something not offered.
    pub fn compile(&self, wasm: &Wasm) -> Result<Program, ProgramError> {
        Program::compile(&self.engine, &self.linkers, &self.cache, wasm)
    }

    /// Runs `program` for `caller` with `stdin` on its standard input, until `deadline`.
    pub async fn run(
        &self,
        program: &Arc<Program>,
        grants: &Arc<Grants>,
        caller: Caller,
        stdin: String,
        deadline: Instant,
    ) -> Finished {
        let began = Instant::now();
        let meter = Arc::new(Meter::default());
        let (result, fuel) = self.run_until(deadline, program, grants, caller, stdin, &meter).await;
        Finished { result, fuel, peak_memory: meter.peak(), duration: began.elapsed() }
    }

    async fn run_until(
        &self,
        deadline: Instant,
        program: &Arc<Program>,
        grants: &Arc<Grants>,
        caller: Caller,
        stdin: String,
        meter: &Arc<Meter>,
    ) -> (Result<Vec<u8>, Stop>, u64) {
        let timeout = Stop::Timeout { limit: grants.timeout };
        let Some(slot) = self.slots.take(deadline).await else { return (Err(timeout), 0) };
        let Some(threads) = &self.threads.0 else {
            return (Err(Stop::Setup("the sandbox is closed".into())), 0);
        };
        let (engine, program, grants, meter, deterministic) =
            (self.engine.clone(), Arc::clone(program), Arc::clone(grants), Arc::clone(meter), self.deterministic);
        let task = Task(threads.spawn(async move {
            // Declared first, so dropped last: the slot becomes free only after the instance is gone.
            let _slot = slot;
            let outputs = Outputs::new(&grants);
            run::run(&engine, &program, &grants, caller, deterministic, stdin, &outputs, meter, deadline.into_std())
                .await
        }));
        match timeout_at(deadline, task).await {
            Ok(Ok(finished)) => finished,
            Ok(Err(error)) => (Err(Stop::Setup(format!("the sandbox failed: {error}"))), 0),
            Err(_) => (Err(timeout), 0),
        }
    }
}

/// Returns the threads on which guests compute: one for each processor, and never more than calls.
fn workers(concurrency: u32) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, NonZero::get);
    processors.min(usize::try_from(concurrency).unwrap_or(usize::MAX)).max(2)
}

/// Returns the threads for file operations and name lookups: one for each call, and as many again for calls abandoned
/// at a deadline.
fn blocking(concurrency: u32) -> usize {
    usize::try_from(concurrency).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(SPARE_THREADS)
}

// === impl Finished ===

impl Finished {
    /// Returns the result of a call that never ran.
    pub fn never_began(stop: Stop) -> Self {
        Self { result: Err(stop), fuel: 0, peak_memory: 0, duration: Duration::ZERO }
    }
}

// === impl Threads ===

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

// === impl Task ===

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
