//! The data behind a guest's imports, created for every call from the tool's grants.

use std::sync::Arc;

use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::caller::Caller;
use super::deterministic::Deterministic;
use super::grants::{Grants, OpenFolder, STDERR_BYTES};
use super::handle::FileId;
use super::limits::{Limits, Meter};
use super::outgoing::{FIELD_BYTES, Requests};
use super::output::Capture;
use super::quota::{Folders, View};
use super::secret::SecretVariable;

/// The maximum handles (files, streams, pollables) of a guest.
const HANDLES: usize = 1024;
/// The maximum bytes a guest may pass to the host in one call of it.
const HOSTCALL_BYTES: usize = 16 << 20;
/// The maximum random bytes a guest may request at once.
const RANDOM_BYTES: u64 = 1 << 20;

/// The host side of one instance. It serves core modules and components alike.
pub(super) struct Host {
    pub(super) wasi: WasiP1Ctx,
    pub(super) folders: Folders,
    http: WasiHttpCtx,
    requests: Requests,
    pub(super) limits: Limits,
    pub(super) caller: Caller,
}

/// The bounded buffers of a guest's output.
#[derive(Clone, Debug)]
pub(super) struct Outputs {
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
    /// The secrets to remove from standard error.
    pub(super) secrets: Vec<SecretVariable>,
}

/// Creates the store for one call: the arguments' JSON on standard input, its caller's names, and nothing without a
/// grant.
///
/// With `deterministic`, clock and randomness equal those of every other call. `expired` is asked at every tick of the
/// engine's clock while the guest computes.
///
/// # Errors
/// A granted folder cannot be opened any more.
#[expect(clippy::too_many_arguments, reason = "the one call of it hands over what a call owns")]
pub(super) fn store(
    engine: &Engine,
    grants: &Grants,
    folders: &[OpenFolder],
    caller: Caller,
    deterministic: Option<Deterministic>,
    stdin: String,
    outputs: &Outputs,
    meter: Arc<Meter>,
    expired: impl Fn() -> bool + Send + Sync + 'static,
) -> wasmtime::Result<Store<Host>> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&grants.args)
        .envs(&grants.env)
        .stdin(MemoryInputPipe::new(stdin))
        .stdout(outputs.stdout.clone())
        .stderr(outputs.stderr.clone())
        .max_random_size(RANDOM_BYTES)
        // Offered, since every tool chain imports them, but denied.
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    for (name, value) in caller.variables() {
        builder.env(name, value);
    }
    for secret in &grants.secrets {
        builder.env(&secret.name, secret.value.reveal());
    }
    if let Some(deterministic) = deterministic {
        deterministic.apply(&mut builder);
    }
    for folder in folders {
        builder.preopened_dir(folder.handle.link(), &folder.guest, folder.access.perms())?;
    }
    let mut wasi = builder.build_p1();
    check_folders(&mut wasi, folders)?;
    wasi.ctx().table.set_max_capacity(HANDLES);

    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELD_BYTES);
    let tool = grants.args.first().cloned().unwrap_or_default();
    let requests = Requests::new(tool, grants.outgoing.clone(), grants.timeout);

    let (folders, limits) = (Folders::new(folders), Limits::new(grants.memory, meter));
    let mut store = Store::try_new(engine, Host { wasi, folders, http, requests, limits, caller })?;
    store.limiter(|host| &mut host.limits);
    store.set_fuel(grants.fuel)?;
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        Ok(if expired() { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
    });
    Ok(store)
}

/// Checks that the library opened exactly the granted folders: it got paths to them.
fn check_folders(wasi: &mut WasiP1Ctx, granted: &[OpenFolder]) -> wasmtime::Result<()> {
    let mut library = wasi.filesystem();
    let opened = preopens::Host::get_directories(&mut library)?;
    for ((descriptor, _), folder) in opened.into_iter().zip(granted) {
        let same = match library.table.delete(descriptor)? {
            Descriptor::Dir(opened) => FileId::of(&opened.dir)? == folder.handle.id(),
            Descriptor::File(_) => false,
        };
        if !same {
            return Err(wasmtime::Error::msg("a granted folder could not be opened by its handle; mount /proc"));
        }
    }
    Ok(())
}

// === impl Host ===

impl Host {
    /// The file system of components, with its quotas.
    pub(super) fn quotas(&mut self) -> View<'_> {
        View::new(self.wasi.filesystem(), &mut self.folders)
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.requests, table: self.wasi.ctx().table, ctx: &mut self.http }
    }
}

// === impl Outputs ===

impl Outputs {
    pub(super) fn new(grants: &Grants) -> Self {
        Self {
            stdout: Capture::new(grants.output_bytes),
            stderr: Capture::new(STDERR_BYTES),
            secrets: grants.secrets.clone(),
        }
    }
}
