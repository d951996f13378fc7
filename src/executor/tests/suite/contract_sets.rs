//! Hundreds of contracts in one executor, listed by a contract set.

use std::fmt::Write as _;

use callgate_executor::admission::Registry;
use callgate_executor::config::Config;

/// A folder with a set of `count` contracts, each with a limit of its own, and a configuration that lists the set.
fn set(count: u32, more: &str) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let mut set = "apiVersion: callgate.dev/v1\nkind: ContractSet\ncontracts:\n".to_owned();
    for index in 0..count {
        let contract = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
             limits: {{ maxToolCallsPerTurn: {} }}\n  roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  tools:\n    \
             - {{ name: t, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}\n",
            index + 1
        );
        std::fs::write(folder.path().join(format!("c{index}.yaml")), contract).unwrap();
        writeln!(set, "  - {{ match: {{ tenant: t{index} }}, contract: c{index}.yaml }}").unwrap();
    }
    set.push_str(more);
    std::fs::write(folder.path().join("set.yaml"), set).unwrap();
    let text = "listen: 127.0.0.1:0\ncontracts: [set.yaml]\nhttp: { listen: off }\n";
    let config = Config::parse("executor.yaml", text, folder.path()).unwrap();
    (folder, config)
}

#[test]
fn every_contract_of_a_set_is_held_by_its_digest() {
    // Two entries may name the same file.
    let (_folder, config) = set(300, "  - { match: { tenant: again }, contract: c7.yaml }\n");
    let registry = Registry::admit(&config.admission()).unwrap();
    let digests: Vec<String> = registry.digests().into_iter().map(str::to_owned).collect();
    assert_eq!(digests.len(), 300);
    for digest in &digests {
        assert_eq!(registry.contract(digest).unwrap().contract().digest(), digest);
    }
}

#[test]
fn a_fault_of_a_set_or_of_its_contract_has_its_place() {
    let (_folder, config) = set(2, "  - { contract: missing.yaml }\n");
    let error = Registry::admit(&config.admission()).err().unwrap().to_string();
    assert!(error.contains("missing.yaml: cannot be read"), "{error}");
    let (_folder, config) = set(2, "  - { mtach: {}, contract: c1.yaml }\n");
    let error = Registry::admit(&config.admission()).err().unwrap().to_string();
    assert!(error.contains("set.yaml:6:") && error.contains("did you mean `match`?"), "{error}");
}
