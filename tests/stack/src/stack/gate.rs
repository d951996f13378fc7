//! One Envoy with one contract: its configuration, its start, and another contract while it runs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Artefacts, Bootstrap, GatePlan, Process, StackError, free_address, run};
use crate::http;

/// Compiling the filter takes Envoy some seconds, and much longer on a machine that is busy or with thousands of tools.
const ENVOY_LIMIT: Duration = Duration::from_secs(240);
/// One worker, and an access log that tests need not wait for.
pub(super) const ENVOY_OPTIONS: [&str; 5] =
    ["--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "200"];
/// Two workers, and an end of the old configuration's connections soon after a reload.
const RELOADABLE_OPTIONS: [&str; 9] = [
    "--concurrency",
    "2",
    "--disable-hot-restart",
    "--file-flush-interval-msec",
    "200",
    "--drain-time-s",
    "1",
    "--drain-strategy",
    "immediate",
];

/// One Envoy with one contract.
#[derive(Debug)]
pub struct Gate {
    /// The name in the plan.
    pub name: String,
    /// The address for clients.
    pub address: SocketAddr,
    /// Envoy's admin interface.
    pub admin: SocketAddr,
    /// The contract, pinned.
    pub contract: PathBuf,
    /// Envoy.
    pub envoy: Process,
    /// From Envoy's start until it was ready.
    pub startup: Duration,
    /// The means of another contract, if the plan has it.
    pub(super) reload: Option<Reload>,
}

/// Everything that renders the configuration of a gate again.
#[derive(Debug)]
pub(super) struct Reload {
    plan: GatePlan,
    model: Vec<String>,
    names: GateNames,
    artefacts: Artefacts,
    /// The file with the listeners, which Envoy watches.
    file: PathBuf,
}

/// The addresses and files in a gate's configuration.
#[derive(Debug)]
pub(super) struct GateNames {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) executor: String,
    pub(super) filter: PathBuf,
}

// === impl Gate ===

impl Gate {
    pub(super) async fn ready(&mut self) -> Result<(), StackError> {
        let admin = self.admin;
        let ready = || async move { matches!(http::get(admin, "/ready").await, Ok((200, _))) };
        if self.startup.is_zero() {
            self.startup = self.envoy.ready(ENVOY_LIMIT, "compiling the filter", ready).await?;
        }
        Ok(())
    }

    /// Gives Envoy the listener of another contract while it runs, as a control plane would. Envoy drains the old one.
    pub fn reload(&self, contract: &Path) -> Result<(), StackError> {
        let Some(Reload { plan, model, names, artefacts, file }) = &self.reload else {
            return Err(StackError::Unfit { what: format!("the plan of {} has no reloads", self.name) });
        };
        let mut bootstrap = Bootstrap::read(&configure(plan, contract, model, names, artefacts)?)?;
        write_listeners(&mut bootstrap, file)
    }
}

/// Renders a gate's configuration, with the changes of its plan.
pub(super) fn configure(
    plan: &GatePlan,
    contract: &Path,
    model: &[String],
    names: &GateNames,
    artefacts: &Artefacts,
) -> Result<String, StackError> {
    let mut render = Command::new(&artefacts.cli);
    render.args(["render", "--target", "envoy"]).arg(contract);
    render.args(["--listen", &names.listen.to_string(), "--admin", &names.admin.to_string()]);
    render.args(["--executor", &names.executor, "--passthrough", "/v1/models"]);
    render.args(artefacts.host.options(&names.filter)).args(model).args(&plan.render);
    let mut text = run(&mut render)?;
    if plan.http2_upstream {
        let mut bootstrap = Bootstrap::read(&text)?;
        bootstrap.http2_upstream()?;
        bootstrap.http1_trailers()?;
        text = bootstrap.text();
    }
    if let Some(change) = plan.change {
        let mut bootstrap = Bootstrap::read(&text)?;
        change(&mut bootstrap, artefacts)?;
        text = bootstrap.text();
    }
    Ok(text)
}

pub(super) fn start_gate(
    plan: &GatePlan,
    contract: PathBuf,
    model: &[String],
    executor: SocketAddr,
    artefacts: &Artefacts,
    folder: &Path,
) -> Result<Gate, StackError> {
    let address = plan.listen.map_or_else(free_address, Ok)?;
    let admin = free_address()?;
    let names = GateNames { listen: address, admin, executor: executor.to_string(), filter: artefacts.filter.clone() };
    let mut text = configure(plan, &contract, model, &names, artefacts)?;
    let mut options = ENVOY_OPTIONS.as_slice();
    let mut reload = None;
    if plan.reloadable {
        let listeners = folder.join(format!("listeners-{}", plan.name));
        fs::create_dir_all(&listeners).map_err(StackError::io(listeners.display().to_string()))?;
        let file = listeners.join("listeners.json");
        let mut bootstrap = Bootstrap::read(&text)?;
        write_listeners(&mut bootstrap, &file)?;
        text = bootstrap.text();
        options = &RELOADABLE_OPTIONS;
        reload = Some(Reload { plan: plan.clone(), model: model.to_vec(), names, artefacts: artefacts.clone(), file });
    }
    // JSON is YAML.
    let file = folder.join(format!("envoy-{}.yaml", plan.name));
    fs::write(&file, text).map_err(StackError::io(file.display().to_string()))?;
    let mut command = Command::new(&artefacts.envoy);
    command.arg("--config-path").arg(&file).args(options).current_dir(folder);
    let log = folder.join(format!("envoy-{}.log", plan.name));
    let envoy = Process::start(&format!("envoy ({})", plan.name), command, &log)?;
    Ok(Gate { name: plan.name.clone(), address, admin, contract, envoy, startup: Duration::ZERO, reload })
}

/// Moves the listeners of a configuration into the file that Envoy watches.
fn write_listeners(bootstrap: &mut Bootstrap, file: &Path) -> Result<(), StackError> {
    let listeners = bootstrap.take_listeners(file)?;
    let partial = file.with_extension("partial");
    fs::write(&partial, listeners).map_err(StackError::io(partial.display().to_string()))?;
    fs::rename(&partial, file).map_err(StackError::io(file.display().to_string()))
}
