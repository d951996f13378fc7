//! The cost of a request of 1 MiB, as coding agents send them, against a copy and a bare check of its JSON.
//!
//! Each is a recorded request whose conversation is repeated, with files as results. `cargo bench -p callgate-engine --bench long_request`
//! prints processor time and the most bytes in use, from the first byte until the request is forwarded. It reads `agents.jsonl.gz` in
//! the folder that `CALLGATE_DATA` names, and measures nothing without it. `-- NAME TIMES` only repeats one request, for a profiler.

#![allow(missing_docs, reason = "a bench's name says what it measures")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a bench that cannot start may panic")]
#![allow(unsafe_code, reason = "an allocator that counts is implemented by unsafe methods")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use callgate_contract::{Contract, from_value};
use callgate_engine::{
    DIALECTS, Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, Rules, history, lend,
};
use callgate_wire::Target;
use serde_json::{Value, json};

const SIZE: usize = 1 << 20;
/// The bytes of one chunk, as Envoy reads them.
const CHUNK: usize = 16 << 10;
/// Conversations of several turns, one for each API: the agent, the case, and the number of the request.
const REQUESTS: [(&str, &str, &str); 4] = [
    ("cline", "chat", "003"),
    ("codex", "gpt-5.5-custom-apply-patch-tool-search", "003"),
    ("opencode", "messages", "004"),
    ("opencode", "gemini", "004"),
];

/// Counts the bytes in use, and the most at one time.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let held = HELD.fetch_add(size, Ordering::Relaxed) + size;
        PEAK.fetch_max(held - layout.size(), Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let requests = long_requests();
    match arguments.as_slice() {
        [name, times] => {
            let long = requests.iter().find(|long| long.name == *name).unwrap();
            let gate = long.gate(false);
            (0..times.parse().unwrap()).for_each(|_| long.forwarded(&gate));
        }
        _ => requests.iter().for_each(LongRequest::report),
    }
}

struct LongRequest {
    name: String,
    key: &'static str,
    path: String,
    text: Vec<u8>,
}

fn long_requests() -> Vec<LongRequest> {
    let folder = std::env::var_os("CALLGATE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = File::open(folder.join("agents.jsonl.gz")) else {
        println!("SKIPPED: no agents.jsonl.gz in {}", folder.display());
        return Vec::new();
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let found = |(agent, case, number): (&str, &str, &str)| {
        lines
            .iter()
            .find(|line| line["agent"] == agent && line["case"] == case && line["n"] == number)
            .cloned()
            .unwrap()
    };
    REQUESTS.into_iter().map(|wanted| LongRequest::of(&found(wanted))).collect()
}

/// Makes an item of a conversation another one: ids of its own, and a file in place of each longer text.
fn varied(item: &mut Value, number: usize) {
    const IDS: [&str; 4] = ["id", "call_id", "tool_call_id", "tool_use_id"];
    match item {
        Value::Array(items) => items.iter_mut().for_each(|item| varied(item, number)),
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if IDS.contains(&key.as_str()) => text.push_str(&format!("_{number}")),
                    Value::String(text) if matches!(key.as_str(), "content" | "output" | "text") && text.len() > 20 => {
                        *text = file(number);
                    }
                    _ => varied(value, number),
                }
            }
        }
        _ => {}
    }
}

/// About 3 KB of source text.
fn file(number: usize) -> String {
    let line = |line: usize| {
        format!(
            "{line:>6}\tfn step_{number}_{line}(&mut self, name: &str) -> Result<(), Error> {{ self.log(\"{line}: {{name}}\\n\") }}\n"
        )
    };
    (1..30).map(line).collect::<String>() + "    // größer und schneller: 1 µs; mail ops@example.com for help\n"
}

// === impl LongRequest ===

impl LongRequest {
    fn of(line: &Value) -> Self {
        let path = line["path"].as_str().unwrap().to_owned();
        let mut body = line["body"].clone();
        let list = ["messages", "input", "contents"].into_iter().find(|list| body[*list].is_array()).unwrap();
        let turns: Vec<Value> = body[list].as_array().unwrap().clone();
        let mut number = 0;
        while body.to_string().len() < SIZE {
            // A hundred kilobytes at a time, because the text is written to be measured.
            for _ in 0..10 {
                number += 1;
                for item in turns.iter().skip(1) {
                    let mut item = item.clone();
                    varied(&mut item, number);
                    body[list].as_array_mut().unwrap().push(item);
                }
            }
        }
        let key = match list {
            "input" => "responses",
            "contents" => "gemini",
            _ if path.contains("chat") => "chatCompletions",
            _ => "messages",
        };
        Self {
            name: format!("{}_{key}", line["agent"].as_str().unwrap()),
            key,
            path,
            text: body.to_string().into_bytes(),
        }
    }

    fn target(&self) -> Target<'_> {
        let target = Target::new(&self.path);
        let model =
            target.path.split_once("/models/").and_then(|(_, model)| model.split_once(':')).map(|(model, _)| model);
        target.with_model(model)
    }

    fn contract(&self, redacts: bool) -> Contract {
        let dialect = DIALECTS.iter().find(|row| row.key == self.key).unwrap().dialect().unwrap();
        let request = dialect.request(&self.target(), &self.text).unwrap();
        let tool = |name: &str| json!({ "name": name, "effects": "write", "parameters": { "type": "object" }, "run": { "client": {} } });
        let tools: Vec<Value> = request.declared().iter().map(|tool| tool.name.as_str()).map(tool).collect();
        let mut contract = json!({
            "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "agent", "version": "1" },
            "spec": {
                "models": ["*"], "providerTools": request.provider_tools(), "limits": { "maxOutputTokens": 64_000 },
                "roles": { "dev": { "tools": ["*"] } }, "tools": tools, "serverState": "allowed",
            },
        });
        if redacts {
            contract["spec"]["results"] =
                json!({ "redact": [{ "kind": "credit_card" }, { "kind": "secret" }, { "kind": "email" }] });
        }
        from_value(&contract).unwrap()
    }

    fn gate(&self, redacts: bool) -> Rc<Gate> {
        let identity =
            IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into(), claims: BTreeMap::new() };
        let reach = Reach { executor: false, upstream: true };
        let contract = self.contract(redacts);
        Rc::new(Arc::new(Rules::new(contract, identity, Paths::default(), Offer::Declared, reach).unwrap()).gate())
    }

    /// Sends the request in chunks until it is forwarded.
    fn forwarded(&self, gate: &Rc<Gate>) {
        let length = self.text.len().to_string();
        let headers = [
            (":method", "POST"),
            (":path", &self.path),
            ("content-type", "application/json"),
            ("content-length", &length),
            ("x-tenant", "acme"),
            ("x-role", "dev"),
        ];
        let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
        exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        let chunks = self.text.chunks(CHUNK);
        let last = chunks.len() - 1;
        for (position, chunk) in chunks.enumerate() {
            let effect = exchange.on(Event::RequestData { chunk, end: position == last, now: Duration::from_secs(1) });
            match effect {
                Effect::Hold if position < last => {}
                Effect::Forward(forward) => drop(black_box(forward)),
                effect => panic!("{}: {effect:?}", self.name),
            }
        }
    }

    fn report(&self) {
        let copy = measured(|| drop(black_box(self.text.clone())));
        let check = measured(|| callgate_json::check(&self.text).unwrap());
        let gates = [false, true].map(|redacts| self.gate(redacts));
        let [plain, redacting] = [0, 1].map(|gate: usize| measured(|| self.forwarded(&gates[gate])));
        let dialect = DIALECTS.iter().find(|row| row.key == self.key).unwrap().dialect().unwrap();
        let (contract, request) = (self.contract(false), dialect.request(&self.target(), &self.text).unwrap());
        let origins = measured(|| drop(black_box(history(&contract, &*request))));
        println!("{} ({} bytes)", self.name, self.text.len());
        let cases = [
            ("copy", copy),
            ("check", check),
            ("forwarded", plain),
            ("redacted", redacting),
            ("read for origins", origins),
        ];
        for (what, (time, peak)) in cases {
            let of_check = time.as_secs_f64() / check.0.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let of_size = peak as f64 / self.text.len() as f64;
            println!("  {what:<18} {:>9.1} us  {of_check:>6.2} checks  {of_size:>5.2} sizes", time.as_secs_f64() * 1e6);
        }
    }
}

/// Returns the shortest of many runs, and the most bytes that one of them has in use.
fn measured(mut run: impl FnMut()) -> (Duration, usize) {
    run();
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    run();
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let timed = |run: &mut dyn FnMut()| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    ((0..60).map(|_| timed(&mut run)).min().unwrap(), peak)
}
