//! Argument kinds: strings of the arguments with a meaning, judged by the profile of the caller's role.
//!
//! | file | does |
//! |---|---|
//! | `code` | decides the calls of a program of code mode |
//! | `facts` | gives conditions the readings of marked strings |
//! | `explain`, `readings` | say in words what profiles allow and what strings mean |
//! | `locate` | finds the marks of a schema, and the place of each in the arguments |
//! | `mark` | reads one `x-callgate` |
//! | `place` | finds the values at a place |
//! | `profiles` | resolves `like`, and compiles the profiles |
//! | `workspace` | finds the workspace of a call |
//!
//! A mark is judged only at a place that every call has in the same way. A mark anywhere else makes the contract invalid.

pub(crate) mod code;
mod explain;
pub(crate) mod facts;
pub(crate) mod locate;
pub(crate) mod mark;
mod place;
pub(crate) mod profiles;
mod readings;
pub(crate) mod workspace;

use callgate_json::Value;
use callgate_kinds::{Decision, Given, Judgement, Kind, KindRefusal, Reading, Refusal, Workspace, judge};

use crate::model::{Contract, Role, Tool};
use crate::violation::{Code, Violation};
pub use explain::explain_profiles;
use mark::Mark;
use place::PlacedValue;
pub(crate) use place::{ArgumentPlace, PlaceStep};
pub(crate) use profiles::RoleProfile;
pub use readings::{BoundedReadings, StringReading, bounded_readings, reading_at, string_readings};
use workspace::{MarkedValue, WorkspaceFault};

/// A marked string of a call, as it was understood.
#[derive(Debug)]
pub(crate) struct JudgedString {
    /// JSON Pointer to the string.
    pub(crate) pointer: String,
    /// Its name in conditions, such as `args.files[2].path`; `None` if no condition of the tool reads it.
    pub(crate) name: Option<String>,
    pub(crate) judgement: Judgement,
    /// The workspace of the call.
    pub(crate) workspace: Workspace,
}

/// Judges each marked string of valid arguments. Returns the reason if a person must approve the call.
///
/// `stated` is the workspace that the request states. `judged` takes the readings, for conditions and for people.
pub(crate) fn check(
    contract: &Contract,
    (role, stated): (Option<&Role>, Option<&str>),
    tool: &Tool,
    arguments: &Value,
    judged: &mut Vec<JudgedString>,
) -> Result<Option<Violation>, Violation> {
    if tool.marks.is_empty() {
        return Ok(None);
    }
    let deny = |code, pointer: &str, message| Violation::new(code, tool.name(), pointer.to_owned(), message);
    let (Some(profile), Some(rule)) = (role.and_then(|role| role.profile.as_deref()), &contract.workspace) else {
        let message = "expected the caller's role to have a profile".to_owned();
        return Err(deny(Code::ArgumentForbidden, "", message));
    };
    let values = marked_values(tool, arguments);
    let workspace = rule
        .of_call(stated, &values, arguments)
        .map_err(|WorkspaceFault { code, pointer, message }| deny(code, &pointer, message))?;
    let mut held = None;
    let mut addresses = 0_u32;
    for MarkedValue { mark, placed: PlacedValue { pointer, value } } in values {
        let judgement = value
            .and_then(|value| judge_one(mark, value, arguments, profile, &workspace))
            .map_err(|refusal| deny(code(refusal), &pointer, sentence(mark.kind, refusal, &profile.name)))?;
        if matches!(judgement.reading, Reading::Email(_)) {
            addresses = addresses.saturating_add(1);
            if let Some(max) = profile.rules.max_addresses().filter(|max| addresses > *max) {
                let message = format!("expected at most {max} addresses in one call; profile `{}`", profile.name);
                return Err(deny(Code::ArgumentForbidden, &pointer, message));
            }
        }
        if judgement.decision == Decision::Ask {
            let message = asked(&judgement, &profile.name);
            held.get_or_insert_with(|| deny(Code::ApprovalRequired, &pointer, message));
        }
        let name = tool.asks_kinds.then(|| mark.place.name_at(&pointer)).flatten();
        judged.push(JudgedString { pointer, name, judgement, workspace: workspace.clone() });
    }
    Ok(held)
}

/// Returns the values at the marks of a tool.
fn marked_values<'c>(tool: &'c Tool, arguments: &'c Value) -> Vec<MarkedValue<'c>> {
    let at = |mark: &'c Mark| mark.place.values(arguments).into_iter().map(move |placed| MarkedValue { mark, placed });
    tool.marks.iter().flat_map(at).collect()
}

/// Returns the directory in which the relative paths of a value begin, if the call names one.
fn base_of<'v>(mark: &Mark, arguments: &'v Value) -> Result<Option<&'v str>, KindRefusal> {
    match mark.base.as_ref().and_then(|place| place.one(arguments)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(unreadable("its directory is not a string")),
    }
}

fn judge_one(
    mark: &Mark,
    value: &Value,
    arguments: &Value,
    profile: &RoleProfile,
    workspace: &Workspace,
) -> Result<Judgement, KindRefusal> {
    let base = base_of(mark, arguments)?;
    match value {
        Value::String(text) => judge(mark.kind, Given::Text(text), base, &profile.rules, workspace),
        Value::Array(items) => {
            let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let words = words.ok_or_else(|| unreadable("a word is not a string"))?;
            judge(mark.kind, Given::Words(&words), base, &profile.rules, workspace)
        }
        _ => Err(unreadable("it is not a string")),
    }
}

fn unreadable(reason: &'static str) -> KindRefusal {
    KindRefusal::Unreadable(Refusal::whole(reason))
}

/// Says for which entries of the profile a person is asked.
fn asked(judgement: &Judgement, profile: &str) -> String {
    let Reading::Command(line) = &judgement.reading else {
        return format!("expected a person's approval; profile `{profile}` asks for it");
    };
    let asking = line.commands.iter().filter(|command| command.decision == Decision::Ask);
    let mut entries: Vec<String> =
        asking.flat_map(|command| &command.entries).map(|entry| format!("`{entry}`")).collect();
    entries.dedup();
    format!("expected a person's approval; profile `{profile}` asks for {}", entries.join(", "))
}

fn code(refusal: KindRefusal) -> Code {
    match refusal {
        KindRefusal::Unreadable(_) => Code::ArgumentUnreadable,
        KindRefusal::Forbidden(_) => Code::ArgumentForbidden,
    }
}

/// Says what was expected, and the place and reason of the refusal.
fn sentence(kind: Kind, refusal: KindRefusal, profile: &str) -> String {
    let noun = kind.noun();
    match refusal {
        KindRefusal::Unreadable(refusal) => format!("expected {noun} that has one meaning; {refusal}"),
        KindRefusal::Forbidden(refusal) => format!("expected {noun} that profile `{profile}` allows; {refusal}"),
    }
}
