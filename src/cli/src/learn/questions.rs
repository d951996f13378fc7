//! The questions that a person must answer before the contract is used.

use std::collections::BTreeMap;

use callgate_contract::{Caller, Contract, Conversation, Effects, ProposedCall, Verdict, decide};
use serde_json::Value;

use super::agents;
use super::marks::values_at;
use super::plan::{LearnedTool, NarrowestRole};
use crate::proposal::sketch::{Sketch, ToolSketch};
use crate::terminal::plain;

/// The names that one question lists.
const NAMES: usize = 30;
/// The longest shown name.
const NAME: usize = 128;
/// The questions about changes to schemas, and about refused calls.
const DETAILS: usize = 40;
/// Directories of a system, in which no project lies.
const SYSTEM: [&str; 14] = [
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/dev", "/proc", "/sys", "/run", "/root", "/var",
    "/System",
];

/// The questions, in the order of their importance.
#[derive(Default)]
pub(super) struct Questions(Vec<String>);

// === impl Questions ===

impl Questions {
    /// Adds a question. Names in it may be a stranger's.
    pub(super) fn add(&mut self, question: String) {
        self.0.push(plain(&question));
    }

    fn list(&mut self, names: &[&str], text: &str) {
        if !names.is_empty() {
            self.add(format!("{}: {text}", listed(names)));
        }
    }

    /// Adds what the input leaves open.
    pub(super) fn of_sketch(&mut self, sketch: &Sketch, unfit: &[&str], refused: usize, inferred: &[String]) {
        self.list(unfit, "left out. A proposal has at most 1,000 tools, with names of 1 to 128 letters, digits, `_`, `-`, `.`, `:` and `/`.");
        if sketch.unread_count > 0 {
            self.add(format!(
                "{} parts of the input cannot be read: {}",
                sketch.unread_count,
                sketch.unread.join("; ")
            ));
        }
        if sketch.skipped > 0 {
            self.add(format!("{} entries have no request of a known API, and are skipped.", sketch.skipped));
        }
        if sketch.calls_left > 0 {
            self.add(format!("{} recorded calls are too many or too large, and are not looked at.", sketch.calls_left));
        }
        if refused > 0 {
            self.add(format!(
                "{refused} calls of the log were refused or had no decision. Nothing is learned from them."
            ));
        }
        let names: Vec<&str> = inferred.iter().map(String::as_str).collect();
        self.list(
            &names,
            "no declaration is known. Their schemas are those of the recorded calls, and refuse what no call had.",
        );
        let mut called: Vec<&str> = sketch.calls.iter().map(|(name, _)| name.as_str()).collect();
        called.sort_unstable();
        called.dedup();
        called.retain(|name| sketch.tools.iter().all(|tool| tool.name != *name));
        self.list(&called, "called, but never declared, and so left out.");
        if !sketch.provider_tools.is_empty() {
            let names: Vec<&str> = sketch.provider_tools.iter().map(String::as_str).collect();
            self.list(
                &names,
                "the provider runs these. The gate takes them out of requests. List them in `providerTools` to let every role \
                 use them.",
            );
        }
    }

    /// Adds what the tools leave open.
    pub(super) fn of_tools(&mut self, tools: &[LearnedTool<'_>]) {
        let mut reasons: BTreeMap<(u8, &str), Vec<&str>> = BTreeMap::new();
        for tool in tools {
            match &tool.reach {
                NarrowestRole::Nobody(because) => reasons.entry((0, because)).or_default().push(&tool.sketch.name),
                NarrowestRole::Full(because) => reasons.entry((1, because)).or_default().push(&tool.sketch.name),
                NarrowestRole::Look | NarrowestRole::Edit => {}
            }
        }
        for ((rank, because), names) in reasons {
            match rank {
                0 => self.list(&names, &format!("left out. {}.", sentence(because))),
                _ => self.list(&names, &format!("{because}. Who may? Only `full` has it.")),
            }
        }
        let of = |keep: &dyn Fn(&&LearnedTool<'_>) -> bool| -> Vec<&str> {
            tools.iter().filter(keep).map(|tool| tool.sketch.name.as_str()).collect()
        };
        self.list(&of(&|tool| tool.is_marked("url")), "which hosts may they ask? Set `hosts` of the profile `edit`.");
        self.list(
            &of(&|tool| tool.is_marked("command")),
            "in a role that changes the project, they run its code too, such as its tests. Does a sandbox hold the agent?",
        );
        self.list(&of(&|tool| tool.guess.is_doubtful), "`effects` is a poor guess. What do they change?");
        let unjudged = |tool: &&LearnedTool<'_>| {
            tool.reach == NarrowestRole::Look && tool.marks.is_empty() && tool.guess.effects == Effects::Read
        };
        self.list(&of(&unjudged), "only their names say that they change nothing.");
        self.list(
            &of(&|tool| tool.sketch.differs),
            "requests declare them in different forms, and the first one counts.",
        );
        self.list(
            &of(&|tool| tool.sketch.description.as_ref().is_some_and(|text| text.len() > 1000)),
            "their descriptions are the agent's own words, and long. The model reads them: review or shorten them.",
        );
        let changes = tools.iter().flat_map(|tool| tool.changes.iter().map(move |change| (&tool.sketch.name, change)));
        let all = changes.clone().count();
        for (name, change) in changes.take(DETAILS) {
            self.add(format!("{}: {change}.", short(name)));
        }
        if all > DETAILS {
            self.add(format!("{} more changes to schemas; `callgate init` lists all of them.", all - DETAILS));
        }
    }

    /// Adds the recorded calls that no role allows.
    pub(super) fn of_calls(&mut self, contract: &Contract, sketch: &Sketch) {
        if contract.workspace_header().is_some() {
            self.add("The recorded calls are not decided, because the workspace stands in a header.".to_owned());
            return;
        }
        let mut refused: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for (tool, arguments) in &sketch.calls {
            let text = arguments.to_string();
            let call = ProposedCall { name: tool, arguments: &text };
            let caller = Caller::new("learn", "full");
            if contract.permit(contract.role("full"), tool).is_err() {
                continue;
            }
            if let Verdict::Deny(violation) = decide(contract, &caller, &Conversation::default(), &call) {
                let why = format!("{} {}: {}", violation.code, violation.pointer, violation.message);
                *refused.entry((tool, why)).or_default() += 1;
            }
        }
        for ((tool, why), count) in refused.iter().take(DETAILS) {
            self.add(format!("No role allows {count} recorded calls of {}: {why}", short(tool)));
        }
        if refused.len() > DETAILS {
            self.add(format!("No role allows recorded calls for {} more reasons.", refused.len() - DETAILS));
        }
    }

    /// Returns the first lines of the contract.
    pub(super) fn head(&self, sketch: &Sketch) -> Vec<String> {
        let mut lines = vec![
            format!(
                "Proposed by `callgate learn` from {} requests, {} lists of tools and {} different calls. Everything is a guess, and nobody has \
                 reviewed it.",
                sketch.requests,
                sketch.lists,
                sketch.calls.len()
            ),
            String::new(),
            "A role takes tools and a profile. The schemas say what a string is, and the profile what may be done. Open questions:".to_owned(),
        ];
        lines.extend(self.0.iter().enumerate().map(|(number, text)| format!("{}. {text}", number + 1)));
        lines
    }

    /// Returns the questions for standard error.
    pub(super) fn listed(&self) -> String {
        let mut out = String::from("open questions:\n");
        for (number, text) in self.0.iter().enumerate() {
            out.push_str(&format!("  {}. {text}\n", number + 1));
        }
        out
    }
}

/// Begins a text with a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Lists names, and the number of those that are too many.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{}`", short(name))).collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns a name without what ends a line or hides text, and not longer than a name of a contract.
fn short(name: &str) -> String {
    plain(&name.chars().take(NAME).collect::<String>())
}

/// Returns tools that programs of code mode call and that no request declares.
pub(super) fn inner_tools(sketch: &Sketch) -> Vec<ToolSketch> {
    let is_program = |tool: &ToolSketch| {
        let properties = tool.parameters.get("properties").and_then(Value::as_object);
        tool.name == "exec" && properties.is_some_and(|named| named.len() == 1 && named.contains_key("input"))
    };
    if !sketch.tools.iter().any(is_program) {
        return Vec::new();
    }
    let mut tools = agents::tools_of("codex", &["exec_command", "apply_patch"]);
    tools.retain(|tool| sketch.tools.iter().all(|known| known.name != tool.name));
    tools
}

/// Returns the directory that holds all recorded absolute paths, if a project may lie there.
pub(super) fn recorded_root(sketch: &Sketch, tools: &[&LearnedTool<'_>]) -> Option<String> {
    let mut common: Option<Vec<String>> = None;
    for tool in tools {
        let places = tool.marks.iter().filter(|mark| mark.value.get("path").is_some()).map(|mark| &mark.place);
        for place in places {
            let calls = sketch.calls.iter().filter(|(name, _)| *name == tool.sketch.name);
            for path in
                calls.flat_map(|(_, arguments)| values_at(arguments, place)).filter(|path| path.starts_with('/'))
            {
                let mut names: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
                names.pop();
                common = Some(match common {
                    None => names,
                    Some(known) => known
                        .into_iter()
                        .zip(names)
                        .take_while(|(one, other)| one == other)
                        .map(|(one, _)| one)
                        .collect(),
                });
            }
        }
    }
    let names = common?;
    let is_plain = |name: &String| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
    };
    let root = format!("/{}", names.join("/"));
    let is_home = names.first().is_some_and(|first| first == "home" || first == "Users");
    let is_deep = names.len() >= if is_home { 3 } else { 2 };
    let is_system =
        SYSTEM.iter().any(|system| names.first().is_some_and(|first| system.trim_start_matches('/') == first));
    (is_deep && !is_system && names.iter().all(is_plain)).then_some(root)
}
