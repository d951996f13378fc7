//! Rules that let too much or nothing through.

use callgate_provenance::{Extent, Place, ResultFormat, ResultSource, ValueSource};

use super::names;
use crate::model::{Approval, Contract, Effects, Tool};
use crate::sources::schema;

pub(super) fn warnings(contract: &Contract, tool: &Tool) -> Vec<String> {
    let mut found = Vec::new();
    let rules = &tool.sources;
    for rule in &rules.origins {
        let sources = rule.from.iter().flat_map(|from| &from.sources);
        let argument = rule.place.to_string();
        let argument = argument.trim_start_matches('#');
        for source in sources {
            if let ValueSource::Result(source) = source {
                found.extend(
                    of_source(contract, source).into_iter().map(|why| format!("`origin` of `{argument}` {why}")),
                );
            }
        }
    }
    let is_destructive = tool.effects() == Effects::Destructive || names::is_destructive(tool.name());
    let untainted = rules.requires.as_ref().is_some_and(|requires| requires.untainted);
    if untainted && !is_destructive {
        found.push("`requires: { untainted: true }` holds nearly every call after a read; use it for tools that delete or revoke".to_owned());
    }
    if is_destructive && tool.effects() != Effects::Read && !untainted && tool.approval() == Approval::Never {
        found.push("it deletes or revokes something, and an attacker can name an honest id; add `requires: { untainted: true, otherwise: approve }`".to_owned());
    }
    if rules.egress.is_some() && rules.entities.is_none() {
        found.push("`entities: false` lets URLs, addresses and keys of outsiders leave with the arguments".to_owned());
    }
    found
}

/// Returns the reasons why a source lets too much or nothing through.
fn of_source(contract: &Contract, source: &ResultSource) -> Vec<String> {
    let mut found = Vec::new();
    for tool in source.tools.iter().filter_map(|name| contract.entry(name)) {
        let (name, output) = (tool.name(), &tool.sources.output);
        let has_fields = !matches!(output.format, None | Some(ResultFormat::Text));
        match &source.place {
            None if output.trusted != Extent::Everywhere => found.push(format!(
                "names all of `{name}`, in which outsiders may write; name the fields, such as `tool:{name}#/id` (whole tools let 20 to 60% of injected calls through)"
            )),
            Some(place) if !has_fields && *place != root() => found.push(format!(
                "names a field of `{name}`, whose results have none; add `result: {{ format: json }}` to that tool"
            )),
            Some(place) => found.extend(of_place(tool, place)),
            None => {}
        }
        if source.is_inside && output.trusted != Extent::Everywhere {
            found.push(format!(
                "searches inside of a text of `{name}`, and whoever writes the text is the source; name a whole field"
            ));
        }
    }
    found
}

fn of_place(tool: &Tool, place: &Place) -> Vec<String> {
    let (name, mut found) = (tool.name(), Vec::new());
    if let Extent::Places(places) = &tool.sources.output.attributed
        && places.contains(place)
    {
        found.push(format!(
            "names an attributed field of `{name}`: an attacker who is a sender or a payee there is let through (a third of such attacks)"
        ));
    }
    if let Some(result) = tool.result()
        && !place.is_of_names()
        && !schema::may_have(result, &place.names())
    {
        found.push(format!("names a field that the `result` schema of `{name}` does not have; it can never match"));
    }
    found
}

fn root() -> Place {
    Place::default()
}
