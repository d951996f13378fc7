//! A WebAssembly module and its grants.

use std::net::Ipv6Addr;

use super::quantity;
use crate::paths;
use crate::read::fields::{Fields, Located, Report};
use crate::read::units;
use crate::run::{FileGrant, FileMode, HttpGrant, WasmRun};
use crate::source::node::join;

const KNOWN: [&str; 11] =
    ["module", "sha256", "args", "memory", "fuel", "timeout", "outputBytes", "files", "env", "secretEnv", "http"];
/// From one page to the whole 32-bit address space.
const MEMORY: std::ops::RangeInclusive<u64> = (64 << 10)..=(4 << 30);
/// The prefix of a secret's place.
const FILE: &str = "file:";

pub(super) fn read(item: &Located<'_>, report: &mut Report<'_>) -> Option<WasmRun> {
    let fields = Fields::open(item, &KNOWN, &[], report)?;
    let module = fields.need("module", "the path of a `.wasm` file beside the contract", report);
    let module = module.and_then(|item| {
        let text = item.text(report)?;
        paths::inside("", text).map_err(|message| report.fault::<()>(&item, message)).ok()
    });
    let sha256 = fields.need("sha256", "the module's SHA-256; `callgate pin` writes it", report);
    let sha256 = sha256.and_then(|item| sha256_of(&item, report));
    let args = list(&fields, "args", report, |item, report| {
        let text = item.any_text(report)?;
        if text.contains('\0') {
            return report.fault(item, "expected an argument without a NUL character");
        }
        Some(text.to_owned())
    });
    let memory = quantity(&fields, "memory", WasmRun::MEMORY, units::size, report).filter(|bytes| {
        let fits = MEMORY.contains(bytes);
        if let (false, Some(item)) = (fits, fields.get("memory")) {
            report.fault::<()>(&item, "expected memory from 64KiB, one page of WebAssembly, to 4GiB");
        }
        fits
    });
    let fuel = quantity(&fields, "fuel", WasmRun::FUEL, units::fuel, report);
    let timeout = quantity(&fields, "timeout", WasmRun::TIMEOUT, units::duration, report);
    let output_bytes = quantity(&fields, "outputBytes", WasmRun::OUTPUT_BYTES, units::size, report);
    let files = list(&fields, "files", report, grant);
    let env = list(&fields, "env", report, variable);
    let secret_env = secrets(&fields, env.as_deref().unwrap_or_default(), report);
    let http = list(&fields, "http", report, http_grant);
    Some(WasmRun {
        module: module?,
        sha256: sha256?,
        args: args?,
        memory: memory?,
        fuel: fuel?,
        timeout: timeout?,
        output_bytes: output_bytes?,
        files: files?,
        env: env?,
        secret_env: secret_env?,
        http: http?,
    })
}

fn list<T>(
    fields: &Fields<'_>,
    name: &str,
    report: &mut Report<'_>,
    read: fn(&Located<'_>, &mut Report<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    match fields.get(name) {
        Some(item) => Some(item.list(report)?.iter().filter_map(|item| read(item, report)).collect()),
        None => Some(Vec::new()),
    }
}

fn sha256_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let text = item.node.text().filter(|text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(text) = text else {
        return report.fault(item, "expected 64 hexadecimal digits in quotes; `callgate pin` writes them");
    };
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = pair.iter().fold(0, |sum, digit| (sum << 4) | hex_digit(*digit));
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

fn grant(item: &Located<'_>, report: &mut Report<'_>) -> Option<FileGrant> {
    let fields = Fields::open(item, &["host", "guest", "mode", "quota"], &[], report)?;
    let host = fields.need("host", "a path on the host", report).and_then(|item| host(&item, report));
    let guest = fields.need("guest", "the absolute path the module sees, such as `/data`", report);
    let guest = guest.and_then(|item| {
        let text = item.text(report)?;
        if !text.starts_with('/') || text.split('/').any(|part| part == ".." || part == ".") {
            return report.fault(&item, "expected an absolute path without `.` and `..`, such as `/data`");
        }
        Some(text.to_owned())
    });
    let mode = match fields.get("mode") {
        Some(item) => item.word(&[("ro", FileMode::Ro), ("rw", FileMode::Rw)], report),
        None => Some(FileMode::Ro),
    };
    let quota = quantity(&fields, "quota", FileGrant::QUOTA, units::size, report);
    if let (Some(FileMode::Ro), Some(item)) = (mode, fields.get("quota")) {
        return report.fault(&item, "expected a `quota` only with `mode: rw`; nothing is written to what is read only");
    }
    Some(FileGrant { host: host?, guest: guest?, mode: mode?, quota: quota? })
}

/// `data`, `/var/lib/orders`, `data/{tenant}`.
fn host(item: &Located<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    let parts: Vec<_> = text.split('/').collect();
    let tenants = parts.iter().filter(|part| **part == FileGrant::TENANT).count();
    if tenants > 1 || parts.iter().any(|part| *part != FileGrant::TENANT && part.contains(['{', '}'])) {
        return report.fault(item, "expected `{tenant}` at most once and as a whole part of the path, such as `data/{tenant}`, and no other `{` or `}`");
    }
    let below = parts.iter().skip_while(|part| **part != FileGrant::TENANT);
    if below.clone().any(|part| matches!(*part, "." | "..")) {
        return report.fault(item, "expected a path without `.` and `..` after `{tenant}`");
    }
    if text.starts_with('/') {
        report.note(
            item,
            "an absolute path; the same folder on every machine, so the executor's `sandbox.allow` must name it",
        );
    } else if parts.contains(&"..") {
        report
            .note(item, "`..` leads out of the contract's folder; the executor's `sandbox.allow` must name the folder");
    }
    Some(text.to_owned())
}

fn variable(item: &Located<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    if let Some(message) = wrong_variable(text) {
        return report.fault(item, message);
    }
    Some(text.to_owned())
}

const VARIABLE: &str = "expected the name of an environment variable: `A-Z`, `a-z`, `0-9` and `_`";

/// The prefix of the executor's own variables, such as `CALLGATE_TENANT`.
const RESERVED: &str = "CALLGATE_";
const IS_RESERVED: &str = "names that begin with `CALLGATE_` are the executor's own; choose another";

fn wrong_variable(text: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || !text.chars().all(plain) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(VARIABLE);
    }
    text.starts_with(RESERVED).then_some(IS_RESERVED)
}

/// `secretEnv: { API_KEY: file:/run/secrets/api-key }`: only the executor reads the value.
fn secrets(fields: &Fields<'_>, env: &[String], report: &mut Report<'_>) -> Option<Vec<(String, String)>> {
    let Some(item) = fields.get("secretEnv") else { return Some(Vec::new()) };
    let mut secrets = Vec::new();
    for entry in item.entries(report)? {
        let of = Located { node: &entry.value, path: join(&item.path, &entry.key) };
        if let Some(message) = wrong_variable(&entry.key) {
            report.fault_at::<()>(&entry.at, of.path.clone(), message);
            continue;
        }
        if env.contains(&entry.key) {
            let message = format!("expected each variable once; `{}` is in `env` too, remove one", entry.key);
            report.fault_at::<()>(&entry.at, of.path.clone(), message);
        }
        let text = of.text(report)?;
        match text.strip_prefix(FILE).filter(|path| path.starts_with('/') && !path.contains('\0')) {
            Some(path) => secrets.push((entry.key.clone(), path.to_owned())),
            None => {
                report.fault::<()>(
                    &of,
                    "expected where the secret is, such as `file:/run/secrets/api-key`; never the secret itself",
                );
            }
        }
    }
    Some(secrets)
}

/// `api.example.com:443`, or a mapping with this as `to` and further grants.
fn http_grant(item: &Located<'_>, report: &mut Report<'_>) -> Option<HttpGrant> {
    if item.node.text().is_some() {
        let (host, port) = host_and_port(item, report)?;
        return Some(HttpGrant { host, port, private: false, authorization: false });
    }
    let fields = Fields::open(item, &["to", "private", "authorization"], &[], report)?;
    let to = fields.need("to", "a host and a port, such as `api.example.com:443`", report)?;
    let (host, port) = host_and_port(&to, report)?;
    let switch = |name: &str, report: &mut Report<'_>| match fields.get(name) {
        Some(item) => item.switch(report),
        None => Some(false),
    };
    let (private, authorization) = (switch("private", report), switch("authorization", report));
    Some(HttpGrant { host, port, private: private?, authorization: authorization? })
}

fn host_and_port(item: &Located<'_>, report: &mut Report<'_>) -> Option<(String, u16)> {
    let text = item.text(report)?;
    let read = text.rsplit_once(':').and_then(|(host, port)| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(plain),
        };
        let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        Some((host, port.parse::<u16>().ok().filter(|_| is_host && digits)?))
    });
    match read {
        Some((host, port)) => Some((host.to_ascii_lowercase(), port)),
        None => {
            let message = "expected a host and a port, such as `api.example.com:443` or `[2001:db8::1]:443`; globs are not allowed here";
            report.fault(item, message)
        }
    }
}
