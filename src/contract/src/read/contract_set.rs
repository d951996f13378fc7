//! The document of a contract set.

use super::fields::{Fields, Located, Report};
use crate::error::Diagnostic;
use crate::set::{ContractMatch, SetEntry};
use crate::source::node::{Data, Node};

pub(crate) const KIND: &str = "ContractSet";
const API_VERSION: &str = "callgate.dev/v1";
/// The contracts of one set. Each is compiled when the configuration loads.
const MOST_CONTRACTS: usize = 4096;

pub(crate) fn read(document: &Node, found: &mut Vec<Diagnostic>) -> Option<Vec<SetEntry>> {
    let mut report = Report::new(found);
    let document = Located { node: document, path: String::new() };
    let fields = Fields::open(&document, &["apiVersion", "kind", "contracts"], &[], &mut report)?;
    if let Some(version) = fields.need("apiVersion", &format!("`{API_VERSION}`"), &mut report) {
        version.word(&[(API_VERSION, ())], &mut report);
    }
    let listed = fields.need("contracts", "a list of contracts with the requests that get them", &mut report)?;
    let items = listed.list(&mut report)?;
    if items.is_empty() || items.len() > MOST_CONTRACTS {
        return report.fault(&listed, format!("expected 1 to {MOST_CONTRACTS} contracts"));
    }
    Some(items.iter().filter_map(|item| entry(item, &mut report)).collect())
}

fn entry(item: &Located<'_>, report: &mut Report<'_>) -> Option<SetEntry> {
    let fields = Fields::open(item, &["match", "contract", "candidate"], &[], report)?;
    let contract = fields.need("contract", "the file of a contract", report).and_then(|item| item.text(report));
    let candidate = match fields.get("candidate") {
        Some(item) => Some(item.text(report)?),
        None => None,
    };
    let matches = match fields.get("match") {
        None => vec![ContractMatch::default()],
        Some(item) if matches!(item.node.data, Data::List(_)) => {
            let items = item.list(report)?;
            if items.is_empty() {
                return report.fault(&item, "expected at least one match; leave `match` out to match every request");
            }
            items.iter().filter_map(|item| one_match(item, report)).collect()
        }
        Some(item) => vec![one_match(&item, report)?],
    };
    Some(SetEntry {
        matches,
        contract: contract?.to_owned(),
        candidate: candidate.map(str::to_owned),
        line: item.node.at.line,
    })
}

fn one_match(item: &Located<'_>, report: &mut Report<'_>) -> Option<ContractMatch> {
    let fields = Fields::open(item, &["tenant", "role", "host", "pathPrefix"], &[], report)?;
    let mut text = |name| match fields.get(name) {
        Some(item) => item.text(report).map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    Some(ContractMatch {
        tenant: text("tenant")?,
        role: text("role")?,
        host: text("host")?,
        path_prefix: text("pathPrefix")?,
    })
}
