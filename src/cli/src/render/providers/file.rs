//! The file of `--providers`. Unknown fields are errors with their line.

use std::path::Path;

use callgate_contract::is_model_name;

use super::super::address::Address;
use super::super::error::RenderError;
use super::super::options;
use super::{ModelRoute, Provider, ProviderCredential, ProviderShare, Providers};
use crate::disk;
use crate::document::{self, Node, NodeKind};

/// More than any gateway has. Each provider has a listener of its own.
const PROVIDERS: usize = 64;
const ROUTES: usize = 256;
const WEIGHTS: u64 = 1_000_000;

/// A provider answers with these before it has generated anything: too many requests, unavailable, overloaded.
const FAILOVER_ON: [u16; 3] = [429, 503, 529];

/// A provider may answer with these when it has generated already, and Envoy does for a connection that broke.
const MAY_HAVE_GENERATED: [u16; 3] = [500, 502, 504];

/// A fault: its line, and the reason.
type FileFault = (usize, String);

pub(super) fn read(file: &Path) -> Result<Providers, RenderError> {
    let text = disk::text(file)?;
    let tree = document::read(&file.display().to_string(), &text)?;
    providers(&tree).map_err(|(line, reason)| RenderError::Providers { file: file.display().to_string(), line, reason })
}

fn providers(tree: &Node) -> Result<Providers, FileFault> {
    members(tree, "the file", &["providers", "routes", "withoutModel", "failoverOn"])?;
    let listed = needed(tree, "the file", "providers")?;
    let NodeKind::Mapping(entries) = &listed.kind else {
        return fault(listed, "`providers`: expected a mapping by the providers' names");
    };
    let mut list: Vec<Provider> = Vec::new();
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(token) {
            return fault(key, "a provider's name has 1 to 40 lower-case letters, digits and `-`, such as `openai`");
        }
        if list.iter().any(|other| other.name == name) {
            return fault(key, &format!("provider `{name}` is listed twice; remove one"));
        }
        list.push(provider(name, value)?);
    }
    let routes = items(needed(tree, "the file", "routes")?, "routes")?;
    if list.len() > PROVIDERS || routes.len() > ROUTES {
        return fault(tree, &format!("at most {PROVIDERS} providers and {ROUTES} routes; render several files"));
    }
    let routes = routes.iter().map(|node| route(node, &list)).collect::<Result<_, _>>()?;
    let without_model = match tree.get("withoutModel") {
        Some(node) => to(node, "withoutModel", &list)?,
        None => Vec::new(),
    };
    let failover_on = match tree.get("failoverOn") {
        Some(node) if matches!(&node.kind, NodeKind::Sequence(items) if items.is_empty()) => Vec::new(),
        Some(node) => items(node, "failoverOn")?.iter().map(status).collect::<Result<_, _>>()?,
        None => FAILOVER_ON.to_vec(),
    };
    Ok(Providers { list, routes, without_model, failover_on, conversations: Vec::new() })
}

fn provider(name: &str, node: &Node) -> Result<Provider, FileFault> {
    let place = format!("provider `{name}`");
    members(node, &place, &["address", "tls", "ca", "authority", "pathPrefix", "credential"])?;
    let given = needed(node, &place, "address")?;
    let address = Address::read("address", given.text().unwrap_or_default());
    let Ok(address) = address else {
        return fault(given, &format!("{place}: `address`: expected HOST:PORT without a scheme"));
    };
    let tls = match node.get("tls").map(|tls| (tls, tls.text())) {
        None | Some((_, Some("false"))) => false,
        Some((_, Some("true"))) => true,
        Some((tls, _)) => return fault(tls, &format!("{place}: `tls`: expected true or false")),
    };
    if let (Some(ca), false) = (node.get("ca"), tls) {
        return fault(ca, &format!("{place}: `ca` has no effect without `tls: true`; add it, or remove `ca`"));
    }
    let ca = text(node, &place, "ca")?.unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".to_owned());
    let authority = text(node, &place, "authority")?.unwrap_or_else(|| address.authority(tls));
    let path_prefix = text(node, &place, "pathPrefix")?.unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let is_normal = path_prefix.starts_with('/')
        && path_prefix.bytes().all(plain)
        && path_prefix.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."));
    if let (Some(prefix), false) = (node.get("pathPrefix"), is_normal) {
        let expected = "expected a path that begins with / and does not end with it, such as /openai";
        return fault(prefix, &format!("{place}: `pathPrefix`: {expected}"));
    }
    let credential = credential(node, &place)?;
    Ok(Provider { name: name.to_owned(), address, tls, ca, authority, path_prefix, credential })
}

fn credential(node: &Node, place: &str) -> Result<ProviderCredential, FileFault> {
    let Some(given) = node.get("credential") else { return Ok(ProviderCredential::None) };
    match given.text() {
        Some("caller") => return Ok(ProviderCredential::Caller),
        Some(_) => {
            let expected = "expected `caller`, or `{ file: PATH, header: NAME }`; a key itself never stands here";
            return fault(given, &format!("{place}: `credential`: {expected}"));
        }
        None => {}
    }
    let place = format!("{place}: `credential`");
    members(given, &place, &["file", "header"])?;
    needed(given, &place, "file")?;
    let path = text(given, &place, "file")?.unwrap_or_default();
    let header = text(given, &place, "header")?.unwrap_or_else(|| "authorization".to_owned());
    if options::header("header", &header).is_err() {
        return fault(given, &format!("{place}: `header`: expected a header's name in lower case"));
    }
    Ok(ProviderCredential::File { path, header })
}

fn route(node: &Node, list: &[Provider]) -> Result<ModelRoute, FileFault> {
    members(node, "a route", &["models", "to", "split"])?;
    let models = items(needed(node, "a route", "models")?, "models")?;
    let models = models.iter().map(model).collect::<Result<Vec<_>, _>>()?;
    let shares = match (node.get("to"), node.get("split")) {
        (Some(providers), None) => vec![ProviderShare { to: to(providers, "to", list)?, weight: 1 }],
        (None, Some(split)) => {
            let shares = items(split, "split")?.iter().map(|node| share(node, list)).collect::<Result<Vec<_>, _>>()?;
            let sum: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
            if sum == 0 || sum > WEIGHTS {
                return fault(split, &format!("`split`: the weights together are from 1 to {WEIGHTS}"));
            }
            shares
        }
        _ => return fault(node, "a route has either `to`, a list of providers, or `split`, a list of shares"),
    };
    Ok(ModelRoute { models, shares })
}

fn share(node: &Node, list: &[Provider]) -> Result<ProviderShare, FileFault> {
    members(node, "a share", &["to", "weight"])?;
    let providers = to(needed(node, "a share", "to")?, "to", list)?;
    let weight = needed(node, "a share", "weight")?;
    match weight.text().map(str::parse) {
        Some(Ok(parts)) => Ok(ProviderShare { to: providers, weight: parts }),
        _ => fault(weight, "`weight`: expected a whole number, such as 90"),
    }
}

/// Reads the names of providers in the order in which they are asked.
fn to(node: &Node, field: &str, list: &[Provider]) -> Result<Vec<String>, FileFault> {
    let mut names: Vec<String> = Vec::new();
    for item in items(node, field)? {
        let name = item.text().unwrap_or_default();
        if !list.iter().any(|provider| provider.name == name) {
            let known = list.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
            return fault(item, &format!("`{field}`: unknown provider; known: {known}"));
        }
        if names.iter().any(|other| other == name) {
            return fault(item, &format!("`{field}`: provider `{name}` is listed twice; remove one"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn model(node: &Node) -> Result<String, FileFault> {
    match node.text().filter(|text| is_model_name(text)) {
        Some(text) => Ok(text.to_owned()),
        None => fault(node, "`models`: expected names of printable ASCII without spaces, such as \"gpt-*\""),
    }
}

fn status(node: &Node) -> Result<u16, FileFault> {
    match node.text().map(str::parse) {
        Some(Ok(status)) if (400..600).contains(&status) && !MAY_HAVE_GENERATED.contains(&status) => Ok(status),
        _ => fault(
            node,
            "`failoverOn`: expected statuses from 400 to 599 but 500, 502 and 504, after which a provider may have generated already",
        ),
    }
}

fn fault<T>(node: &Node, reason: &str) -> Result<T, FileFault> {
    Err((node.line(), reason.to_owned()))
}

/// Checks the names of a mapping's members.
fn members(node: &Node, place: &str, known: &[&str]) -> Result<(), FileFault> {
    let NodeKind::Mapping(entries) = &node.kind else { return fault(node, &format!("{place}: expected a mapping")) };
    for (position, (key, _)) in entries.iter().enumerate() {
        let name = key.text().unwrap_or_default();
        if !known.contains(&name) {
            return fault(key, &format!("{place}: unknown field `{name}`; known: {}", known.join(", ")));
        }
        if entries.iter().take(position).any(|(other, _)| other.text() == Some(name)) {
            return fault(key, &format!("{place}: `{name}` is there twice; remove one"));
        }
    }
    Ok(())
}

fn needed<'n>(node: &'n Node, place: &str, name: &str) -> Result<&'n Node, FileFault> {
    node.get(name).ok_or_else(|| (node.line(), format!("{place}: missing `{name}`; add it")))
}

fn text(node: &Node, place: &str, name: &str) -> Result<Option<String>, FileFault> {
    match node.get(name) {
        None => Ok(None),
        Some(value) => match value.text().filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => fault(value, &format!("{place}: `{name}`: expected a text")),
        },
    }
}

/// Returns the items of a list, which is not empty.
fn items<'n>(node: &'n Node, field: &str) -> Result<&'n [Node], FileFault> {
    match &node.kind {
        NodeKind::Sequence(items) if !items.is_empty() => Ok(items),
        _ => fault(node, &format!("`{field}`: expected a list with at least one item")),
    }
}
