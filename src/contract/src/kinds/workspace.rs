//! The workspace of a call: the contract writes its root, a header states it, or the call's own paths name one of a pattern.
//!
//! All of one call lies in one workspace. A call whose workspace is not known for certain is refused, if a value of it needs one.

use callgate_json::Value;
use callgate_kinds::{Kind, KindRefusal, Refusal, RootPattern, Workspace};

use super::mark::Mark;
use super::place::PlacedValue;
use super::{base_of, code};
use crate::model::Contract;
use crate::violation::Code;

/// The rule of `spec.workspace`.
#[derive(Clone, Debug)]
pub(crate) struct WorkspaceRule {
    source: RootSource,
    /// The workspace itself, if the contract writes its root; else a whole file system, for which rules compile.
    rules: Workspace,
}

/// The source of a workspace's root.
#[derive(Clone, Debug)]
enum RootSource {
    Contract,
    /// A header of the request, its name in lower case. True refuses `..` after a name.
    Header(String, bool),
    Pattern(RootPattern),
}

/// A value of a call at a mark.
pub(super) struct MarkedValue<'c> {
    pub(super) mark: &'c Mark,
    pub(super) placed: PlacedValue<'c>,
}

/// The reason why a call has no workspace.
pub(super) struct WorkspaceFault {
    pub(super) code: Code,
    /// The first value that needs one.
    pub(super) pointer: String,
    pub(super) message: String,
}

// === impl WorkspaceRule ===

impl WorkspaceRule {
    /// The contract writes the root.
    pub(crate) fn written(rules: Workspace) -> Self {
        Self { source: RootSource::Contract, rules }
    }

    /// A header states the root.
    pub(crate) fn header(name: String, os: callgate_kinds::Os, is_strict: bool) -> Self {
        Self { source: RootSource::Header(name, is_strict), rules: Workspace::whole(os) }
    }

    /// The call's paths name one of the pattern.
    pub(crate) fn pattern(pattern: RootPattern) -> Self {
        let rules = Workspace::whole(pattern.os());
        Self { source: RootSource::Pattern(pattern), rules }
    }

    /// Returns the workspace for which rules and literals compile.
    pub(crate) fn rules(&self) -> &Workspace {
        &self.rules
    }

    /// Returns the name of the header.
    pub(crate) fn header_name(&self) -> Option<&str> {
        match &self.source {
            RootSource::Header(name, _) => Some(name),
            RootSource::Contract | RootSource::Pattern(_) => None,
        }
    }

    /// Returns the pattern.
    pub(crate) fn root_pattern(&self) -> Option<&RootPattern> {
        match &self.source {
            RootSource::Pattern(pattern) => Some(pattern),
            RootSource::Contract | RootSource::Header(..) => None,
        }
    }

    /// Returns the workspace of a call. `stated` is the value of the header.
    pub(super) fn of_call(
        &self,
        stated: Option<&str>,
        values: &[MarkedValue<'_>],
        arguments: &Value,
    ) -> Result<Workspace, WorkspaceFault> {
        let mut needing = values.iter().filter(|value| value.mark.kind.needs_workspace());
        match &self.source {
            RootSource::Contract => Ok(self.rules.clone()),
            RootSource::Header(name, is_strict) => {
                // Other values have the same meaning in every workspace.
                let Some(MarkedValue { placed, .. }) = needing.next() else { return Ok(self.rules.clone()) };
                let absent = || Refusal::whole("it is absent, or there more than once");
                let workspace = stated.ok_or_else(absent).and_then(|stated| Workspace::stated(stated, self.rules.os()));
                workspace.map(|workspace| workspace.strict(*is_strict)).map_err(|refusal| WorkspaceFault {
                    code: Code::ArgumentUnreadable,
                    pointer: placed.pointer.clone(),
                    message: format!("expected the absolute path of the workspace in one header `{name}`; {refusal}"),
                })
            }
            RootSource::Pattern(pattern) => {
                let mut found: Option<Workspace> = None;
                for value in needing {
                    let workspace = named_by(pattern, value, arguments).map_err(|refusal| {
                        let (noun, refused) = (value.mark.kind.noun(), refusal.refusal());
                        let message = format!("expected {noun} in a workspace of `{pattern}`; {refused}");
                        value.fault(code(refusal), message)
                    })?;
                    if found.as_ref().is_some_and(|found| *found != workspace) {
                        let message = format!("expected all paths of the call in one workspace of `{pattern}`");
                        return Err(value.fault(Code::ArgumentForbidden, message));
                    }
                    found = Some(workspace);
                }
                Ok(found.unwrap_or_else(|| self.rules.clone()))
            }
        }
    }
}

impl std::fmt::Display for WorkspaceRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            RootSource::Contract => write!(f, "{}", self.rules.root()),
            RootSource::Header(name, _) => write!(f, "in the header {name}"),
            RootSource::Pattern(pattern) => write!(f, "{pattern}, one for each call"),
        }
    }
}

// === impl Contract ===

impl Contract {
    /// Returns the reason why the contract cannot read a stated workspace, if it [reads one](Contract::workspace_header).
    #[must_use]
    pub fn workspace_fault(&self, stated: &str) -> Option<String> {
        let rule = self.workspace.as_ref().filter(|rule| rule.header_name().is_some())?;
        Workspace::stated(stated, rule.rules.os()).err().map(|refusal| refusal.to_string())
    }
}

// === impl MarkedValue ===

impl MarkedValue<'_> {
    fn fault(&self, code: Code, message: String) -> WorkspaceFault {
        WorkspaceFault { code, pointer: self.placed.pointer.clone(), message }
    }
}

/// Returns the workspace that a value names: by its directory, or as an absolute path.
fn named_by(pattern: &RootPattern, value: &MarkedValue<'_>, arguments: &Value) -> Result<Workspace, KindRefusal> {
    const NO_DIRECTORY: Refusal = Refusal::whole("the call names no directory of a workspace");
    if let Some(base) = base_of(value.mark, arguments)? {
        return pattern.workspace_of(base);
    }
    let text = match &value.placed.value {
        Ok(value) => value.as_str(),
        Err(refusal) => return Err(*refusal),
    };
    match (value.mark.kind, text) {
        (Kind::Path(_), Some(text)) => pattern.workspace_of(text),
        (Kind::Glob, Some(text)) => pattern.workspace_of(literal_directory(text)),
        _ => Err(KindRefusal::Unreadable(NO_DIRECTORY)),
    }
}

/// Returns the directory before the first name of a glob with a pattern.
fn literal_directory(glob: &str) -> &str {
    let Some((before, _)) = glob.find(['*', '?', '[', '{']).and_then(|at| glob.split_at_checked(at)) else {
        return glob;
    };
    match before.rfind('/') {
        Some(0) => "/",
        Some(at) => before.get(..at).unwrap_or_default(),
        // A relative glob names no directory.
        None => ".",
    }
}
