//! Envoy's object of one stream. On the stream's own thread only.

use std::ffi::c_void;
use std::ptr::NonNull;

use callgate_engine::Headers;

use super::*;

/// So many headers are read without an allocation.
const FEW_HEADERS: usize = 40;

impl FilterPtr {
    pub(crate) fn new(pointer: *mut c_void) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// Returns the index of the stream's worker.
    pub(crate) fn worker_index(self) -> u32 {
        // SAFETY: the pointer is alive (see the module).
        unsafe { envoy_dynamic_module_callback_http_filter_get_worker_index(self.0) }
    }

    /// Adds to a counter.
    pub(crate) fn count(self, id: usize, by: u64) {
        // SAFETY: the pointer is alive; the counter has no labels.
        unsafe { envoy_dynamic_module_callback_http_filter_increment_counter(self.0, id, std::ptr::null(), 0, by) };
    }

    /// Adds a value to a histogram.
    pub(crate) fn record(self, id: usize, value: u64) {
        // SAFETY: the pointer is alive; the histogram has no labels.
        unsafe {
            envoy_dynamic_module_callback_http_filter_record_histogram_value(self.0, id, std::ptr::null(), 0, value);
        }
    }

    /// Passes all headers to `read`, borrowed. `read` must not write to these headers before it has read them.
    pub(crate) fn with_headers<T>(self, map: HeaderMap, read: impl FnOnce(&Headers<'_>) -> T) -> T {
        let mut few = [Header::EMPTY; FEW_HEADERS];
        let mut many = Vec::new();
        // SAFETY: the pointer is alive.
        let count = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.0, map) };
        let headers = if count <= FEW_HEADERS {
            few.get_mut(..count).unwrap_or_default()
        } else {
            many.resize(count, Header::EMPTY);
            many.as_mut_slice()
        };
        // SAFETY: Envoy writes as many headers as it said there are, and nothing changed them in between.
        if count == 0 || !unsafe { envoy_dynamic_module_callback_http_get_headers(self.0, map, headers.as_mut_ptr()) } {
            return read(&[]);
        }
        let mut few = [("", &b""[..]); FEW_HEADERS];
        if let Some(pairs) = few.get_mut(..count) {
            // SAFETY: Envoy lends the headers until the next write to them, which follows the reading.
            pairs.iter_mut().zip(&*headers).for_each(|(pair, header)| *pair = unsafe { header.borrow() });
            return read(pairs);
        }
        // SAFETY: as above.
        let pairs: Vec<_> = headers.iter().map(|header| unsafe { header.borrow() }).collect();
        read(&pairs)
    }

    /// Sets a header, or removes it.
    pub(crate) fn set_header(self, map: HeaderMap, name: &str, value: Option<&str>) {
        let value = value.map_or(Buffer::EMPTY, |value| Buffer::lend(value.as_bytes()));
        // SAFETY: the pointer is alive; Envoy copies name and value during the call.
        unsafe { envoy_dynamic_module_callback_http_set_header(self.0, map, Buffer::lend(name.as_bytes()), value) };
    }

    /// Passes the body's bytes to `read`: borrowed if they are one chunk, as they mostly are, else copied into one. `read` must not
    /// write to this body before it has read the bytes. Returns `None` if Envoy does not lend a body that it has.
    pub(crate) fn with_body<T>(self, body: BodyBuffer, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        // SAFETY: the pointer is alive.
        let count = unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.0, body) };
        let mut one = [Buffer::EMPTY];
        let mut many = Vec::new();
        let chunks = if count <= 1 {
            one.get_mut(..count).unwrap_or_default()
        } else {
            many.resize(count, Buffer::EMPTY);
            many.as_mut_slice()
        };
        if count == 0 {
            return Some(read(&[]));
        }
        // SAFETY: Envoy writes as many chunks as it said there are.
        if !unsafe { envoy_dynamic_module_callback_http_get_body_chunks(self.0, body, chunks.as_mut_ptr()) } {
            return None;
        }
        Some(match chunks {
            // SAFETY: Envoy lends the chunk until the next write to this body, which follows the reading.
            [chunk] => read(unsafe { chunk.borrow() }),
            chunks => {
                let mut whole = Vec::with_capacity(chunks.iter().map(|chunk| chunk.length).sum());
                // SAFETY: as above.
                chunks.iter().for_each(|chunk| whole.extend_from_slice(unsafe { chunk.borrow() }));
                read(&whole)
            }
        })
    }

    /// Appends bytes to a body. Returns false if they are not there.
    #[must_use]
    pub(crate) fn append_body(self, body: BodyBuffer, bytes: &[u8]) -> bool {
        // SAFETY: the pointer is alive; Envoy copies the bytes during the call.
        unsafe { envoy_dynamic_module_callback_http_append_body(self.0, body, Buffer::lend(bytes)) }
    }

    /// Drops bytes from the beginning of a body. Returns false if they are still there.
    #[must_use]
    pub(crate) fn drain_body(self, body: BodyBuffer, bytes: usize) -> bool {
        // SAFETY: the pointer is alive; Envoy bounds the number by the body's length.
        unsafe { envoy_dynamic_module_callback_http_drain_body(self.0, body, bytes) }
    }

    /// Leaves a value in filter state.
    pub(crate) fn set_filter_state(self, key: &str, value: &str) {
        // SAFETY: the pointer is alive; Envoy copies key and value during the call.
        unsafe {
            envoy_dynamic_module_callback_http_set_filter_state_bytes(
                self.0,
                Buffer::lend(key.as_bytes()),
                Buffer::lend(value.as_bytes()),
            );
        }
    }

    /// Copies a value out of filter state.
    pub(crate) fn filter_state(self, key: &str) -> Option<Vec<u8>> {
        let mut value = Buffer::EMPTY;
        // SAFETY: the pointer is alive; Envoy writes one buffer.
        let found = unsafe {
            envoy_dynamic_module_callback_http_get_filter_state_bytes(
                self.0,
                Buffer::lend(key.as_bytes()),
                &raw mut value,
            )
        };
        // SAFETY: Envoy lends the value until the next write, which comes after the copy.
        found.then(|| unsafe { copy(value) })
    }

    /// Answers the stream. Envoy may end it before this returns.
    pub(crate) fn send_response(self, status: u16, headers: &[Header], body: &[u8]) {
        // SAFETY: the pointer is alive; Envoy copies headers and body during the call.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                status.into(),
                headers.as_ptr(),
                headers.len(),
                Buffer::lend(body),
                Buffer::lend(b"callgate"),
            );
        }
    }

    /// Resets the stream. Envoy may end it before this returns.
    pub(crate) fn reset_stream(self) {
        const LOCAL_RESET: u32 = 0;
        // SAFETY: the pointer is alive.
        unsafe {
            envoy_dynamic_module_callback_http_filter_reset_stream(self.0, LOCAL_RESET, Buffer::lend(b"callgate"))
        }
    }

    /// Releases the held response. Envoy may end the stream before this returns.
    pub(crate) fn continue_encoding(self) {
        // SAFETY: the pointer is alive.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_encoding(self.0) }
    }

    /// Releases the held request. Envoy may end the stream before this returns.
    pub(crate) fn continue_decoding(self) {
        // SAFETY: the pointer is alive.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_decoding(self.0) }
    }

    /// Sends a whole request to a cluster; the answer comes whole. Writes its id to `id` before any hook of it runs.
    pub(crate) fn http_callout(
        self,
        id: &mut u64,
        cluster: &str,
        headers: &[Header],
        body: &[u8],
        timeout_milliseconds: u64,
    ) -> Result<(), CalloutError> {
        // SAFETY: the pointer is alive; Envoy copies headers and body during the call.
        result(unsafe {
            envoy_dynamic_module_callback_http_filter_http_callout(
                self.0,
                id,
                Buffer::lend(cluster.as_bytes()),
                headers.as_ptr(),
                headers.len(),
                Buffer::lend(body),
                timeout_milliseconds,
            )
        })
    }

    /// Starts a stream to a cluster, with a whole request. Writes its id to `id` before any hook of it runs.
    pub(crate) fn start_http_stream(
        self,
        id: &mut u64,
        cluster: &str,
        headers: &[Header],
        body: &[u8],
        timeout_milliseconds: u64,
    ) -> Result<(), CalloutError> {
        // SAFETY: the pointer is alive; Envoy copies headers and body during the call.
        result(unsafe {
            envoy_dynamic_module_callback_http_filter_start_http_stream(
                self.0,
                id,
                Buffer::lend(cluster.as_bytes()),
                headers.as_ptr(),
                headers.len(),
                Buffer::lend(body),
                true,
                timeout_milliseconds,
            )
        })
    }

    /// Resets a stream to a cluster. Its reset hook runs before this returns.
    pub(crate) fn reset_http_stream(self, id: u64) {
        // SAFETY: the pointer is alive; Envoy ignores an unknown id.
        unsafe { envoy_dynamic_module_callback_http_filter_reset_http_stream(self.0, id) }
    }

    /// Creates a scheduler of the stream's hooks.
    pub(crate) fn scheduler(self) -> Option<StreamScheduler> {
        // SAFETY: the pointer is alive.
        let scheduler = unsafe { envoy_dynamic_module_callback_http_filter_scheduler_new(self.0) };
        NonNull::new(scheduler).map(StreamScheduler)
    }
}
