//! The rules that forbid. One exact name at any depth is the form of most, and these are found by a look-up of each name of a path.

use std::collections::HashMap;

use super::entry::Scope;
use super::pattern::TRAIL;
use super::route::Segment;
use super::rules::Rule;

/// Rules, in the order of their entries but for names.
#[derive(Debug, Default)]
pub(super) struct Forbidden {
    /// Those that have another form than one exact name at any depth.
    routes: Vec<ForbiddenRoute>,
    named: Vec<Rule>,
    /// The first entry of each name of `named`. Names are folded.
    entries: HashMap<String, usize>,
}

/// A rule with a route.
#[derive(Debug)]
struct ForbiddenRoute {
    rule: Rule,
    /// The name, folded, that a path must have to match the route or to begin it: `.cargo` of `**/.cargo/credentials`.
    first: Option<String>,
}

// === impl Forbidden ===

impl Forbidden {
    /// Adds a rule. Rules come in the order of their entries.
    pub(super) fn push(&mut self, rule: Rule) {
        match (first_name(&rule), rule.route.segments.len()) {
            (Some(name), 2) => {
                self.entries.entry(name).or_insert(rule.entry);
                self.named.push(rule);
            }
            (first, _) => self.routes.push(ForbiddenRoute { rule, first }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.named.is_empty()
    }

    /// Returns true if a rule is one exact name at any depth: what it forbids may lie below any directory.
    pub(super) fn has_names(&self) -> bool {
        !self.named.is_empty()
    }

    /// Returns all rules.
    pub(super) fn all(&self) -> impl Iterator<Item = &Rule> {
        self.routes.iter().map(|route| &route.rule).chain(&self.named)
    }

    /// Returns the rules that are no exact name at any depth.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Rule> {
        self.routes.iter().map(|route| &route.rule)
    }

    /// Returns the rules of [`routes`](Self::routes) that these names may match or begin. They are folded.
    pub(super) fn routes_of(&self, names: &[String]) -> impl Iterator<Item = &Rule> {
        let may_begin = |first: &String| names.iter().any(|name| name.trim_end_matches(TRAIL) == first);
        let routes = self.routes.iter().filter(move |route| route.first.as_ref().is_none_or(may_begin));
        routes.map(|route| &route.rule)
    }

    /// Returns the first entry that is one of these names. They are folded, and are those that a name at any depth is compared with.
    pub(super) fn named_in(&self, names: &[String]) -> Option<usize> {
        names.iter().filter_map(|name| self.entries.get(name.trim_end_matches(TRAIL))).min().copied()
    }
}

/// Returns the name that a rule forbids at any depth, or that its route begins with there, if it is exact.
fn first_name(rule: &Rule) -> Option<String> {
    match (rule.scope, rule.route.segments.as_slice()) {
        (Scope::AnyDepth, [Segment::AnyDepth, Segment::Pattern(pattern), ..]) => pattern.as_name_with_trail(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold;
    use super::super::rules::Rule;
    use super::super::workspace::Workspace;
    use super::super::{Os, SETS, entry};
    use super::Forbidden;

    #[test]
    fn the_look_up_of_a_name_finds_what_the_comparison_finds() {
        let workspace = Workspace::new("/work", Os::Posix).unwrap_or_else(|problem| panic!("{problem}"));
        let entries: Vec<&str> = SETS.iter().flat_map(|set| set.entries).copied().chain(["a b", "x.y"]).collect();
        let mut forbidden = Forbidden::default();
        for (index, text) in entries.iter().enumerate() {
            for (scope, route) in entry::read(text, true, &workspace).unwrap_or_else(|problem| panic!("{problem}")) {
                forbidden.push(Rule { entry: index, scope, route });
            }
        }
        assert!(forbidden.named.len() > 80);
        let names = entries.iter().flat_map(|text| text.split('/')).flat_map(|text| {
            [text.to_owned(), format!("{text}. ."), format!(" {text}"), format!("{text}x"), text.to_uppercase()]
        });
        for name in names.chain(["", ".", "..", " ", "a", "ſecrets", "ａ b"].map(str::to_owned)) {
            let path = ["src".to_owned(), fold::fold(&name)];
            let compares = |rule: &&Rule| rule.route.reach_names(&[], &path).has_begun;
            assert_eq!(
                forbidden.routes_of(&path).filter(compares).count(),
                forbidden.routes().filter(compares).count(),
                "{name:?}"
            );
            let compared = forbidden.named.iter().filter(|rule| rule.route.reach_names(&[], &path).end.is_some());
            assert_eq!(forbidden.named_in(&path), compared.map(|rule| rule.entry).min(), "{name:?}");
        }
    }
}
