//! The first lines of a proposal: what it was made of, and what a person has to review.

use callgate_contract::Effects;

use super::args::InitArguments;
use crate::proposal::draft::ToolDraft;
use crate::proposal::{comment, sketch::Sketch};

/// Writes the lines. `unfit` are tools whose names no contract takes.
pub(super) fn write(
    out: &mut String,
    sketch: &Sketch,
    arguments: &InitArguments,
    tools: &[ToolDraft<'_>],
    unfit: &[&str],
) {
    let lists =
        if sketch.lists == 0 { String::new() } else { format!(" and {} of tools", counted(sketch.lists, "list")) };
    comment(
        out,
        0,
        &format!(
            "Proposed by `callgate init` from {}{lists}. Effects, egress, trust and sources are guesses from names, schemas, hints and \
         results. Nobody has reviewed them.",
            counted(sketch.requests, "request"),
        ),
    );
    out.push_str("#\n# Review:\n");
    let mut number = 0;
    let mut point = |out: &mut String, text: String| {
        number += 1;
        comment(out, 0, &format!("{number}. {text}"));
    };
    let named = |keep: &dyn Fn(&&ToolDraft<'_>) -> bool| {
        tools.iter().filter(keep).map(|tool| tool.sketch.name.as_str()).collect::<Vec<_>>()
    };
    let mut list = |out: &mut String, names: Vec<&str>, text: &str| {
        if !names.is_empty() {
            point(out, format!("{text}: {}.", names.join(", ")));
        }
    };
    list(
        out,
        unfit.to_vec(),
        "Left out, because a contract takes names of 1 to 128 letters, digits, `_`, `-`, `.`, `:` and `/` only",
    );
    list(out, named(&|tool| tool.guess.is_doubtful), "`effects` is a poor guess");
    list(
        out,
        named(&|tool| tool.guess.effects == Effects::Destructive),
        "A person must approve these once an outsider's text was read",
    );
    list(
        out,
        named(&|tool| tool.guess.egress.is_some()),
        "`egress`: the arguments of these leave the organisation, and of no other tool",
    );
    list(
        out,
        named(&|tool| tool.observed.format.is_some()),
        "`result.format` was seen in results, and is wrong if an outsider writes all of a result",
    );
    list(
        out,
        named(&|tool| !tool.observed.trusted.is_empty()),
        "`output.trusted`: no outsider may be able to write these fields",
    );
    let are_unknown = |tool: &&ToolDraft<'_>| {
        tool.guess.effects == Effects::Read && tool.result.is_none() && tool.observed.format.is_none()
    };
    list(
        out,
        named(&are_unknown),
        "Nothing shows fields in the results of these, so no value of theirs is a source; declare `result` and `output`",
    );
    list(
        out,
        named(&|tool| !tool.marks.is_empty()),
        "`x-callgate`: strings of these may be commands, paths, URLs or queries, and only schemas check them; move each proposed mark \
         into its schema, and give the role a profile",
    );
    let mut servers: Vec<&str> = Vec::new();
    for (server, _) in tools.iter().filter_map(|tool| tool.sketch.at_server.as_ref()) {
        if !servers.contains(&server.as_str()) {
            servers.push(server);
        }
    }
    list(out, servers, "The executor's configuration needs `backends` or `programs` with these names");
    list(out, named(&|tool| tool.amount().is_some()), "`approval`: these pay; set a limit");
    list(out, named(&|tool| tool.sketch.differs), "Requests declare these in different forms; the first one counts");
    for tool in tools {
        let changes = tool.parameters.changes.iter().chain(tool.result.iter().flat_map(|result| &result.changes));
        for change in changes {
            point(out, format!("{}: {change}.", tool.sketch.name));
        }
    }
    if !sketch.provider_tools.is_empty() {
        let names = sketch.provider_tools.join("`, `");
        point(
            out,
            format!(
                "Requests use `{names}`, which the provider runs. They are refused unless `providerTools` lists them."
            ),
        );
    }
    let role = &arguments.role;
    point(out, format!("`roles`: `{role}` has all tools. Give each role the tools that it needs."));
    let models = if arguments.model.is_empty() && sketch.models.is_empty() {
        "any model is allowed"
    } else {
        "from the requests"
    };
    if arguments.model.is_empty() {
        point(out, format!("`models`: {models}."));
    }
    out.push_str("#\n");
    comment(
        out,
        0,
        "Then run `callgate lint --suggest`, decide captured calls with `callgate check --conversation`, and let the gate run with \
                    `enforce: false` before it refuses anything.",
    );
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
