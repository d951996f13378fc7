//! The tools of the proposal: what was declared, and the guesses on it.

use callgate_contract::{Effects, Guess, MarkGuess, guess, guess_marks, is_tool_name};
use serde_json::Value;

use super::observed::{Observed, observe};
use super::schema::{self, Fitted};
use super::sketch::{Sketch, ToolSketch};
use super::yaml;

/// Words of tools that move money.
const PAYS: [&str; 9] = ["pay", "payment", "transfer", "money", "refund", "charge", "purchase", "buy", "transaction"];
/// Arguments with an amount of money.
const AMOUNTS: [&str; 5] = ["amount", "total", "price", "sum", "value"];
/// The indentation of the tools in a contract.
const INDENT: usize = 4;

/// A tool of the proposal.
pub(crate) struct ToolDraft<'s> {
    pub(crate) sketch: &'s ToolSketch,
    pub(crate) guess: Guess,
    /// The marks that its strings may need.
    pub(crate) marks: Vec<MarkGuess>,
    pub(crate) parameters: Fitted,
    pub(crate) result: Option<Fitted>,
    pub(crate) observed: Observed,
    /// Further fields, as the advice on the contract gives them.
    pub(crate) stanzas: String,
}

/// Returns the tools that a contract can have, and the names of the others.
pub(crate) fn drafts(sketch: &Sketch) -> (Vec<ToolDraft<'_>>, Vec<&str>) {
    let (fit, unfit): (Vec<&ToolSketch>, Vec<&ToolSketch>) =
        sketch.tools.iter().partition(|tool| is_tool_name(&tool.name));
    (fit.into_iter().map(ToolDraft::new).collect(), unfit.into_iter().map(|tool| tool.name.as_str()).collect())
}

/// Returns the word of a contract.
pub(crate) fn word(effects: Effects) -> &'static str {
    match effects {
        Effects::Read => "read",
        Effects::Write => "write",
        Effects::Destructive => "destructive",
    }
}

// === impl ToolDraft ===

impl<'s> ToolDraft<'s> {
    fn new(sketch: &'s ToolSketch) -> Self {
        let result = sketch.result.as_ref().map(schema::result);
        let observed = observe(&sketch.name, &sketch.results, result.as_ref().map(|fitted| &fitted.schema));
        let parameters = schema::parameters(&sketch.parameters);
        let guess = guess(&sketch.name, &parameters.schema, sketch.hints);
        let mut marks = guess_marks(guess.effects, &parameters.schema);
        // They are written as comments, which no name may end.
        marks.retain(|one| one.place.chars().chain(one.mark.chars()).all(|c| c == ' ' || c.is_ascii_graphic()));
        Self { sketch, guess, marks, parameters, result, observed, stanzas: String::new() }
    }

    /// Returns the file of the schema of the arguments, relative to the contract.
    pub(crate) fn schema_file(&self) -> String {
        format!("schemas/{}.json", self.sketch.name)
    }

    /// Writes the tool as an entry of `spec.tools`.
    pub(crate) fn write(&self, out: &mut String, has_file: bool) {
        let mut line = |text: &str| {
            out.push_str(&" ".repeat(INDENT));
            out.push_str(text);
            out.push('\n');
        };
        line(&format!("- name: {}", yaml::scalar_of(&self.sketch.name)));
        if let Some(description) = &self.sketch.description {
            line(&format!("  description: {}", yaml::scalar_of(description)));
        }
        let review = if self.guess.is_doubtful { "; review" } else { "" };
        line(&format!("  effects: {} # {}{review}", word(self.guess.effects), self.guess.because));
        for MarkGuess { place, mark, .. } in &self.marks {
            line(&format!("  # x-callgate of {place}: {mark}"));
        }
        if has_file {
            line(&format!("  parameters: {{ $ref: {} }}", Value::from(self.schema_file())));
        } else {
            yaml::member(out, INDENT + 2, "parameters", &self.parameters.schema);
        }
        let mut line = |text: &str| {
            out.push_str(&" ".repeat(INDENT));
            out.push_str(text);
            out.push('\n');
        };
        match (&self.result, self.observed.format) {
            (Some(result), _) => {
                line("  result: # by the server's list");
                line("    format: json");
                yaml::member(out, INDENT + 4, "schema", &result.schema);
            }
            (None, Some((format, count))) => {
                let results = self.sketch.results.len();
                line(&format!("  result: {{ format: {format} }} # {count} of {results} results; review"));
            }
            (None, None) => {}
        }
        self.write_rules(out);
    }

    fn write_rules(&self, out: &mut String) {
        let mut line = |text: &str| {
            out.push_str(&" ".repeat(INDENT + 2));
            out.push_str(text);
            out.push('\n');
        };
        let places = [("trusted", &self.observed.trusted), ("attributed", &self.observed.attributed)];
        if places.iter().any(|(_, places)| !places.is_empty()) {
            line("output: # by the names of the fields; review");
            for (name, places) in places.into_iter().filter(|(_, places)| !places.is_empty()) {
                let places = places.iter().map(|place| Value::from(place.as_str()).to_string());
                line(&format!("  {name}: [{}]", places.collect::<Vec<_>>().join(", ")));
            }
        }
        if let Some(because) = self.guess.egress {
            line(&format!("egress: true # {because}"));
        }
        if self.guess.effects == Effects::Destructive {
            line("requires: { untainted: true, otherwise: approve } # a person, once an outsider's text was read");
        }
        if let Some(amount) = self.amount() {
            let condition = format!("args.{amount} > 1000");
            line(&format!(
                "# approval: {{ when: {} }} # set the limit from which a person must agree",
                Value::from(condition)
            ));
        }
        self.stanzas.lines().for_each(&mut line);
        match &self.sketch.at_server {
            None => line("run: { client: {} } # the application or an MCP server runs it"),
            Some((server, tool)) => {
                let (server, tool) = (yaml::scalar_of(server), Value::from(tool.as_str()));
                line(&format!("run: {{ mcp: {{ cluster: {server}, tool: {tool} }} }} # the executor calls the server"));
            }
        }
    }

    /// Returns the argument with an amount of money, if the tool pays.
    pub(crate) fn amount(&self) -> Option<&str> {
        let is_word = |letter: char| !letter.is_alphanumeric();
        let pays = self.sketch.name.split(is_word).any(|word| PAYS.contains(&word.to_lowercase().as_str()));
        let properties = self.parameters.schema.get("properties").and_then(Value::as_object);
        let is_number = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "number" || kind == "integer");
        let amount = |(name, schema): (&'_ String, &Value)| AMOUNTS.contains(&name.as_str()) && is_number(schema);
        let found = properties.into_iter().flatten().find(|entry| amount(*entry)).map(|(name, _)| name.as_str());
        found.filter(|_| pays && self.guess.effects != Effects::Read)
    }
}
