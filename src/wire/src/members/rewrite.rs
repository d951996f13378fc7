//! Rewrites the members of a request by its table: unknown ones are left out, limits of output are lowered.
//!
//! A long conversation stands in one member of a request. So the members are found by their known places, and only those that change are
//! written again.

use callgate_json::Span;
use callgate_json::splice::{is_key, pair, walk};

use super::{Class, ProviderTools, Row, Table, tables, turned_on};
use crate::UnknownMembers;

/// The fate of a member.
enum Step {
    Keep,
    Drop,
    Put(String),
    /// Visits its own members.
    Within(&'static Table),
    /// Visits the members of the objects in it with a `model`.
    Models,
}

/// The table of an object without known members.
static NOTHING: Table = Table::new(&[], &[]);

/// A changed member: its name, and its new JSON text, or `None` if it is left out.
pub(crate) type MemberChange = (String, Option<String>);

/// The changes of an object.
pub(crate) enum MemberChanges {
    Few(Vec<MemberChange>),
    /// Many: the whole new text. A list of them would take several times the bytes of the object.
    Whole(Vec<u8>),
}

/// The most changes in a list. Each is compared with each member when the object is written.
const FEW: usize = 16;

/// Leaves out the members that no table knows and `allow` does not list, and notes them in `unknown`.
pub(crate) fn without_unknown<'t, I: Iterator<Item = (&'t [u8], &'t [u8])>>(
    members: impl Fn() -> I,
    table: &'static Table,
    allow: &[String],
    unknown: &mut UnknownMembers,
) -> MemberChanges {
    changes(members, table, &mut |path, row, value| match row {
        Some(row) => nested(row),
        None if allow.iter().any(|allowed| allowed == path) => Step::Keep,
        None if value.is_object() && allow.iter().any(|allowed| is_below(allowed, path)) => Step::Within(&NOTHING),
        None => {
            unknown.note(path);
            Step::Drop
        }
    })
}

/// Lowers every limit of output to `max`, and sets it if a member asks for no limit.
pub(crate) fn clamp<'t, I: Iterator<Item = (&'t [u8], &'t [u8])>>(
    members: impl Fn() -> I,
    table: &'static Table,
    max: u64,
) -> MemberChanges {
    changes(members, table, &mut |_, row, value| match row {
        Some((_, Class::Limit))
            if !value.is_null() && !value.count().is_some_and(|limit| (1..=max).contains(&limit)) =>
        {
            Step::Put(max.to_string())
        }
        Some((_, Class::ExactLimit)) if !value.is_null() && value.count().is_none_or(|limit| limit > max) => {
            Step::Put(max.to_string())
        }
        Some(row) => nested(row),
        None => Step::Keep,
    })
}

/// Leaves out the members that turn on tools of the provider which were taken out.
pub(crate) fn without_dropped<'t, I: Iterator<Item = (&'t [u8], &'t [u8])>>(
    members: impl Fn() -> I,
    table: &'static Table,
    tools: &ProviderTools,
) -> MemberChanges {
    changes(members, table, &mut |_, row, value| match row {
        Some((_, class)) if turned_on(class, value).is_some_and(|tool| tools.is_dropped(tool)) => Step::Drop,
        Some(row) => nested(row),
        None => Step::Keep,
    })
}

/// Returns true for a member that limits output.
pub(crate) fn is_limit(value: Option<Span<'_>>) -> bool {
    value.and_then(Span::count).is_some_and(|limit| limit > 0)
}

fn nested((_, class): Row) -> Step {
    match class {
        Class::Object(table) | Class::Within(table) => Step::Within(table),
        Class::Models => Step::Models,
        _ => Step::Keep,
    }
}

fn is_below(allowed: &str, path: &str) -> bool {
    allowed.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
}

type Visit<'v> = dyn FnMut(&str, Option<Row>, Span<'_>) -> Step + 'v;

/// Returns the changes that `visit` makes in the members of a request: each key with its quotes, and each value.
fn changes<'t, I: Iterator<Item = (&'t [u8], &'t [u8])>>(
    members: impl Fn() -> I,
    table: &'static Table,
    visit: &mut Visit<'_>,
) -> MemberChanges {
    let mut few = Vec::new();
    for (at, (key, value)) in members().enumerate() {
        let name = Span::new(key).string().unwrap_or_default();
        let new = match visit(&name, table.find(&name), Span::new(value)) {
            Step::Drop => None,
            step => match written(step, Span::new(value), &name, visit) {
                Some(text) => Some(callgate_json::text(&text).into_owned()),
                None => continue,
            },
        };
        few.push((name.into_owned(), new));
        if few.len() > FEW {
            return MemberChanges::Whole(whole(members(), (at, few), table, visit));
        }
    }
    MemberChanges::Few(few)
}

/// Writes all members: those up to a position with the changes that are known, and the others as `visit` says.
fn whole<'t>(
    members: impl Iterator<Item = (&'t [u8], &'t [u8])>,
    (last, few): (usize, Vec<MemberChange>),
    table: &'static Table,
    visit: &mut Visit<'_>,
) -> Vec<u8> {
    let mut few = few.into_iter().peekable();
    let mut out = vec![b'{'];
    for (at, (key, value)) in members.enumerate() {
        if at <= last {
            // The changes are in the order of the members.
            match few.next_if(|(name, _)| is_key(key, name)) {
                Some((_, Some(text))) => pair(&mut out, key, text.as_bytes()),
                Some((_, None)) => {}
                None => pair(&mut out, key, value),
            }
            continue;
        }
        let name = Span::new(key).string().unwrap_or_default();
        match visit(&name, table.find(&name), Span::new(value)) {
            Step::Drop => {}
            step => pair(&mut out, key, written(step, Span::new(value), &name, visit).as_deref().unwrap_or(value)),
        }
    }
    out.push(b'}');
    out
}

/// Returns the new text of a value. `None` if it stays.
fn written(step: Step, value: Span<'_>, path: &str, visit: &mut Visit<'_>) -> Option<Vec<u8>> {
    match step {
        Step::Keep | Step::Drop => None,
        Step::Put(text) => Some(text.into_bytes()),
        Step::Within(table) => within(value, table, |value| value.is_object(), path, visit),
        Step::Models => {
            let names_a_model = |entry: Span<'_>| entry.get("model").is_some_and(Span::is_string);
            within(value, &tables::FALLBACK, names_a_model, path, visit)
        }
    }
}

/// Rewrites an object inside of a request by `visit`. Returns `None` if all members stay.
fn rewrite(object: Span<'_>, table: &'static Table, path: &str, visit: &mut Visit<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(object.bytes().len());
    let mut changed = false;
    out.push(b'{');
    for (key, value) in walk(object.bytes()) {
        let name = Span::new(key).string().unwrap_or_default();
        let path = format!("{path}.{name}");
        let step = visit(&path, table.find(&name), Span::new(value));
        if matches!(step, Step::Drop) {
            changed = true;
            continue;
        }
        let new = written(step, Span::new(value), &path, visit);
        changed |= new.is_some();
        pair(&mut out, key, new.as_deref().unwrap_or(value));
    }
    out.push(b'}');
    changed.then_some(out)
}

fn within(
    value: Span<'_>,
    table: &'static Table,
    is_entry: fn(Span<'_>) -> bool,
    path: &str,
    visit: &mut Visit<'_>,
) -> Option<Vec<u8>> {
    if is_entry(value) {
        return rewrite(value, table, path, visit);
    }
    if !value.items().any(is_entry) {
        return None;
    }
    let mut changed = false;
    let mut out = Vec::with_capacity(value.bytes().len());
    for item in value.items() {
        out.push(if out.is_empty() { b'[' } else { b',' });
        let new = if is_entry(item) { rewrite(item, table, path, visit) } else { None };
        changed |= new.is_some();
        out.extend_from_slice(new.as_deref().unwrap_or(item.bytes()));
    }
    out.push(b']');
    changed.then_some(out)
}
