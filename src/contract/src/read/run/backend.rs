//! Tools at a backend of the executor: over gRPC, HTTP or MCP.

use super::quantity;
use crate::read::fields::{Fields, Located, Report};
use crate::read::units;
use crate::run::{Bounds, GrpcRun, HttpMethod, HttpRun, McpRun, WorkerMethod};

const METHODS: [(&str, HttpMethod); 5] = [
    ("GET", HttpMethod::Get),
    ("POST", HttpMethod::Post),
    ("PUT", HttpMethod::Put),
    ("PATCH", HttpMethod::Patch),
    ("DELETE", HttpMethod::Delete),
];

pub(super) fn grpc(item: &Located<'_>, report: &mut Report<'_>) -> Option<GrpcRun> {
    let fields = Fields::open(item, &["cluster", "method", "timeout", "outputBytes"], &[], report)?;
    let cluster = cluster(&fields, report);
    let words = [WorkerMethod::Invoke, WorkerMethod::InvokeStream].map(|method| (method.as_str(), method));
    let method =
        fields.need("method", "a method of a worker, `callgate.worker.v1.Worker/Invoke` or `…/InvokeStream`", report);
    let method = method.and_then(|item| item.word(&words, report));
    let bounds = bounds(&fields, report);
    Some(GrpcRun { cluster: cluster?, method: method?, bounds: bounds? })
}

pub(super) fn http(item: &Located<'_>, report: &mut Report<'_>) -> Option<HttpRun> {
    let fields = Fields::open(item, &["cluster", "method", "path", "timeout", "outputBytes"], &[], report)?;
    let cluster = cluster(&fields, report);
    let method = match fields.get("method") {
        Some(item) => item.word(&METHODS, report),
        None => Some(HttpMethod::Post),
    };
    let path = fields.need("path", "the path of the API, such as `/v1/orders`", report);
    let path = path.and_then(|item| path_of(&item, report));
    let bounds = bounds(&fields, report);
    Some(HttpRun { cluster: cluster?, method: method?, path: path?, bounds: bounds? })
}

pub(super) fn mcp(item: &Located<'_>, report: &mut Report<'_>) -> Option<McpRun> {
    let fields = Fields::open(item, &["cluster", "tool", "timeout", "outputBytes"], &[], report)?;
    let cluster = cluster(&fields, report);
    let tool = fields.need("tool", "what the MCP server calls the tool", report);
    let tool = tool.and_then(|item| {
        let text = item.text(report)?;
        if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return report.fault(&item, "expected the name of a tool: 1 to 128 bytes, without control characters");
        }
        Some(text.to_owned())
    });
    let bounds = bounds(&fields, report);
    Some(McpRun { cluster: cluster?, tool: tool?, bounds: bounds? })
}

fn cluster(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    let item = fields.need("cluster", "the name of a backend in the executor's configuration", report)?;
    let text = item.text(report)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > 63 || !text.bytes().all(plain) {
        return report.fault(
            &item,
            "expected 1 to 63 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`: the name of a backend, not its address",
        );
    }
    Some(text.to_owned())
}

/// Reads an absolute path with the same meaning to every server: no query, no dot segments, no escapes.
fn path_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b);
    let dots = |text: &str| text.split('/').any(|part| part == "." || part == "..");
    if !text.starts_with('/') || text.starts_with("//") || !text.bytes().all(plain) || dots(text) {
        return report.fault(item, "expected a path such as `/v1/orders`, without query, `%`, `.` and `..`; arguments go into the body or the query");
    }
    Some(text.to_owned())
}

fn bounds(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Bounds> {
    let default = Bounds::default();
    let timeout = quantity(fields, "timeout", default.timeout, units::duration, report);
    let output_bytes = quantity(fields, "outputBytes", default.output_bytes, units::size, report);
    Some(Bounds { timeout: timeout?, output_bytes: output_bytes? })
}
