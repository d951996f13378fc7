//! The workspace and the profiles.

use std::sync::Arc;

use callgate_kinds::sql::SqlSource;
use callgate_kinds::{
    EmailSource, HostSource, Os, Profile, ProfileFault, ProfileSource, RootPattern, Workspace, command,
};

use super::commands;
use super::conversation::is_header;
use super::fields::{Fields, Located, Report};
use crate::kinds::RoleProfile;
use crate::kinds::profiles::resolved;
use crate::kinds::workspace::WorkspaceRule;
use crate::model::{NameTable, Role, Tool};
use crate::nearest::nearest;
use crate::source::node::{Data, join};

const PROFILE: [&str; 10] = ["like", "read", "write", "run", "ask", "recursive", "hosts", "email", "cidr", "sql"];
const ROOT: &str = "an absolute path, such as `/work/project`";
const PATTERN: &str = "an absolute path with `*` for whole names, such as `/home/*/src/*`";

/// Reads `spec.workspace`.
pub(super) fn workspace(item: &Located<'_>, report: &mut Report<'_>) -> Option<WorkspaceRule> {
    let fields = Fields::open(item, &["root", "os", "strict"], &[], report)?;
    let os = match fields.get("os") {
        Some(item) => item.word(&[("posix", Os::Posix), ("windows", Os::Windows)], report)?,
        None => Os::Posix,
    };
    let strict = match fields.get("strict") {
        Some(item) => item.switch(report)?,
        None => false,
    };
    let root = fields.need("root", ROOT, report)?;
    let text = root.text(report)?;
    if let Some(name) = text.strip_prefix("header:") {
        if !is_header(name) {
            return report.fault(&root, "expected `header:NAME` with the name of a header in lower case");
        }
        return Some(WorkspaceRule::header(name.to_owned(), os, strict));
    }
    if text.contains('*') {
        return match RootPattern::read(text, os, strict) {
            Ok(pattern) => Some(WorkspaceRule::pattern(pattern)),
            Err(problem) => report.fault(&root, format!("expected {PATTERN}; {problem}")),
        };
    }
    match Workspace::new(text, os) {
        Ok(workspace) => Some(WorkspaceRule::written(workspace.strict(strict))),
        Err(refusal) => report.fault(&root, format!("expected {ROOT}; {refusal}")),
    }
}

/// Reads `spec.profiles`.
pub(super) fn profiles(
    item: &Located<'_>,
    rule: Option<&WorkspaceRule>,
    report: &mut Report<'_>,
) -> Option<NameTable<Arc<RoleProfile>>> {
    let entries = item.entries(report)?;
    let mut sources: Vec<(String, ProfileSource)> = Vec::new();
    let mut profiles = NameTable::default();
    for entry in entries {
        let name = entry.key.as_str();
        let item = Located { node: &entry.value, path: join(&item.path, name) };
        if name.is_empty() || name.len() > 128 || !name.chars().all(|c| c.is_ascii_graphic()) {
            let expected = "expected a profile name of 1 to 128 printable ASCII characters without spaces";
            report.fault_at::<()>(&entry.at, item.path.clone(), expected);
        }
        sources.push((name.to_owned(), source(&item, report).unwrap_or_default()));
    }
    let needs_root = sources.iter().find(|(_, source)| source.needs_root());
    let (rule, needs_root) = match (rule, needs_root) {
        (Some(rule), _) => (rule.clone(), None),
        (None, needs_root) => (rootless()?, needs_root),
    };
    if let Some((name, _)) = needs_root {
        let item = Located { node: item.node.get(name)?, path: join(&item.path, name) };
        return report
            .fault(&item, "missing `spec.workspace`; expected the root to which the paths of profiles are relative");
    }
    let workspace = rule.rules();
    for (entry, (name, own)) in entries.iter().zip(&sources) {
        let item = Located { node: &entry.value, path: join(&item.path, name) };
        for fault in Profile::compile(own, workspace).err().into_iter().flatten() {
            let place = match fault.entry {
                Some(entry) => format!("/{}/{entry}", fault.field),
                None => format!("/{}", fault.field),
            };
            report.fault_at::<()>(item.node.nearest(&place), format!("{}{place}", item.path), fault.problem);
        }
        refuse_crossing(&item, own, &rule, report);
        let (source, names) = match resolved(name, &sources) {
            Ok(resolved) => resolved,
            Err(problem) => {
                let message = match own
                    .like
                    .as_deref()
                    .and_then(|like| nearest(like, sources.iter().map(|(name, _)| name.as_str())))
                {
                    Some(near) if own.like.as_deref() != Some(near) => format!("{problem}; did you mean `{near}`?"),
                    _ => problem,
                };
                let place = format!("{}/like", item.path);
                report.fault_at::<()>(item.node.nearest("/like"), place, message);
                continue;
            }
        };
        match Profile::compile(&source, workspace) {
            Ok(rules) => {
                note_profile(&item, own, &source, report);
                for warning in own_warnings(own, workspace) {
                    let place = format!("/{}/{}", warning.field, warning.entry.unwrap_or_default());
                    report.note_at(item.node.nearest(&place), format!("{}{place}", item.path), warning.problem);
                }
                profiles.insert(name.clone(), Arc::new(RoleProfile { name: name.clone(), names, source, rules }));
            }
            // The faults of each profile by itself are reported there.
            Err(faults) if sources.iter().all(|(_, own)| Profile::compile(own, workspace).is_ok()) => {
                for ProfileFault { field, problem, .. } in faults {
                    report.fault::<()>(&item, format!("`{field}` with the entries of `like`: an entry {problem}"));
                }
            }
            Err(_) => {}
        }
    }
    Some(profiles)
}

/// Reports an absolute entry that allows paths of other workspaces: each call is held to its own.
fn refuse_crossing(item: &Located<'_>, own: &ProfileSource, rule: &WorkspaceRule, report: &mut Report<'_>) {
    let Some(pattern) = rule.root_pattern() else { return };
    let compiled = Profile::compile(own, rule.rules()).ok();
    if let Some((field, entry)) = compiled.and_then(|profile| profile.crossing(pattern)) {
        let place = format!("/{field}/{entry}");
        let message = format!(
            "expected a directory outside of the workspaces `{pattern}`; this one holds or lies in workspaces of other calls"
        );
        report.fault_at::<()>(item.node.nearest(&place), format!("{}{place}", item.path), message);
    }
}

/// Returns the warnings about the entries of the profile itself.
fn own_warnings(own: &ProfileSource, workspace: &Workspace) -> Vec<ProfileFault> {
    Profile::compile(own, workspace).map(|rules| rules.warnings()).unwrap_or_default()
}

/// Notes the risks of a profile that no rule of it can bound.
fn note_profile(item: &Located<'_>, own: &ProfileSource, all: &ProfileSource, report: &mut Report<'_>) {
    let listed = |source: &ProfileSource, is_one: fn(&str) -> bool| -> Vec<String> {
        let entries = source.run.iter().chain(&source.ask).map(|entry| entry.words.as_str());
        entries.filter(|words| is_one(words)).map(|words| format!("`{words}`")).collect()
    };
    let brings = !own.run.is_empty() || !own.ask.is_empty() || !own.write.is_empty() || !own.read.is_empty();
    let code = listed(all, command::may_run_project_code);
    if brings && !code.is_empty() && !all.write.is_empty() {
        let message = format!(
            "{} may run code of the project, and the profile may write it: together they run any code; bound it with a sandbox",
            code.join(", ")
        );
        report.note(item, message);
    }
    let walking = listed(all, command::walks);
    let has_forbidden = all.read.iter().any(|entry| entry.starts_with('!'));
    if brings && has_forbidden && !walking.is_empty() && all.recursive != Some(false) {
        let message = format!(
            "{} may read files that a `!` entry forbids, because the command does not name them; `recursive: refuse` refuses such walks",
            walking.join(", ")
        );
        report.note(item, message);
    }
}

/// Returns the workspace of a contract without paths.
pub(super) fn rootless() -> Option<WorkspaceRule> {
    Workspace::new("/", Os::Posix).ok().map(WorkspaceRule::written)
}

/// Reads one profile.
fn source(item: &Located<'_>, report: &mut Report<'_>) -> Option<ProfileSource> {
    let fields = Fields::open(item, &PROFILE, &[], report)?;
    let (read, write) = (texts(&fields, "read", report), texts(&fields, "write", report));
    let (run, ask) = (commands::entries(&fields, "run", report), commands::entries(&fields, "ask", report));
    let recursive = match fields.get("recursive") {
        Some(item) => item.word(&[("allow", true), ("refuse", false)], report).map(Some),
        None => Some(None),
    };
    let like = match fields.get("like") {
        Some(item) => item.text(report).map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    let hosts = match fields.get("hosts") {
        Some(item) => hosts(&item, report).map(|hosts| vec![hosts]),
        None => Some(Vec::new()),
    };
    let email = match fields.get("email") {
        Some(item) => email(&item, report).map(Some),
        None => Some(None),
    };
    let cidr = texts(&fields, "cidr", report);
    let sql = match fields.get("sql") {
        Some(item) => sql(&item, report).map(Some),
        None => Some(None),
    };
    Some(ProfileSource {
        like: like?,
        read: read?,
        write: write?,
        run: run?,
        ask: ask?,
        recursive: recursive?,
        hosts: hosts?,
        email: email?,
        cidr: cidr?,
        sql: sql?,
    })
}

/// Reads a list of hosts, or a mapping with schemes and paths too.
fn hosts(item: &Located<'_>, report: &mut Report<'_>) -> Option<HostSource> {
    if !matches!(item.node.data, Data::Map(_)) {
        let names = item.texts(report)?.into_iter().map(|(_, text)| text.to_owned()).collect();
        return Some(HostSource { names, ..HostSource::default() });
    }
    let fields = Fields::open(item, &["names", "schemes", "paths"], &[], report)?;
    fields.need("names", "a list of hosts, such as `docs.rs` or `*.example.com`", report)?;
    let (names, schemes) = (texts(&fields, "names", report), texts(&fields, "schemes", report));
    Some(HostSource { names: names?, schemes: schemes?, paths: texts(&fields, "paths", report)? })
}

fn email(item: &Located<'_>, report: &mut Report<'_>) -> Option<EmailSource> {
    let fields = Fields::open(item, &["domains", "max"], &[], report)?;
    let domains = texts(&fields, "domains", report);
    let max = match fields.get("max") {
        Some(item) => item.count(report).map(Some),
        None => Some(None),
    };
    Some(EmailSource { domains: domains?, max: max? })
}

fn sql(item: &Located<'_>, report: &mut Report<'_>) -> Option<SqlSource> {
    let fields = Fields::open(item, &["statements", "tables", "functions", "limit"], &[], report)?;
    let (statements, tables) = (texts(&fields, "statements", report), texts(&fields, "tables", report));
    let functions = match fields.get("functions") {
        Some(_) => texts(&fields, "functions", report).map(Some),
        None => Some(None),
    };
    let limit = match fields.get("limit") {
        Some(item) => item.count(report).map(Some),
        None => Some(None),
    };
    Some(SqlSource { statements: statements?, tables: tables?, functions: functions?, limit: limit? })
}

/// Reads a list of strings; empty if the field is absent.
fn texts(fields: &Fields<'_>, name: &str, report: &mut Report<'_>) -> Option<Vec<String>> {
    let Some(item) = fields.get(name) else { return Some(Vec::new()) };
    Some(item.texts(report)?.into_iter().map(|(_, text)| text.to_owned()).collect())
}

/// Checks that a role with a marked tool has a profile, and finds the tools for which a profile may ask a person.
pub(super) fn join_roles(item: &Located<'_>, roles: &NameTable<Role>, tools: &mut [Tool], report: &mut Report<'_>) {
    for entry in item.entries(report).into_iter().flatten() {
        let Some(role) = roles.get(&entry.key) else { continue };
        let marked = tools.iter_mut().filter(|tool| !tool.marks.is_empty() && role.may_use(tool));
        let mut unruled = None;
        for tool in marked {
            match &role.profile {
                None => {
                    unruled =
                        unruled.or_else(|| tool.marks.first().map(|mark| (tool.shared_name(), mark.place.to_string())))
                }
                Some(profile) => tool.may_ask |= profile.rules.may_ask(),
            }
        }
        if let Some((tool, place)) = unruled {
            let message = format!(
                "missing field `profile`; the role may use tool `{tool}`, whose argument `{place}` is marked with `x-callgate`"
            );
            report.fault_at::<()>(&entry.value.at, join(&item.path, &entry.key), message);
        }
    }
}
