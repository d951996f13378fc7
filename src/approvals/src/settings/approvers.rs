//! `approvals.approvers` and `approvals.groups`: the rules on who may answer requests.

use std::collections::BTreeMap;

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The maximum number of rules: nobody maintains a longer list.
const RULES_MAX: usize = 256;

/// The rules on who may answer requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Approvers {
    /// Every token with the role `approver` may answer every request.
    #[default]
    All,
    /// Only persons named for a request by one of these rules may answer it.
    Listed(Vec<ApproverRule>),
}

/// Names persons and the requests they may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverRule {
    /// Names in the token file.
    pub persons: Vec<String>,
    /// Patterns of tools; `*` stands for any characters.
    pub tools: Vec<String>,
    /// Patterns of tenants.
    pub tenants: Vec<String>,
    /// Patterns of roles.
    pub roles: Vec<String>,
    /// Keeps a person from approving requests of their own tenants.
    pub not_own: bool,
}

/// A rule in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RuleSection {
    approver: Spanned<String>,
    tools: Option<Spanned<Vec<String>>>,
    tenants: Option<Spanned<Vec<String>>>,
    roles: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    not_own: bool,
}

// === impl Approvers ===

impl Approvers {
    pub(super) fn resolve(
        groups: &BTreeMap<String, Spanned<Vec<String>>>,
        rules: Option<Spanned<Vec<RuleSection>>>,
        place: &ConfigFile<'_>,
    ) -> Result<Self, FieldError> {
        for (name, group) in groups {
            if group.value.is_empty() || group.value.iter().any(String::is_empty) {
                let message = format!("approvals.groups.{name}: expected names of the token file, at least one");
                return Err(place.fault(group.referenced, message));
            }
        }
        let Some(rules) = rules else { return Ok(Self::All) };
        if !(1..=RULES_MAX).contains(&rules.value.len()) {
            let message = format!(
                "approvals.approvers: expected 1 to {RULES_MAX} rules; leave it out to let every approver answer"
            );
            return Err(place.fault(rules.referenced, message));
        }
        let rules = rules.value.into_iter().map(|rule| rule.resolve(groups, place));
        Ok(Self::Listed(rules.collect::<Result<_, _>>()?))
    }
}

// === impl RuleSection ===

impl RuleSection {
    fn resolve(
        self,
        groups: &BTreeMap<String, Spanned<Vec<String>>>,
        place: &ConfigFile<'_>,
    ) -> Result<ApproverRule, FieldError> {
        if self.approver.value.is_empty() {
            let message = "approvals.approvers.approver: expected a name of the token file or of approvals.groups";
            return Err(place.fault(self.approver.referenced, message.into()));
        }
        let persons = match groups.get(&self.approver.value) {
            Some(group) => group.value.clone(),
            None => vec![self.approver.value],
        };
        let patterns = |name: &str, list: Option<Spanned<Vec<String>>>| match list {
            None => Ok(vec!["*".to_owned()]),
            // The empty tenant is the tenant of calls without one.
            Some(list) if !list.value.is_empty() => Ok(list.value),
            Some(list) => {
                let message =
                    format!("approvals.approvers.{name}: expected at least one name or pattern such as \"get_*\"");
                Err(place.fault(list.referenced, message))
            }
        };
        Ok(ApproverRule {
            persons,
            tools: patterns("tools", self.tools)?,
            tenants: patterns("tenants", self.tenants)?,
            roles: patterns("roles", self.roles)?,
            not_own: self.not_own,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::ApprovalSection;

    #[derive(Debug, Deserialize)]
    struct WrittenApprovals {
        approvals: ApprovalSection,
    }

    fn parse(approvals: &str) -> Result<Approvers, String> {
        let text = format!("# The section on line 2.\napprovals: {approvals}\n");
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        callgate_settings::read(place.file, &text)
            .and_then(|written: WrittenApprovals| written.approvals.resolve(&place))
            .map(|settings| settings.approvers)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_approver_may_answer_unless_rules_say_otherwise() {
        assert_eq!(parse("{}").unwrap(), Approvers::All);
        let Approvers::Listed(rules) = parse(
            "{ groups: { finance: [alice, bob] }, approvers: [{ approver: finance, tools: [\"refund_*\"], notOwn: true }, { approver: carol }] }",
        )
        .unwrap() else {
            panic!("they are listed")
        };
        let all = || vec!["*".to_owned()];
        assert_eq!(rules[0].persons, ["alice", "bob"]);
        assert_eq!(
            (&*rules[0].tools, &rules[0].tenants, rules[0].not_own),
            (&["refund_*".to_owned()][..], &all(), true)
        );
        assert_eq!((&*rules[1].persons, &rules[1].tools, rules[1].not_own), (&["carol".to_owned()][..], &all(), false));
    }

    #[test]
    fn faults_name_the_place_and_what_is_expected() {
        for (approvals, expected) in [
            ("{ approvers: [] }", "executor.yaml:2:25: approvals.approvers: expected 1 to 256 rules; leave it out"),
            ("{ approvers: [{ approver: '' }] }", "executor.yaml:2:38: approvals.approvers.approver: expected a name"),
            (
                "{ approvers: [{ approver: a, tools: [] }] }",
                "executor.yaml:2:48: approvals.approvers.tools: expected at",
            ),
            (
                "{ approvers: [{ approver: a, tool: [b] }] }",
                "executor.yaml:2:41: tool: unknown field; did you mean `tools`?",
            ),
            ("{ groups: { a: [] } }", "executor.yaml:2:27: approvals.groups.a: expected names of the token file"),
        ] {
            let error = parse(approvals).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
