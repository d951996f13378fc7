//! The API at the path of a request, and the format of its errors.

use callgate_wire::{Api, Row, Target};

use crate::catalog;
use crate::error_format::ErrorFormat;
use crate::gate::Gate;
use crate::headers::{Headers, single};
use crate::path::Route;

/// The target of a request, and the API at its path.
pub(crate) struct Destination<'a> {
    pub(crate) target: &'a str,
    pub(crate) route: Option<(&'a Route, &'static Row)>,
}

impl<'a> Destination<'a> {
    pub(crate) fn of(gate: &'a Gate, headers: &Headers<'a>) -> Self {
        let target = single(headers, ":path").unwrap_or_default();
        let method = single(headers, ":method").unwrap_or_default();
        // Other methods at the path of a model, such as its deletion, belong to no API that is read.
        let takes = |row: &Row| match row.api {
            Api::Model(_) | Api::Mcp | Api::McpMerged => true,
            Api::Catalog => method == "GET",
            Api::Hello => matches!(method, "GET" | "HEAD"),
        };
        let route = gate.paths.dialect(Target::new(target).path).filter(|(_, row)| takes(row));
        Self { target, route }
    }

    /// Returns the format of errors.
    pub(crate) fn error_format(&self, headers: &Headers<'_>) -> ErrorFormat {
        match self.row().map(|row| row.api) {
            Some(Api::Catalog) => ErrorFormat::Model(catalog::error_format(self.target, headers)),
            api => ErrorFormat::of(api),
        }
    }

    /// Returns the row of the API.
    pub(crate) fn row(&self) -> Option<&'static Row> {
        self.route.map(|(_, row)| row)
    }
}
