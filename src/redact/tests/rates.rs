//! False positives among generated numbers and names: counted, with bounds.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "a test")]

use std::fmt::Write;

use callgate_redact::{Kind, RedactionCounter, Redactor, Rule};

/// A small generator (xorshift), the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn text(&mut self, letters: &str, length: usize) -> String {
        let count = letters.len() as u64;
        (0..length).filter_map(|_| letters.chars().nth(self.next(count) as usize)).collect()
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[test]
fn generated_names_and_numbers_are_rarely_redacted() {
    type Make = fn(&mut Random) -> String;
    // A maker, and the most of 10,000 that may be redacted.
    let makers: [(&str, usize, Make); 13] = [
        ("UUID", 0, |r| [8, 4, 4, 4, 12].map(|length| r.text(HEX, length)).join("-")),
        ("SHA-1", 2, |r| r.text(HEX, 40)),
        ("SHA-256", 2, |r| r.text(HEX, 64)),
        ("base64 of 48 bytes", 2, |r| r.text(BASE64, 64)),
        ("number of 8 digits", 0, |r| r.text(DIGITS, 8)),
        ("number of 12 digits", 0, |r| r.text(DIGITS, 12)),
        // A tenth has a right check digit, and a fourth the prefix of an issuer.
        ("number of 16 digits", 300, |r| r.text(DIGITS, 16)),
        ("epoch in ms", 0, |r| (1_700_000_000_000 + r.next(100_000_000_000)).to_string()),
        ("epoch in ns", 0, |r| format!("{}{}", 1_700_000_000 + r.next(100_000_000), r.text(DIGITS, 9))),
        ("row of ten numbers", 20, |r| (0..10).map(|_| (r.next(9999) + 1).to_string()).collect::<Vec<_>>().join(" ")),
        ("row of decimals", 0, |r| {
            (0..8).map(|_| format!("{}.{:02}", r.next(10_000), r.next(100))).collect::<Vec<_>>().join(", ")
        }),
        ("date and time", 0, |r| {
            let mut text = format!("20{:02}-{:02}-{:02}", r.next(30), r.next(12) + 1, r.next(28) + 1);
            write!(text, "T{:02}:{:02}:{:02}.{:06}Z", r.next(24), r.next(60), r.next(60), r.next(1_000_000)).unwrap();
            text
        }),
        ("IPv4 address and port", 0, |r| {
            format!("{}.{}.{}.{}:{}", r.next(256), r.next(256), r.next(256), r.next(256), r.next(65_536))
        }),
    ];
    let redactor = Redactor::new(Kind::ALL.map(Rule::Kind).to_vec(), Vec::new());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut over = Vec::new();
    for (name, most, make) in makers {
        let mut redacted = 0;
        for _ in 0..10_000 {
            let text = format!("value {} end", make(&mut random));
            if let Some(new) = redactor.text(&text, "", &RedactionCounter::default()) {
                redacted += 1;
                if redacted < 4 {
                    println!("  {text} => {new}");
                }
            }
        }
        println!("{name}: {redacted} of 10000");
        if redacted > most {
            over.push(name);
        }
    }
    assert_eq!(over, Vec::<&str>::new());
}
