//! What runs a tool.

use super::fields::{Fields, Item, Report, one_of};
use super::units;
use crate::paths;
use crate::run::{FileGrant, FileMode, Run, WasmRun};

const KNOWN: [&str; 2] = ["client", "wasm"];
const UNENFORCED: [(&str, &str); 3] = [("grpc", "`run.grpc`"), ("http", "`run.http`"), ("mcp", "`run.mcp`")];
const WASM: [&str; 10] =
    ["module", "sha256", "args", "memory", "fuel", "timeout", "outputBytes", "files", "env", "http"];
/// One page, and all that 32-bit addresses reach.
const MEMORY: std::ops::RangeInclusive<u64> = (64 << 10)..=(4 << 30);

pub(super) fn run(item: &Item<'_>, report: &mut Report<'_>) -> Option<Run> {
    let fields = Fields::open(item, &KNOWN, &UNENFORCED, report)?;
    match (fields.get("client"), fields.get("wasm")) {
        (Some(client), None) => Fields::open(&client, &[], &[], report).map(|_| Run::Client),
        (None, Some(wasm)) => wasm_of(&wasm, report).map(Run::Wasm),
        (Some(_), Some(_)) => report.fault(item, "expected exactly one of `client` and `wasm`; remove one"),
        (None, None) if item.entries(report)?.is_empty() => {
            report.fault(item, format!("expected exactly one of {}", one_of(&KNOWN)))
        }
        // What is there instead is reported already.
        (None, None) => None,
    }
}

fn wasm_of(item: &Item<'_>, report: &mut Report<'_>) -> Option<WasmRun> {
    let fields = Fields::open(item, &WASM, &[], report)?;
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
    if let Some(http) = fields.get("http")
        && http.list(report).is_some_and(|hosts| !hosts.is_empty())
    {
        let message =
            "`run.wasm.http` is not enforced yet, and a rule that is not enforced is worse than none; remove it";
        report.fault::<()>(&http, message);
    }
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
    })
}

fn quantity<T>(
    fields: &Fields<'_>,
    name: &str,
    default: T,
    unit: fn(&Item<'_>, &mut Report<'_>) -> Option<T>,
    report: &mut Report<'_>,
) -> Option<T> {
    match fields.get(name) {
        Some(item) => unit(&item, report),
        None => Some(default),
    }
}

fn list<T>(
    fields: &Fields<'_>,
    name: &str,
    report: &mut Report<'_>,
    read: fn(&Item<'_>, &mut Report<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    match fields.get(name) {
        Some(item) => Some(item.list(report)?.iter().filter_map(|item| read(item, report)).collect()),
        None => Some(Vec::new()),
    }
}

fn sha256_of(item: &Item<'_>, report: &mut Report<'_>) -> Option<[u8; 32]> {
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

fn grant(item: &Item<'_>, report: &mut Report<'_>) -> Option<FileGrant> {
    let fields = Fields::open(item, &["host", "guest", "mode"], &[], report)?;
    let host = fields.need("host", "a path on the host", report).and_then(|item| item.text(report).map(str::to_owned));
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
    Some(FileGrant { host: host?, guest: guest?, mode: mode? })
}

fn variable(item: &Item<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.chars().all(plain) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return report.fault(item, "expected the name of an environment variable: `A-Z`, `a-z`, `0-9` and `_`");
    }
    Some(text.to_owned())
}
