#![no_main]
//! Shell lines: any text, for the common subset and for bash.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| callgate_fuzz::shell::check(line));
