//! The memory for a hostile request, as a multiple of its size.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]
#![allow(unsafe_code, reason = "an allocator that counts is implemented by unsafe methods")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_wire::{DIALECTS, Target};

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
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The size of the request in a known attack.
const SIZE: usize = 1 << 20;
/// The size of its siblings, which take the same multiple and less time.
const SMALL: usize = 1 << 17;

const APIS: [(&str, &str, &str); 6] = [
    ("chatCompletions", "/v1/chat/completions", r#""model":"m","messages":[]"#),
    ("responses", "/v1/responses", r#""model":"m","input":"hi""#),
    ("messages", "/v1/messages", r#""model":"m","messages":[]"#),
    ("gemini", "/v1beta/models/m:generateContent", r#""contents":[]"#),
    ("ollama", "/api/chat", r#""model":"m","messages":[]"#),
    ("converse", "/model/m/converse", r#""messages":[]"#),
];

/// As many of `unit` as fill a request, each with a number of its own in place of `@`.
fn many(unit: &str, size: usize) -> String {
    let mut text = String::with_capacity(size + 64);
    let mut number = 0_u32;
    while text.len() < size {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&unit.replace('@', &number.to_string()));
        number += 1;
    }
    text
}

/// The most bytes while a request was read and written, and those after it, as multiples of its size.
fn cost(key: &str, path: &str, text: &str) -> (f64, f64) {
    let dialect = DIALECTS.iter().find(|row| row.key == key).unwrap().dialect().unwrap();
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut request = dialect.request(&Target::new(path), text.as_bytes());
    if let Ok(request) = &mut request {
        request.drop_unknown_members(&[]);
        request.clamp_output_tokens(100);
    }
    let ratio = |bytes: usize| {
        let bytes = u32::try_from(bytes.saturating_sub(before)).unwrap();
        f64::from(bytes) / f64::from(u32::try_from(text.len()).unwrap())
    };
    let (peak, kept) = (ratio(PEAK.load(Ordering::Relaxed)), ratio(HELD.load(Ordering::Relaxed)));
    drop(request);
    (peak, kept)
}

/// One test, because the counts are of the whole process.
#[test]
fn a_hostile_request_takes_a_small_multiple_of_its_size() {
    for (key, path, base) in APIS {
        let text = |members: String| format!("{{{base},{members}}}");
        let members = [
            format!(r#""metadata":[{}]"#, many("[0]", SMALL)),
            format!(r#""metadata":{{{}}}"#, many(r#""@":0"#, SMALL)),
            format!(r#""unknown":[{}]"#, many("{}", SMALL)),
            many(r#""k@":0"#, SMALL),
            format!(r#""tools":[{}]"#, many("{}", SMALL)),
            format!(r#""tools":[{}]"#, many(r#"{"type":"t@"}"#, SMALL)),
            format!(r#""models":[{}]"#, many(r#""m@""#, SMALL)),
            format!(r#""extra_body":{{{}}}"#, many(r#""k@":0"#, SMALL)),
            // Each level holds all inside of it.
            format!(r#"{}{}{}"#, r#""extra_body":{"#.repeat(60), many(r#""k@":0"#, SMALL), "}".repeat(60)),
            format!(
                r#"{}"model":"m",{}{}"#,
                r#""fallbacks":[{"model":"m","fallbacks":[{"#.repeat(14),
                many(r#""k@":0"#, SMALL),
                "}]}]".repeat(14)
            ),
        ];
        for members in members {
            let shown: String = members.chars().take(40).collect();
            let (peak, kept) = cost(key, path, &text(members));
            assert!(peak <= 4.0 && kept <= 2.0, "{key} {shown}: {peak:.1} at most, {kept:.1} kept");
        }
        let metadata = text(format!(r#""metadata":[{}]"#, many("[0]", SIZE)));
        let (peak, _) = cost(key, path, &metadata);
        assert!(peak <= 3.0, "{key}: {peak:.1} at most");
    }
    for list in ["messages", "input", "contents"] {
        for unit in ["{}", r#"{"role":"user","content":[{}]}"#, "[0]"] {
            let (key, path, base) = match list {
                "messages" => ("messages", "/v1/messages", r#""model":"m""#),
                "input" => ("responses", "/v1/responses", r#""model":"m""#),
                _ => ("gemini", "/v1beta/models/m:generateContent", r#""x":1"#),
            };
            let text = format!(r#"{{{base},"{list}":[{}]}}"#, many(unit, SMALL));
            let (peak, kept) = cost(key, path, &text);
            assert!(peak <= 3.0 && kept <= 2.0, "{list} {unit}: {peak:.1} at most, {kept:.1} kept");
        }
    }
}
