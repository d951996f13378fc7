//! Envoy's dynamic-module ABI for HTTP filters, as far as the gate uses it: types, callbacks, hooks.
//!
//! The only file with `unsafe`. It declares Envoy's functions by hand (`source/extensions/dynamic_modules/abi/abi.h` in Envoy's
//! repository, Envoy 1.40) and wraps each in a safe function. `hooks` exports the functions that Envoy calls.
//!
//! Three rules make the wrappers sound:
//!
//! - A [`FilterPtr`] is used only from the hook that brings it until `on_http_filter_destroy`, and on the stream's own thread:
//!   `Stream` forgets it there. A [`ConfigPtr`] is used only until `on_http_filter_config_destroy`, and on the main thread.
//! - Memory that Envoy lends is read before the next write to the same stream. Memory lent to Envoy outlives the call.
//! - No panic crosses the ABI: each hook runs in `guard`.
#![allow(unsafe_code, reason = "the adapter to a C ABI; each block says why it is sound")]

mod about;
mod config;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod fake;
mod filter;
mod hooks;
mod scheduler;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::ffi::c_void;
use std::ptr::NonNull;

/// `envoy_dynamic_module_type_envoy_buffer` and `…_module_buffer`: bytes of the one side, lent to the other.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffer {
    pointer: *const u8,
    length: usize,
}

/// `envoy_dynamic_module_type_envoy_http_header` and `…_module_http_header`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    name: Buffer,
    value: Buffer,
}

/// `envoy_dynamic_module_type_http_header_type`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) enum HeaderMap {
    Request = 0,
    Response = 2,
}

/// `envoy_dynamic_module_type_http_body_type`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyBuffer {
    ReceivedRequest = 0,
    BufferedRequest = 1,
    ReceivedResponse = 2,
    BufferedResponse = 3,
}

/// `envoy_dynamic_module_type_log_level`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogLevel {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// `envoy_dynamic_module_type_http_callout_init_result`, without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CalloutError {
    MissingRequiredHeaders,
    ClusterNotFound,
    DuplicateCalloutId,
    CannotCreateRequest,
    Unknown,
}

const SUCCESS: u32 = 0;

/// Envoy's object of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterPtr(NonNull<c_void>);

/// Envoy's object of one filter configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigPtr(NonNull<c_void>);

// SAFETY: the pointer is only passed back to Envoy, and only on the main thread.
unsafe impl Send for ConfigPtr {}
// SAFETY: as above.
unsafe impl Sync for ConfigPtr {}

/// Schedules hooks of one stream on its own thread, from any thread. Freed when dropped.
#[derive(Debug)]
pub(crate) struct StreamScheduler(NonNull<c_void>);

/// Schedules hooks of one filter configuration on the main thread, from any thread. Freed when dropped.
#[derive(Debug)]
pub(crate) struct ConfigScheduler(NonNull<c_void>);

// SAFETY: Envoy documents the commit as safe from any thread; only one owner commits and frees.
unsafe impl Send for StreamScheduler {}
// SAFETY: as above.
unsafe impl Send for ConfigScheduler {}

unsafe extern "C" {
    fn envoy_dynamic_module_callback_log(level: LogLevel, message: Buffer);
    fn envoy_dynamic_module_callback_log_enabled(level: LogLevel) -> bool;
    fn envoy_dynamic_module_callback_get_concurrency() -> u32;

    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: NonNull<c_void>,
        name: Buffer,
        label_names: *const Buffer,
        labels: usize,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        filter: NonNull<c_void>,
        id: usize,
        label_values: *const Buffer,
        labels: usize,
        by: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_increment_counter(
        config: NonNull<c_void>,
        id: usize,
        label_values: *const Buffer,
        labels: usize,
        by: u64,
    ) -> u32;

    fn envoy_dynamic_module_callback_http_filter_config_define_histogram(
        config: NonNull<c_void>,
        name: Buffer,
        label_names: *const Buffer,
        labels: usize,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_record_histogram_value(
        filter: NonNull<c_void>,
        id: usize,
        label_values: *const Buffer,
        labels: usize,
        value: u64,
    ) -> u32;

    fn envoy_dynamic_module_callback_http_get_headers_size(filter: NonNull<c_void>, map: HeaderMap) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(
        filter: NonNull<c_void>,
        map: HeaderMap,
        into: *mut Header,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(
        filter: NonNull<c_void>,
        map: HeaderMap,
        name: Buffer,
        value: Buffer,
    ) -> bool;

    fn envoy_dynamic_module_callback_http_get_body_chunks_size(filter: NonNull<c_void>, body: BodyBuffer) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(
        filter: NonNull<c_void>,
        body: BodyBuffer,
        into: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_append_body(filter: NonNull<c_void>, body: BodyBuffer, bytes: Buffer)
    -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(filter: NonNull<c_void>, body: BodyBuffer, bytes: usize) -> bool;

    fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
        filter: NonNull<c_void>,
        key: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_filter_state_bytes(
        filter: NonNull<c_void>,
        key: Buffer,
        value: *mut Buffer,
    ) -> bool;

    fn envoy_dynamic_module_callback_http_send_response(
        filter: NonNull<c_void>,
        status: u32,
        headers: *const Header,
        count: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_filter_reset_stream(filter: NonNull<c_void>, reason: u32, details: Buffer);
    fn envoy_dynamic_module_callback_http_filter_continue_encoding(filter: NonNull<c_void>);
    fn envoy_dynamic_module_callback_http_filter_continue_decoding(filter: NonNull<c_void>);

    fn envoy_dynamic_module_callback_http_filter_http_callout(
        filter: NonNull<c_void>,
        id: *mut u64,
        cluster: Buffer,
        headers: *const Header,
        count: usize,
        body: Buffer,
        timeout_milliseconds: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_start_http_stream(
        filter: NonNull<c_void>,
        id: *mut u64,
        cluster: Buffer,
        headers: *const Header,
        count: usize,
        body: Buffer,
        end_stream: bool,
        timeout_milliseconds: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_reset_http_stream(filter: NonNull<c_void>, id: u64);
    fn envoy_dynamic_module_callback_http_filter_config_start_http_stream(
        config: NonNull<c_void>,
        id: *mut u64,
        cluster: Buffer,
        headers: *const Header,
        count: usize,
        body: Buffer,
        end_stream: bool,
        timeout_milliseconds: u64,
    ) -> u32;

    fn envoy_dynamic_module_callback_http_filter_get_worker_index(filter: NonNull<c_void>) -> u32;
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(filter: NonNull<c_void>) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: NonNull<c_void>, event: u64);
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: NonNull<c_void>);
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(config: NonNull<c_void>) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(scheduler: NonNull<c_void>, event: u64);
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: NonNull<c_void>);
}

// === impl Buffer ===

impl Buffer {
    const EMPTY: Self = Self { pointer: std::ptr::null(), length: 0 };

    /// Lends bytes to Envoy for one call.
    pub(crate) fn lend(bytes: &[u8]) -> Self {
        Self { pointer: bytes.as_ptr(), length: bytes.len() }
    }

    /// Returns the bytes that Envoy lends.
    ///
    /// # Safety
    /// The buffer comes from Envoy, and `'a` ends before the hook does and before the next write to the same stream.
    unsafe fn borrow<'a>(self) -> &'a [u8] {
        if self.pointer.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: a buffer of Envoy's points at `length` bytes; the caller keeps `'a` short.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}

impl Header {
    const EMPTY: Self = Self { name: Buffer::EMPTY, value: Buffer::EMPTY };

    /// Lends a header to Envoy for one call.
    pub(crate) fn lend(name: &str, value: &[u8]) -> Self {
        Self { name: Buffer::lend(name.as_bytes()), value: Buffer::lend(value) }
    }

    /// Borrows a header of Envoy's. Names are ASCII in lower case there; another one becomes a name that no header has.
    ///
    /// # Safety
    /// As [`Buffer::borrow`].
    unsafe fn borrow<'a>(self) -> (&'a str, &'a [u8]) {
        // SAFETY: passed on.
        let (name, value) = unsafe { (self.name.borrow(), self.value.borrow()) };
        (std::str::from_utf8(name).unwrap_or("\u{fffd}"), value)
    }

    /// Copies a header of Envoy's.
    ///
    /// # Safety
    /// The header comes from Envoy, and nothing was written to the same stream since.
    unsafe fn copy(self) -> (String, Vec<u8>) {
        // SAFETY: passed on; nothing is written before the copies are made.
        let (name, value) = unsafe { self.borrow() };
        (name.to_owned(), value.to_vec())
    }
}

/// Copies the headers in a hook's argument.
///
/// # Safety
/// `headers` is the argument of a hook, with `count` elements.
pub(crate) unsafe fn copy_headers(headers: *const Header, count: usize) -> Vec<(String, Vec<u8>)> {
    if headers.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller passes a hook's argument, which is valid during the hook.
    unsafe { std::slice::from_raw_parts(headers, count).iter().map(|header| header.copy()).collect() }
}

/// Appends the chunks in a hook's argument to `into`.
///
/// # Safety
/// `chunks` is the argument of a hook, with `count` elements.
pub(crate) unsafe fn copy_chunks(chunks: *const Buffer, count: usize, into: &mut Vec<u8>) {
    if chunks.is_null() {
        return;
    }
    // SAFETY: the caller passes a hook's argument, which is valid during the hook.
    for chunk in unsafe { std::slice::from_raw_parts(chunks, count) } {
        // SAFETY: as above.
        into.extend_from_slice(unsafe { chunk.borrow() });
    }
}

/// Copies a hook's argument.
///
/// # Safety
/// `buffer` is the argument of a hook.
pub(crate) unsafe fn copy(buffer: Buffer) -> Vec<u8> {
    // SAFETY: the caller passes a hook's argument, which is valid during the hook.
    unsafe { buffer.borrow() }.to_vec()
}

// === Logging ===

/// Writes a line into Envoy's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    // SAFETY: Envoy copies the message during the call.
    unsafe { envoy_dynamic_module_callback_log(level, Buffer::lend(message.as_bytes())) }
}

/// Returns true if Envoy writes lines of this level.
pub(crate) fn log_enabled(level: LogLevel) -> bool {
    // SAFETY: it only reads Envoy's log level.
    unsafe { envoy_dynamic_module_callback_log_enabled(level) }
}

/// Returns the number of workers. Call it on the main thread.
pub(crate) fn concurrency() -> u32 {
    // SAFETY: it only reads Envoy's options.
    unsafe { envoy_dynamic_module_callback_get_concurrency() }
}

fn result(code: u32) -> Result<(), CalloutError> {
    match code {
        SUCCESS => Ok(()),
        1 => Err(CalloutError::MissingRequiredHeaders),
        2 => Err(CalloutError::ClusterNotFound),
        3 => Err(CalloutError::DuplicateCalloutId),
        4 => Err(CalloutError::CannotCreateRequest),
        _ => Err(CalloutError::Unknown),
    }
}
