//! The rules on who may answer a request.
//!
//! The executor knows the tenant and the role of a request, as the proxy named them, and not the person behind them. So
//! *own* means: the tenant of the request is the approver's name, or one of the approver's tenants in the token file.
//!
//! Nobody approves a request of a tenant with their own name. A rule with `notOwn` also excludes the tenants of the
//! token file. Everyone may refuse their own request: a refusal lets nothing run.

use wildmatch::WildMatchPattern;

use super::Ask;
use super::request::Person;
use crate::settings::{ApproverRule, Approvers};

/// The answers a person may give to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They may approve or refuse it.
    Answer,
    /// It is their own: they may refuse it.
    Refuse,
    /// No rule names them for it.
    Nothing,
}

/// Returns the answers a person may give to a request.
pub(super) fn standing(approvers: &Approvers, person: &Person, ask: &Ask) -> Standing {
    let rules = match approvers {
        Approvers::All => return if has_name(person, ask) { Standing::Refuse } else { Standing::Answer },
        Approvers::Listed(rules) => rules,
    };
    let mut standing = Standing::Nothing;
    for rule in rules.iter().filter(|rule| covers(rule, person, ask)) {
        let own = has_name(person, ask) || (rule.not_own && person.tenants.contains(&ask.tenant));
        if !own {
            return Standing::Answer;
        }
        standing = Standing::Refuse;
    }
    standing
}

fn has_name(person: &Person, ask: &Ask) -> bool {
    person.name == ask.tenant
}

fn covers(rule: &ApproverRule, person: &Person, ask: &Ask) -> bool {
    rule.persons.contains(&person.name)
        && fits(&rule.tools, &ask.tool)
        && fits(&rule.tenants, &ask.tenant)
        && fits(&rule.roles, &ask.role)
}

fn fits(patterns: &[String], name: &str) -> bool {
    // NUL stands for the library's "any one character"; no name contains it.
    patterns.iter().any(|pattern| WildMatchPattern::<'*', '\0'>::new(pattern).matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, tenants: &[&str]) -> Person {
        Person { name: name.into(), tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect() }
    }

    fn ask(tenant: &str, role: &str, tool: &str) -> Ask {
        Ask { tenant: tenant.into(), role: role.into(), tool: tool.into(), ..Ask::default() }
    }

    fn rule(person: &str, tools: &str, tenants: &str, roles: &str, not_own: bool) -> ApproverRule {
        let list = |text: &str| vec![text.to_owned()];
        ApproverRule { persons: list(person), tools: list(tools), tenants: list(tenants), roles: list(roles), not_own }
    }

    #[test]
    fn without_rules_everybody_answers_but_nobody_approves_under_their_own_name() {
        let all = Approvers::All;
        assert_eq!(standing(&all, &person("alice", &["acme"]), &ask("acme", "clerk", "t")), Standing::Answer);
        assert_eq!(standing(&all, &person("acme", &[]), &ask("acme", "clerk", "t")), Standing::Refuse);
    }

    #[test]
    fn a_rule_counts_for_its_person_tools_tenants_and_roles_only() {
        let rules = Approvers::Listed(vec![rule("alice", "refund_*", "eu-*", "clerk", false)]);
        let of = |name: &str, tenant: &str, role: &str, tool: &str| {
            standing(&rules, &person(name, &[]), &ask(tenant, role, tool))
        };
        assert_eq!(of("alice", "eu-1", "clerk", "refund_order"), Standing::Answer);
        for (name, tenant, role, tool) in [
            ("bob", "eu-1", "clerk", "refund_order"),
            ("alice", "us-1", "clerk", "refund_order"),
            ("alice", "eu-1", "admin", "refund_order"),
            ("alice", "eu-1", "clerk", "delete_order"),
            ("alice", "eu-1", "clerk", "REFUND_order"),
            ("alic", "eu-1", "clerk", "refund_order"),
        ] {
            assert_eq!(of(name, tenant, role, tool), Standing::Nothing, "{name} {tenant} {role} {tool}");
        }
    }

    #[test]
    fn not_own_excludes_the_tenants_of_the_person_and_another_rule_may_include_them() {
        let mut rules = vec![rule("alice", "*", "*", "*", true)];
        let alice = person("alice", &["acme", "globex"]);
        let of = |rules: &[ApproverRule], tenant: &str| {
            standing(&Approvers::Listed(rules.to_vec()), &alice, &ask(tenant, "clerk", "t"))
        };
        assert_eq!(of(&rules, "globex"), Standing::Refuse);
        assert_eq!(of(&rules, "alice"), Standing::Refuse);
        assert_eq!(of(&rules, "initech"), Standing::Answer);
        rules.push(rule("alice", "*", "globex", "*", false));
        assert_eq!(of(&rules, "globex"), Standing::Answer);
        assert_eq!(of(&rules, "acme"), Standing::Refuse);
    }
}
