#![no_main]
//! Patches, queries and programs of code mode: any text, for each format and dialect.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| callgate_fuzz::texts::check(text));
