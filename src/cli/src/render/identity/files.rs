//! The files of clients: `--callers` and `--api-keys`.

use std::collections::BTreeMap;
use std::path::Path;

use callgate_contract::{Caller, CallerClaims};
use saphyr_parser::ScalarStyle;

use super::super::error::RenderError;
use crate::disk;
use crate::document::{self, Node, NodeKind};

/// Reads `CLIENT: { tenant: …, role: …, claims: … }`; claims may be absent.
pub(super) fn callers(file: &Path) -> Result<BTreeMap<String, Caller>, RenderError> {
    entries(file, |client, value| {
        let text = |name| value.get(name).and_then(Node::text).filter(|text| !text.is_empty());
        let claims = match value.get("claims").map(|claims| &claims.kind) {
            None => Some(CallerClaims::default()),
            Some(NodeKind::Mapping(members)) => {
                members.iter().map(|(name, value)| Some((name.text()?.to_owned(), claim(value)?))).collect()
            }
            Some(_) => None,
        };
        let known = ["tenant", "role", "claims"];
        let is_known = matches!(&value.kind, NodeKind::Mapping(members)
            if members.iter().all(|(name, _)| name.text().is_some_and(|name| known.contains(&name))));
        match (text("tenant").zip(text("role")), claims) {
            _ if client.contains(',') => Err(format!("client `{client}` has a comma, which no id may have")),
            (Some((tenant, role)), Some(claims)) if is_known => Ok(Caller { claims, ..Caller::new(tenant, role) }),
            _ => Err(format!(
                "client `{client}`: expected `{{ tenant: …, role: … }}`, and perhaps `claims: {{ NAME: VALUE }}`"
            )),
        }
    })
}

/// Reads the value of a claim: a scalar, or a list of texts. Quotes make a text.
fn claim(node: &Node) -> Option<serde_json::Value> {
    Some(match &node.kind {
        NodeKind::Scalar { text, style: ScalarStyle::Plain } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => text.parse::<i64>().map_or_else(|_| text.into(), Into::into),
        },
        NodeKind::Scalar { text, .. } => text.as_str().into(),
        NodeKind::Sequence(items) => items.iter().map(claim).collect::<Option<serde_json::Value>>()?,
        NodeKind::Mapping(_) | NodeKind::Alias => return None,
    })
}

/// Reads `CLIENT: KEY`. A key is never shown.
pub(super) fn keys(file: &Path) -> Result<BTreeMap<String, String>, RenderError> {
    let keys = entries(file, |client, value| {
        let is_fit = |key: &&str| key.len() >= KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
        value.text().filter(is_fit).map(str::to_owned).ok_or_else(|| {
            format!("client `{client}`: expected a key of at least {KEY} printable ASCII characters without spaces")
        })
    })?;
    let mut seen = std::collections::HashSet::new();
    match keys.iter().find(|(_, key)| !seen.insert(key.as_str())) {
        Some((client, _)) => {
            Err(RenderError::clients(file, 1, format!("client `{client}` has the key of another client")))
        }
        None => Ok(keys),
    }
}

/// The shortest key: 128 bits in hexadecimal digits.
const KEY: usize = 32;

fn entries<T>(
    file: &Path,
    read: impl Fn(&str, &Node) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, RenderError> {
    let text = disk::text(file)?;
    let tree = document::read(&file.display().to_string(), &text)?;
    let NodeKind::Mapping(members) = &tree.kind else {
        return Err(RenderError::clients(file, tree.line(), "expected a mapping by the clients' ids".to_owned()));
    };
    let mut entries = BTreeMap::new();
    for (key, value) in members {
        let fault = |reason| RenderError::clients(file, key.line(), reason);
        let client = key.text().filter(|client| !client.is_empty());
        let client = client.ok_or_else(|| fault("expected a client's id".to_owned()))?;
        let entry = read(client, value).map_err(fault)?;
        if entries.insert(client.to_owned(), entry).is_some() {
            return Err(fault(format!("client `{client}` is listed twice")));
        }
    }
    if entries.is_empty() {
        return Err(RenderError::clients(file, 1, "expected at least one client".to_owned()));
    }
    Ok(entries)
}
