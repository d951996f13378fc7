//! The text of a contract for an agent: head, profiles, roles, tools.

use callgate_contract::Effects;
use serde_json::Value;

use crate::proposal::draft::word;
use crate::proposal::{comment, yaml};

/// The profiles `look`, `offline` and `edit`, as they stand in `spec`.
pub(super) const PROFILES: &str = include_str!("../../templates/agents/profiles.yaml");
/// The workspace of a contract that nobody gave one.
pub(super) const ROOT: &str = "/work/project";
/// The indentation of the tools in a contract.
const INDENT: usize = 4;

/// Everything that a contract for an agent says.
pub(super) struct AgentContract<'a> {
    /// The first lines, as comments. An empty one is an empty comment.
    pub(super) head: Vec<String>,
    pub(super) name: &'a str,
    pub(super) models: Vec<Value>,
    /// Further lines of `spec`, such as limits.
    pub(super) settings: Vec<String>,
    /// `None` if no string is marked: then no profile has a meaning.
    pub(super) workspace: Option<&'a str>,
    pub(super) roles: Vec<RoleText>,
    pub(super) tools: Vec<ToolText<'a>>,
}

/// A role.
pub(super) struct RoleText {
    pub(super) name: &'static str,
    /// The profile, and the rules about its tools.
    pub(super) profile: &'static str,
    pub(super) tools: Vec<String>,
    pub(super) because: String,
}

/// A tool.
pub(super) struct ToolText<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) effects: Effects,
    /// The reason of the effects, if they are a guess.
    pub(super) because: Option<&'a str>,
    /// Comments above the arguments.
    pub(super) notes: Vec<String>,
    pub(super) parameters: &'a Value,
    /// True if the schema has no words for the model, so that its lines may be full.
    pub(super) is_dense: bool,
}

// === impl AgentContract ===

impl AgentContract<'_> {
    /// Returns the contract's text.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.head {
            if line.is_empty() { out.push_str("#\n") } else { comment(&mut out, 0, line) }
        }
        out.push_str("apiVersion: callgate.dev/v1\nkind: Contract\n");
        out.push_str(&format!("metadata: {{ name: {}, version: 0.1.0 }}\nspec:\n", yaml::scalar_of(self.name)));
        out.push_str(&format!("  models: {}\n", yaml::flow(&Value::Array(self.models.clone()))));
        out.push_str("  undeclaredTools: drop\n");
        self.settings.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        if let Some(root) = self.workspace {
            out.push_str(&format!("  workspace: {{ root: {} }}\n{PROFILES}", yaml::scalar_of(root)));
        }
        out.push_str("  roles:\n");
        for role in &self.roles {
            comment(&mut out, INDENT, &format!("{}: {}", role.name, role.because));
            let profile = match self.workspace {
                Some(_) => format!("profile: {}, ", role.profile),
                None => String::new(),
            };
            let tools: Vec<Value> = role.tools.iter().map(|tool| tool.as_str().into()).collect();
            out.push_str(&format!("    {}: {{ {profile}tools: ", role.name));
            yaml::filled(&mut out, INDENT + 8, &tools);
            out.push_str(" }\n");
        }
        out.push_str("  tools:\n");
        self.tools.iter().for_each(|tool| tool.write(&mut out));
        out
    }
}

// === impl ToolText ===

impl ToolText<'_> {
    fn write(&self, out: &mut String) {
        let margin = " ".repeat(INDENT);
        out.push_str(&format!("{margin}- name: {}\n", yaml::scalar_of(self.name)));
        if let Some(description) = self.description {
            out.push_str(&format!("{margin}  description: {}\n", yaml::scalar_of(description)));
        }
        let because = self.because.map(|because| format!(" # {because}")).unwrap_or_default();
        out.push_str(&format!("{margin}  effects: {}{because}\n", word(self.effects)));
        self.notes.iter().for_each(|note| comment(out, INDENT + 2, note));
        match self.is_dense {
            true => yaml::dense(out, INDENT + 2, "parameters", self.parameters),
            false => yaml::compact(out, INDENT + 2, "parameters", self.parameters),
        }
        out.push_str(&format!("{margin}  run: {{ client: {{}} }}\n"));
    }
}
