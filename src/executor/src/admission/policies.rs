//! The policies that decide each call beside its contract.

use std::path::Path;

use callgate_contract::{Contract, Run};
use callgate_policies::{FILE_BYTES, Policies, PolicyFact, PolicyFiles, PolicySettings};

use super::{AdmissionError, AdmissionSettings};
use crate::footprint::Reads;

/// Reads and checks all policies.
pub(super) fn load(settings: &AdmissionSettings, reads: &Reads) -> Result<Policies, AdmissionError> {
    let AdmissionSettings { policies: settings, policy_worker, .. } = settings;
    let read = |path: &Path| reads.text(path, FILE_BYTES).map_err(|error| error.to_string());
    let policies = Policies::load(settings, &PolicyFiles::new(read), policy_worker.clone());
    let policies = policies.map_err(AdmissionError::Policy)?;
    for PolicySettings { name, language, .. } in settings {
        tracing::info!(policy = name, language = language.as_str(), file = %language.file().display(), "policy is loaded");
    }
    Ok(policies)
}

/// Checks that the gate sends the facts that policies read: without them, each call would be denied. Warns of calls that no policy
/// decides, because the gate does not ask about them.
pub(super) fn fit(policies: &Policies, file: &str, contract: &Contract) -> Result<(), AdmissionError> {
    let reads = contract.sends();
    for (policy, facts) in policies.facts() {
        let missing = facts.iter().find(|fact| match fact {
            PolicyFact::Model => !reads.model,
            PolicyFact::Conversation => !reads.conversation,
        });
        if let Some(fact) = missing {
            let (file, policy) = (file.to_owned(), policy.to_owned());
            return Err(AdmissionError::PolicyFact { file, policy, fact: *fact });
        }
    }
    let runs_tools = contract.tools().iter().any(|tool| matches!(tool.run(), Run::Client));
    if !policies.is_empty() && runs_tools && !contract.authorize() {
        tracing::warn!(
            contract = contract.name(),
            "no policy decides the calls that the application runs, unless they need approval; write `authorize: true` in the contract"
        );
    }
    Ok(())
}
