#![no_main]
//! Server-sent events: any bytes, in any chunks.

use callgate_wire::framing::Framing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (sizes, bytes) = input;
    callgate_fuzz::framing::check(Framing::Sse, bytes, &sizes);
});
