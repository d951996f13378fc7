//! A container engine (docker or podman), a network, a volume, and the containers on it. Dropping one removes it by its own name.

use std::net::IpAddr;
use std::process::Command;

use serde_json::Value;

use super::{StackError, run};

/// The options of every container: no root, no capability, no writable path except mounts, and nothing left behind.
const HARDENED: [&str; 8] = [
    "--rm",
    "--stop-timeout=3",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=65532:65532",
    // Below the limit of any machine, so an engine's own defaults cannot exceed it.
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
];

/// The command line of an engine, found by `.setup/engine.sh`.
#[derive(Debug, Clone)]
pub struct Engine(Vec<String>);

/// A bridge network.
#[derive(Debug)]
pub(super) struct Network {
    engine: Engine,
    name: String,
    gateway: IpAddr,
}

/// A named volume.
#[derive(Debug)]
pub(super) struct Volume {
    engine: Engine,
    name: String,
}

/// A container's name.
#[derive(Debug)]
pub struct Container {
    engine: Engine,
    name: String,
}

// === impl Engine ===

impl Engine {
    /// The engine of `$CALLGATE_CONTAINERS`, a command line such as `docker` or `podman --storage-driver=vfs`.
    pub fn from_environment() -> Option<Self> {
        let words: Vec<String> =
            std::env::var("CALLGATE_CONTAINERS").ok()?.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Returns a command of the engine.
    pub fn command<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut words = self.0.iter();
        let mut command = Command::new(words.next().map_or("docker", String::as_str));
        command.args(words);
        for argument in arguments {
            command.arg(argument.as_ref());
        }
        command
    }

    /// Makes a network.
    pub(super) fn network(&self, name: &str) -> Result<Network, StackError> {
        run(&mut self.command(["network", "create", name]))?;
        let described = run(&mut self.command(["network", "inspect", name]));
        let gateway = described.and_then(|text| {
            let unfit =
                || StackError::Unfit { what: format!("the network {name} has no gateway that can be read: {text}") };
            let described: Value = serde_json::from_str(&text).map_err(|_| unfit())?;
            gateway(&described).ok_or_else(unfit)
        });
        let network = |gateway| Network { engine: self.clone(), name: name.into(), gateway };
        // Removed here if inspecting it fails: no guard exists yet.
        gateway.map(network).inspect_err(|_| drop(run(&mut self.command(["network", "rm", name]))))
    }

    /// Makes a volume.
    pub(super) fn volume(&self, name: &str) -> Result<Volume, StackError> {
        run(&mut self.command(["volume", "create", name]))?;
        Ok(Volume { engine: self.clone(), name: name.into() })
    }

    /// Returns the command of a hardened container, and the guard for removing it.
    pub(super) fn run(&self, name: &str, network: &Network, options: &[String], image: &str) -> (Command, Container) {
        let mut command = self.command(["run", "--name", name, "--network", &network.name]);
        command.args(HARDENED).args(options);
        if self.0.first().is_some_and(|program| program.ends_with("podman")) {
            // Podman adds writable folders of its own by default.
            command.arg("--read-only-tmpfs=false");
        }
        command.arg(image);
        (command, Container { engine: self.clone(), name: name.into() })
    }
}

/// Reads the gateway: docker has it at `IPAM/Config/0/Gateway`, podman at `subnets/0/gateway`.
fn gateway(described: &Value) -> Option<IpAddr> {
    match described {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value.as_str() {
            Some(text) if name.eq_ignore_ascii_case("gateway") => text.parse().ok(),
            _ => gateway(value),
        }),
        Value::Array(values) => values.iter().find_map(gateway),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

// === impl Network ===

impl Network {
    /// Returns the address of this machine on the network.
    pub(super) fn gateway(&self) -> IpAddr {
        self.gateway
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(run(&mut self.engine.command(["network", "rm", &self.name])));
    }
}

// === impl Volume ===

impl Volume {
    /// Returns the option of `run` for mounting it.
    pub(super) fn at(&self, folder: &str) -> String {
        format!("--volume={}:{folder}", self.name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(run(&mut self.engine.command(["volume", "rm", &self.name])));
    }
}

// === impl Container ===

impl Container {
    /// Returns its engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns a command of the engine on this container.
    pub fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut command = self.engine.command([command]);
        command.args(arguments).arg(&self.name);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // `--rm` has removed it, unless it did not end by itself.
        drop(self.command("rm", &["--force"]).output());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_engines_say_where_this_machine_is() {
        let docker = json!([{"Name": "x", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]}}]);
        let podman = json!([{"name": "x", "subnets": [{"subnet": "10.89.0.0/24", "gateway": "10.89.0.1"}]}]);
        assert_eq!(gateway(&docker), "172.18.0.1".parse().ok());
        assert_eq!(gateway(&podman), "10.89.0.1".parse().ok());
        assert_eq!(gateway(&json!([])), None);
    }
}
