//! Rego and Cedar in processes of their own: what allows, what denies, and that everything without a clear answer denies.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use callgate_policies::{
    Denial, Policies, PolicyContract, PolicyError, PolicyFiles, PolicyInput, PolicySettings, WorkerProgram,
};
use serde_json::Value;

mod bounds;
mod languages;
mod processes;
mod section;

/// Another machine load must not turn an answer into a timeout.
const PATIENT: Duration = Duration::from_secs(1);

fn program() -> WorkerProgram {
    WorkerProgram::at(env!("CARGO_BIN_EXE_callgate-policy-worker"))
}

/// Loads policies from texts by file name.
fn load(settings: &[PolicySettings], files: &[(&str, &str)]) -> Result<Policies, PolicyError> {
    let files: HashMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &Path| {
        let name = path.to_str().unwrap();
        files.get(name).map(|text| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    };
    Policies::load(settings, &PolicyFiles::new(read), program())
}

fn fault(settings: &PolicySettings, files: &[(&str, &str)]) -> String {
    match load(std::slice::from_ref(settings), files) {
        Ok(_) => panic!("expected a fault in {files:?}"),
        Err(error) => error.to_string(),
    }
}

fn rego_settings() -> PolicySettings {
    PolicySettings { timeout: PATIENT, ..PolicySettings::rego("p", "p.rego", "data.p.allow") }
}

fn rego(text: &str) -> Policies {
    load(&[rego_settings()], &[("p.rego", text)]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn cedar(text: &str) -> Policies {
    let settings = PolicySettings { timeout: PATIENT, ..PolicySettings::cedar("p", "p.cedar") };
    load(&[settings], &[("p.cedar", text)]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn input(arguments: &Value) -> PolicyInput {
    PolicyInput {
        tool: "pay".into(),
        effects: "write",
        arguments: arguments.to_string(),
        tenant: "acme".into(),
        role: "clerk".into(),
        contract: PolicyContract { name: "desk".into(), version: "1.0.0".into(), digest: "sha256:00".into() },
        ..PolicyInput::default()
    }
}

/// `allow`, `deny`, or the cause of a policy without an answer.
fn verdict(policies: &Policies, input: &PolicyInput) -> String {
    match policies.check(input) {
        Ok(()) => "allow".into(),
        Err(Denial::Denied { .. }) => "deny".into(),
        Err(Denial::Failed { why, .. }) => format!("{why:?}"),
    }
}
