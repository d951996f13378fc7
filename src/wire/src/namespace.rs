//! The names of tools in namespaces, as contracts have them.
//!
//! A tool of a namespace is `NAMESPACE__NAME`. A tool of the default namespace, or of one with the tool's own name, keeps its bare
//! name: APIs call a tool that a search has found by its name as its namespace.
//!
//! Several pairs give one name: `a` with `b__c`, and `a__b` with `c`. A request may declare one of them, and a call must repeat the
//! declared pair ([`Request::fits`](crate::Request::fits)).

const DEFAULT: &str = "functions";
const BETWEEN: &str = "__";

/// Returns the name of a tool in a contract.
#[must_use]
pub fn name_in_contract(namespace: &str, name: &str) -> String {
    if is_bare(namespace, name) { name.to_owned() } else { format!("{namespace}{BETWEEN}{name}") }
}

/// Returns the name of a tool within its namespace: the inverse of [`name_in_contract`].
pub(crate) fn name_within<'n>(namespace: &str, name: &'n str) -> &'n str {
    if is_bare(namespace, name) {
        return name;
    }
    name.strip_prefix(namespace).and_then(|rest| rest.strip_prefix(BETWEEN)).unwrap_or(name)
}

/// Returns the namespace by which tools of one name are told apart: empty for a bare name.
pub(crate) fn identity<'n>(namespace: &'n str, name: &str) -> &'n str {
    if is_bare(namespace, name) { "" } else { namespace }
}

/// Returns true if no other pair of a namespace and a name is as natural a reading of this name: it is cut at its last `__`.
pub(crate) fn is_plain(namespace: &str, name: &str) -> bool {
    is_bare(namespace, name) || name.rsplit_once(BETWEEN).is_some_and(|(before, _)| before == namespace)
}

fn is_bare(namespace: &str, name: &str) -> bool {
    matches!(namespace, "" | DEFAULT) || namespace == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_contract_leads_back_to_the_name_in_its_namespace() {
        for (namespace, name, whole) in [
            ("", "f", "f"),
            ("functions", "f", "f"),
            ("f", "f", "f"),
            ("mcp__time", "now", "mcp__time__now"),
            ("a", "b__c", "a__b__c"),
            ("a__b", "c", "a__b__c"),
            ("a_", "b", "a___b"),
            ("a", "_b", "a___b"),
            ("a", "a__a", "a__a__a"),
        ] {
            assert_eq!(name_in_contract(namespace, name), whole);
            assert_eq!(name_within(namespace, whole), name, "{namespace}");
        }
    }

    #[test]
    fn one_of_the_pairs_with_one_name_is_plain() {
        let plain = |namespace, name| is_plain(namespace, &name_in_contract(namespace, name));
        assert!(plain("", "a__b__c") && plain("functions", "a__b") && plain("a__b", "c") && plain("a_", "b"));
        assert!(!plain("a", "b__c") && !plain("a", "_b"));
    }
}
