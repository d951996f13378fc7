//! An Envoy dynamic module for `make bench`. It holds headers and bodies both ways, copies each whole body and writes the copy back:
//! the least cost of a native filter of this design.
//!
//! The ABI is `source/extensions/dynamic_modules/abi/abi.h` in Envoy's repository; Envoy 1.40 has version `v0.2.0`.
#![allow(unsafe_code, reason = "the adapter to a C ABI; each block says why it is sound")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

const VERSION: &CStr = c"v0.2.0";

/// Statuses of headers, bodies and trailers.
const CONTINUE: u32 = 0;
const HOLD_HEADERS: u32 = 1;
/// The module has the bytes, so Envoy keeps none.
const HOLD_BODY: u32 = 3;

/// `envoy_dynamic_module_type_http_body_type`.
const RECEIVED_REQUEST: u32 = 0;
const BUFFERED_REQUEST: u32 = 1;
const RECEIVED_RESPONSE: u32 = 2;
const BUFFERED_RESPONSE: u32 = 3;

/// Bytes of one side, lent to the other.
#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    pointer: *const u8,
    length: usize,
}

unsafe extern "C" {
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(filter: *mut c_void, body: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(filter: *mut c_void, body: u32, into: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_append_body(filter: *mut c_void, body: u32, bytes: Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(filter: *mut c_void, body: u32, bytes: usize) -> bool;
}

/// The held bodies of one exchange.
#[derive(Default)]
struct Exchange {
    request: Vec<u8>,
    response: Vec<u8>,
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    VERSION.as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _config: *mut c_void,
    _name: Buffer,
    _bytes: Buffer,
) -> *const c_void {
    // Null would mean a failure.
    ptr::NonNull::<u8>::dangling().as_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_new(_config: *const c_void, _filter: *mut c_void) -> *const c_void {
    Box::into_raw(Box::<Exchange>::default()).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(exchange: *mut c_void) {
    // SAFETY: the pointer comes from `Box::into_raw` above, and Envoy uses it no more.
    drop(unsafe { Box::from_raw(exchange.cast::<Exchange>()) });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(_: *mut c_void, _: *mut c_void, end: bool) -> u32 {
    if end { CONTINUE } else { HOLD_HEADERS }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(_: *mut c_void, _: *mut c_void, end: bool) -> u32 {
    if end { CONTINUE } else { HOLD_HEADERS }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    filter: *mut c_void,
    exchange: *mut c_void,
    end: bool,
) -> u32 {
    // SAFETY: both pointers are the arguments of this hook, and nobody else refers to the exchange meanwhile.
    unsafe { on_body(filter, &mut (*exchange.cast::<Exchange>()).request, RECEIVED_REQUEST, end) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    filter: *mut c_void,
    exchange: *mut c_void,
    end: bool,
) -> u32 {
    // SAFETY: as above.
    unsafe { on_body(filter, &mut (*exchange.cast::<Exchange>()).response, RECEIVED_RESPONSE, end) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    filter: *mut c_void,
    exchange: *mut c_void,
) -> u32 {
    // SAFETY: as above.
    unsafe { write_back(filter, &mut (*exchange.cast::<Exchange>()).request, BUFFERED_REQUEST) }
    CONTINUE
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    filter: *mut c_void,
    exchange: *mut c_void,
) -> u32 {
    // SAFETY: as above.
    unsafe { write_back(filter, &mut (*exchange.cast::<Exchange>()).response, BUFFERED_RESPONSE) }
    CONTINUE
}

/// Takes the received bytes; at the end it writes all of them back.
///
/// # Safety
/// `filter` is the argument of a hook.
unsafe fn on_body(filter: *mut c_void, held: &mut Vec<u8>, body: u32, end: bool) -> u32 {
    // SAFETY: Envoy writes as many buffers as it announced. Each is valid until the body changes, which is after the copy.
    unsafe {
        let count = envoy_dynamic_module_callback_http_get_body_chunks_size(filter, body);
        let mut chunks = vec![Buffer { pointer: ptr::null(), length: 0 }; count];
        if count > 0 && envoy_dynamic_module_callback_http_get_body_chunks(filter, body, chunks.as_mut_ptr()) {
            for chunk in chunks.iter().filter(|chunk| chunk.length > 0) {
                held.extend_from_slice(std::slice::from_raw_parts(chunk.pointer, chunk.length));
            }
            envoy_dynamic_module_callback_http_drain_body(filter, body, chunks.iter().map(|chunk| chunk.length).sum());
        }
    }
    if !end {
        return HOLD_BODY;
    }
    // SAFETY: passed on.
    unsafe { write_back(filter, held, body) }
    CONTINUE
}

/// Writes a copy of the held bytes, as a filter does that reads a body into a structure and writes it again.
///
/// # Safety
/// `filter` is the argument of a hook.
unsafe fn write_back(filter: *mut c_void, held: &mut Vec<u8>, body: u32) {
    let copy = std::hint::black_box(std::mem::take(held).as_slice()).to_vec();
    if !copy.is_empty() {
        // SAFETY: Envoy copies the bytes during the call.
        unsafe {
            envoy_dynamic_module_callback_http_append_body(
                filter,
                body,
                Buffer { pointer: copy.as_ptr(), length: copy.len() },
            );
        }
    }
}

/// Hooks that do nothing here; Envoy wants them to exist.
macro_rules! ignored {
    ($($hook:ident($($argument:ty),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $hook($(_: $argument),*) {}
        )*
    };
}

type Pointer = *mut c_void;

ignored! {
    envoy_dynamic_module_on_http_filter_config_destroy(Pointer);
    envoy_dynamic_module_on_http_filter_config_scheduled(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_config_http_callout_done(Pointer, Pointer, u64, u32, Pointer, usize, Pointer, usize);
    envoy_dynamic_module_on_http_filter_config_http_stream_headers(Pointer, Pointer, u64, Pointer, usize, bool);
    envoy_dynamic_module_on_http_filter_config_http_stream_data(Pointer, Pointer, u64, Pointer, usize, bool);
    envoy_dynamic_module_on_http_filter_config_http_stream_trailers(Pointer, Pointer, u64, Pointer, usize);
    envoy_dynamic_module_on_http_filter_config_http_stream_complete(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_config_http_stream_reset(Pointer, Pointer, u64, u32);
    envoy_dynamic_module_on_http_filter_stream_complete(Pointer, Pointer);
    envoy_dynamic_module_on_http_filter_scheduled(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_http_callout_done(Pointer, Pointer, u64, u32, Pointer, usize, Pointer, usize);
    envoy_dynamic_module_on_http_filter_http_stream_headers(Pointer, Pointer, u64, Pointer, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_data(Pointer, Pointer, u64, Pointer, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_trailers(Pointer, Pointer, u64, Pointer, usize);
    envoy_dynamic_module_on_http_filter_http_stream_complete(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(Pointer, Pointer, u64, u32);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(Pointer, Pointer);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(Pointer, Pointer);
}
