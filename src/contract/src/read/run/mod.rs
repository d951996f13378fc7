//! The `run` of a tool: one file for each kind with fields of its own.

mod backend;
mod wasm;

use super::fields::{Fields, Located, Report, one_of};
use crate::run::Run;

const KNOWN: [&str; 5] = ["client", "wasm", "grpc", "http", "mcp"];

pub(super) fn run(item: &Located<'_>, report: &mut Report<'_>) -> Option<Run> {
    let fields = Fields::open(item, &KNOWN, &[], report)?;
    let mut given = KNOWN.iter().filter_map(|name| fields.get(name).map(|item| (*name, item)));
    match (given.next(), given.next()) {
        (Some((name, of)), None) => match name {
            "client" => Fields::open(&of, &[], &[], report).map(|_| Run::Client),
            "wasm" => wasm::read(&of, report).map(Run::Wasm),
            "grpc" => backend::grpc(&of, report).map(Run::Grpc),
            "http" => backend::http(&of, report).map(Run::Http),
            _ => backend::mcp(&of, report).map(Run::Mcp),
        },
        (Some((first, _)), Some((second, _))) => {
            let message = format!("expected exactly one of {}; remove `{first}` or `{second}`", one_of(&KNOWN));
            report.fault(item, message)
        }
        (None, _) if item.entries(report)?.is_empty() => {
            report.fault(item, format!("expected exactly one of {}", one_of(&KNOWN)))
        }
        // The unknown field is reported already.
        (None, _) => None,
    }
}

/// A field with a default.
fn quantity<T>(
    fields: &Fields<'_>,
    name: &str,
    default: T,
    unit: fn(&Located<'_>, &mut Report<'_>) -> Option<T>,
    report: &mut Report<'_>,
) -> Option<T> {
    match fields.get(name) {
        Some(item) => unit(&item, report),
        None => Some(default),
    }
}
