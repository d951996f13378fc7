//! The section of the executor's configuration.

use std::path::Path;

use callgate_policies::{Language, PolicyFact, PolicySection, PolicySettings};
use callgate_settings::{ConfigFile, read};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct File {
    policies: PolicySection,
}

fn section(text: &str) -> Result<Vec<PolicySettings>, String> {
    let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc") };
    let file: File = read(place.file, &format!("policies: {{ {text} }}")).map_err(|error| error.to_string())?;
    file.policies.resolve(&place).map_err(|error| error.to_string())
}

#[test]
fn the_section_names_each_fault() {
    let rego = "rego: [{ name: a, file: a.rego, allow: data.a.allow, timeout: 5ms }]";
    let found = section(&format!("{rego}, cedar: [{{ name: b, file: /b.cedar, facts: [model] }}]")).unwrap();
    let names: Vec<_> = found.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(found[0].timeout.as_millis(), 5);
    assert_eq!((&found[0].facts, &found[1].facts), (&vec![], &vec![PolicyFact::Model]));
    assert!(matches!(&found[0].language, Language::Rego { file, .. } if file == Path::new("/etc/a.rego")));
    let rego = |fields: &str| format!("rego: [{{ name: a, file: a.rego, {fields} }}]");
    let cedar = |fields: &str| format!("cedar: [{{ {fields} }}]");
    for (text, wanted) in [
        (rego("data: b"), "missing field"),
        (rego("allow: allow"), "policies.rego.allow: expected the path of a rule"),
        (rego("allow: data.a"), "policies.rego.allow: expected the path of a rule"),
        (rego("allow: \"data.a.allow; true\""), "policies.rego.allow: expected the path of a rule"),
        (rego("allow: data.a.b, timeout: 2s"), "policies.rego.timeout: expected 1ms to 1s"),
        (rego("allow: data.a.b, entities: b"), "unknown field"),
        (rego("allow: data.a.b, data: \"\""), "policies.rego.data: expected the path of a file"),
        (cedar("name: a, file: \"\""), "policies.cedar.file: expected the path of a file"),
        (cedar("name: a, file: a, timeout: 2s"), "policies.cedar.timeout: expected 1ms to 1s"),
        (cedar("name: a, file: a, facts: [now]"), "unknown variant"),
        (cedar("name: a, file: a, allow: data.a.b"), "unknown field"),
        (cedar("name: \"a b\", file: a"), "policies.cedar.name: expected 1 to 64"),
        (cedar("name: a, file: a }, { name: a, file: b"), "policies.cedar.name: expected each name once"),
        (format!("{}, {}", rego("allow: data.a.b"), cedar("name: a, file: b")), "expected each name once"),
    ] {
        let fault = section(&text).unwrap_err();
        assert!(fault.contains(wanted), "{text}: {fault}");
    }
    let many: Vec<String> = (0..17).map(|n| format!("{{ name: p{n}, file: a }}")).collect();
    assert!(
        section(&format!("cedar: [{}]", many.join(", "))).unwrap_err().contains("policies.cedar: expected at most 16")
    );
    assert_eq!(section(&format!("cedar: [{}]", many[..16].join(", "))).unwrap().len(), 16);
}
