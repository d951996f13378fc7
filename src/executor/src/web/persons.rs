//! Checks that enough persons exist for the contracts and rules.
//!
//! The executor logs warnings at start: otherwise a typing error would show only when a call waits and nobody can
//! answer. The token file can change at any time, so a shortage does not prevent the start.

use std::collections::BTreeSet;

use callgate_contract::Contract;

use callgate_approvals::Approvals;
use callgate_approvals::Approvers;

/// Warns of names in rules without a token, and of tools that need more persons than exist.
pub(super) fn warn<'c>(
    approvals: &Approvals,
    approvers: &BTreeSet<String>,
    contracts: impl Iterator<Item = &'c Contract>,
) {
    for name in strangers(approvals.approvers(), approvers) {
        tracing::warn!(name, "approvals.approvers names a person without a token of role approver");
    }
    for (contract, tool, needed) in short_of_persons(contracts, approvers.len()) {
        tracing::warn!(
            contract,
            tool,
            needed,
            approvers = approvers.len(),
            "a tool asks for more approvers than there are tokens with the role approver, so its calls can never run"
        );
    }
}

fn strangers<'a>(rules: &'a Approvers, approvers: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let rules = match rules {
        Approvers::All => return BTreeSet::new(),
        Approvers::Listed(rules) => rules,
    };
    let named = rules.iter().flat_map(|rule| &rule.persons);
    named.filter(|name| !approvers.contains(*name)).map(String::as_str).collect()
}

/// A contract, its tool and the number of persons it needs.
fn short_of_persons<'c>(
    contracts: impl Iterator<Item = &'c Contract>,
    approvers: usize,
) -> Vec<(&'c str, &'c str, u8)> {
    let tools = contracts.flat_map(|contract| contract.tools().iter().map(move |tool| (contract.name(), tool)));
    tools
        .map(|(contract, tool)| (contract, tool.name(), tool.approval().approvers()))
        .filter(|(_, _, needed)| usize::from(*needed) > approvers)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_approvals::ApproverRule;

    struct NoFiles;

    impl callgate_contract::Files for NoFiles {
        fn read(&self, path: &str) -> Result<String, String> {
            Err(format!("{path} does not exist"))
        }
    }

    #[test]
    fn tools_that_need_more_persons_than_there_are_are_found() {
        let tool = |name: &str, approval: &str| {
            format!(
                "    - {{ name: {name}, effects: write, approval: {approval}, parameters: {{ type: object }}, run: {{ http: {{ cluster: a, path: / }} }} }}\n"
            )
        };
        let tools = tool("pay", "{ approvers: 2 }") + &tool("order", "always") + &tool("look", "never");
        let text = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
             roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  tools:\n{tools}"
        );
        let contract =
            callgate_contract::load("contract.yaml", &text, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        let short = |approvers| short_of_persons(std::iter::once(&contract), approvers);
        assert_eq!(short(0), [("desk", "pay", 2), ("desk", "order", 1)]);
        assert_eq!(short(1), [("desk", "pay", 2)]);
        assert_eq!(short(2), []);
    }

    #[test]
    fn names_in_rules_without_a_token_are_found() {
        let all = || vec!["*".to_owned()];
        let persons = vec!["alice".to_owned(), "alcie".to_owned()];
        let rule = ApproverRule { persons, tools: all(), tenants: all(), roles: all(), not_own: false };
        let approvers = BTreeSet::from(["alice".to_owned()]);
        assert_eq!(strangers(&Approvers::Listed(vec![rule]), &approvers), BTreeSet::from(["alcie"]));
        assert!(strangers(&Approvers::All, &approvers).is_empty());
    }
}
