//! The tools of many MCP servers, for a contract whose tools the executor runs.

use std::path::Path;

use super::declared;
use super::error::ProposalError;
use super::sketch::{Sketch, ToolSketch};
use crate::disk;

/// Returns the name and the file of `NAME=FILE`.
fn server(given: &str) -> Option<(&str, &Path)> {
    let (name, file) = given.split_once('=').filter(|(_, file)| !file.is_empty())?;
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    (begins && name.bytes().all(is_fit)).then_some((name, Path::new(file)))
}

/// Reads `NAME=FILE`, a server's answer to `tools/list`. Its tools get its name as a prefix.
pub(crate) fn read(sketch: &mut Sketch, given: &str) -> Result<(), ProposalError> {
    let (server, file) = server(given).ok_or_else(|| ProposalError::Server(given.to_owned()))?;
    let place = file.display().to_string();
    let read = callgate_json::read_nearest(disk::text(file)?.as_bytes());
    let list = read.map_err(|reason| ProposalError::NotJson { place: place.clone(), reason: reason.to_string() })?;
    let tools = declared::of_list(&list).ok_or_else(|| ProposalError::NoList { place: place.clone() })?;
    sketch.lists += 1;
    for tool in tools {
        let at_server = Some((server.to_owned(), tool.name.clone()));
        let name = format!("{server}__{}", tool.name);
        // `a` and `b__c` give the name that `a__b` and `c` give.
        if sketch.tools.iter().any(|known| known.name == name && known.at_server != at_server) {
            return Err(ProposalError::OneName { place, tool: name });
        }
        sketch.add(ToolSketch { name, at_server, ..tool });
    }
    Ok(())
}
