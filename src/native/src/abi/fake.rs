//! A small Envoy for tests: it implements the callbacks over plain memory, and calls hooks where the real one may.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::NonNull;

use super::{BodyBuffer, Buffer, Header, HeaderMap, LogLevel, hooks};

/// A callout's behaviour while it is being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnStart {
    /// The answer comes later.
    Wait,
    /// The stream resets before the start returns.
    Reset,
    /// Envoy refuses it.
    Refuse,
}

/// Envoy's side of one stream. Tests and hooks reach it through a raw pointer, as with the real one.
#[derive(Debug)]
pub(super) struct FakeFilter {
    pub(super) module: *const c_void,
    pub(super) state: RefCell<FakeState>,
}

#[derive(Debug)]
pub(super) struct FakeState {
    pub(super) request: Vec<(String, Vec<u8>)>,
    pub(super) response: Vec<(String, Vec<u8>)>,
    /// By the number of the body's type.
    pub(super) bodies: HashMap<u32, Vec<Vec<u8>>>,
    pub(super) filter_state: HashMap<String, Vec<u8>>,
    pub(super) replies: Vec<(u32, Vec<u8>)>,
    pub(super) events: Vec<String>,
    pub(super) on_start: OnStart,
    /// The stream completes and is destroyed inside the next answer, reset or resumption.
    pub(super) ends_inside: bool,
    /// Envoy lends no chunk of a body.
    pub(super) lends_nothing: bool,
    /// Envoy drains nothing from a body.
    pub(super) drains_nothing: bool,
    /// Envoy appends nothing to a body.
    pub(super) appends_nothing: bool,
    pub(super) next_id: u64,
    pub(super) destroyed: bool,
}

impl FakeFilter {
    pub(super) fn new() -> Box<Self> {
        let state = FakeState {
            request: Vec::new(),
            response: Vec::new(),
            bodies: HashMap::new(),
            filter_state: HashMap::new(),
            replies: Vec::new(),
            events: Vec::new(),
            on_start: OnStart::Wait,
            ends_inside: false,
            lends_nothing: false,
            drains_nothing: false,
            appends_nothing: false,
            next_id: 1,
            destroyed: false,
        };
        Box::new(Self { module: std::ptr::null(), state: RefCell::new(state) })
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Ends the stream as Envoy does: completion, access logs, destruction.
    pub(super) fn end(&self) {
        if std::mem::replace(&mut self.state.borrow_mut().destroyed, true) {
            return;
        }
        // SAFETY: the module's pointer is alive until the second call.
        unsafe {
            hooks::envoy_dynamic_module_on_http_filter_stream_complete(self.pointer(), self.module);
            hooks::envoy_dynamic_module_on_http_filter_destroy(self.module);
        }
    }

    fn event(&self, event: impl Into<String>) {
        assert!(!self.state.borrow().destroyed, "Envoy's side is gone");
        self.state.borrow_mut().events.push(event.into());
    }

    fn may_end(&self) {
        if self.state.borrow().ends_inside {
            self.end();
        }
    }
}

fn filter<'a>(pointer: NonNull<c_void>) -> &'a FakeFilter {
    // SAFETY: tests keep the filter until the stream has ended.
    let filter: &FakeFilter = unsafe { pointer.cast().as_ref() };
    assert!(!filter.state.borrow().destroyed, "the module used a stream that Envoy has destroyed");
    filter
}

fn bytes(buffer: Buffer) -> Vec<u8> {
    // SAFETY: the module lends it for this call.
    unsafe { buffer.borrow() }.to_vec()
}

fn text(buffer: Buffer) -> String {
    String::from_utf8(bytes(buffer)).unwrap()
}

fn pairs(headers: *const Header, count: usize) -> Vec<(String, Vec<u8>)> {
    // SAFETY: the module lends them for this call.
    unsafe { super::copy_headers(headers, count) }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log(_level: LogLevel, message: Buffer) {
    println!("{}", text(message));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log_enabled(_level: LogLevel) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_get_concurrency() -> u32 {
    1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_define_counter(
    _config: NonNull<c_void>,
    _name: Buffer,
    _label_names: *const Buffer,
    _labels: usize,
    id: *mut usize,
) -> u32 {
    // SAFETY: the module gives a place for one id.
    unsafe { *id = 1 };
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_increment_counter(
    pointer: NonNull<c_void>,
    _id: usize,
    _label_values: *const Buffer,
    _labels: usize,
    by: u64,
) -> u32 {
    // Counting follows the completion, at which the stream still exists.
    // SAFETY: tests keep the filter until the stream has ended.
    let filter: &FakeFilter = unsafe { pointer.cast().as_ref() };
    filter.state.borrow_mut().events.push(format!("count {by}"));
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_define_histogram(
    _config: NonNull<c_void>,
    name: Buffer,
    _label_names: *const Buffer,
    _labels: usize,
    id: *mut usize,
) -> u32 {
    let at = callgate_host::metrics::Histogram::ALL.iter().position(|histogram| histogram.name() == text(name));
    // SAFETY: the module gives a place for one id.
    unsafe { *id = at.unwrap() };
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_record_histogram_value(
    pointer: NonNull<c_void>,
    id: usize,
    _label_values: *const Buffer,
    _labels: usize,
    _value: u64,
) -> u32 {
    // As with counters.
    // SAFETY: tests keep the filter until the stream has ended.
    let filter: &FakeFilter = unsafe { pointer.cast().as_ref() };
    let name = callgate_host::metrics::Histogram::ALL[id].name();
    filter.state.borrow_mut().events.push(format!("record {name}"));
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_increment_counter(
    _config: NonNull<c_void>,
    _id: usize,
    _label_values: *const Buffer,
    _labels: usize,
    _by: u64,
) -> u32 {
    0
}

fn map(state: &mut FakeState, map: HeaderMap) -> &mut Vec<(String, Vec<u8>)> {
    match map {
        HeaderMap::Request => &mut state.request,
        HeaderMap::Response => &mut state.response,
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_headers_size(pointer: NonNull<c_void>, of: HeaderMap) -> usize {
    map(&mut filter(pointer).state.borrow_mut(), of).len()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_get_headers(
    pointer: NonNull<c_void>,
    of: HeaderMap,
    into: *mut Header,
) -> bool {
    for (index, (name, value)) in map(&mut filter(pointer).state.borrow_mut(), of).iter().enumerate() {
        // SAFETY: the module gives room for as many headers as it was told of.
        unsafe { into.add(index).write(Header::lend(name, value)) };
    }
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_set_header(
    pointer: NonNull<c_void>,
    of: HeaderMap,
    name: Buffer,
    value: Buffer,
) -> bool {
    let state = &mut *filter(pointer).state.borrow_mut();
    let (name, headers) = (text(name), map(state, of));
    headers.retain(|(candidate, _)| *candidate != name);
    if !value.pointer.is_null() {
        headers.push((name, bytes(value)));
    }
    true
}

fn number(body: BodyBuffer) -> u32 {
    body as u32
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_body_chunks_size(
    pointer: NonNull<c_void>,
    body: BodyBuffer,
) -> usize {
    filter(pointer).state.borrow().bodies.get(&number(body)).map_or(0, Vec::len)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_get_body_chunks(
    pointer: NonNull<c_void>,
    body: BodyBuffer,
    into: *mut Buffer,
) -> bool {
    if filter(pointer).state.borrow().lends_nothing {
        return false;
    }
    for (index, chunk) in filter(pointer).state.borrow().bodies.get(&number(body)).into_iter().flatten().enumerate() {
        // SAFETY: the module gives room for as many chunks as it was told of.
        unsafe { into.add(index).write(Buffer::lend(chunk)) };
    }
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_append_body(
    pointer: NonNull<c_void>,
    body: BodyBuffer,
    data: Buffer,
) -> bool {
    let mut state = filter(pointer).state.borrow_mut();
    if state.appends_nothing {
        return false;
    }
    state.bodies.entry(number(body)).or_default().push(bytes(data));
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_drain_body(
    pointer: NonNull<c_void>,
    body: BodyBuffer,
    count: usize,
) -> bool {
    let mut state = filter(pointer).state.borrow_mut();
    if state.drains_nothing {
        return false;
    }
    let whole = state.bodies.remove(&number(body)).unwrap_or_default().concat();
    state.bodies.insert(number(body), vec![whole.get(count..).unwrap_or_default().to_vec()]);
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
    pointer: NonNull<c_void>,
    key: Buffer,
    value: Buffer,
) -> bool {
    // SAFETY: tests keep the filter until the stream has ended; access logs follow the completion.
    let filter: &FakeFilter = unsafe { pointer.cast().as_ref() };
    filter.state.borrow_mut().filter_state.insert(text(key), bytes(value));
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_filter_state_bytes(
    _pointer: NonNull<c_void>,
    _key: Buffer,
    _value: *mut Buffer,
) -> bool {
    false
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_send_response(
    pointer: NonNull<c_void>,
    status: u32,
    _headers: *const Header,
    _count: usize,
    body: Buffer,
    _details: Buffer,
) {
    let filter = filter(pointer);
    filter.state.borrow_mut().replies.push((status, bytes(body)));
    filter.event(format!("reply {status}"));
    filter.may_end();
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_reset_stream(
    pointer: NonNull<c_void>,
    _reason: u32,
    _details: Buffer,
) {
    filter(pointer).event("reset");
    filter(pointer).may_end();
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_continue_encoding(pointer: NonNull<c_void>) {
    filter(pointer).event("continue");
    filter(pointer).may_end();
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_continue_decoding(pointer: NonNull<c_void>) {
    filter(pointer).event("continue request");
    filter(pointer).may_end();
}

/// Starts a callout: writes its id first, as Envoy does.
fn start(pointer: NonNull<c_void>, id: *mut u64, what: &str, reset: impl FnOnce(&FakeFilter, u64)) -> u32 {
    let filter = filter(pointer);
    let (own, on_start) = {
        let mut state = filter.state.borrow_mut();
        let own = state.next_id;
        state.next_id += 1;
        (own, state.on_start)
    };
    if on_start == OnStart::Refuse {
        return 4;
    }
    // SAFETY: the module gives a place for one id.
    unsafe { *id = own };
    filter.event(format!("{what} {own}"));
    if on_start == OnStart::Reset {
        reset(filter, own);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_http_callout(
    pointer: NonNull<c_void>,
    id: *mut u64,
    _cluster: Buffer,
    headers: *const Header,
    count: usize,
    _body: Buffer,
    _timeout_milliseconds: u64,
) -> u32 {
    assert!(pairs(headers, count).iter().any(|(name, _)| name == ":path"));
    start(pointer, id, "ask", |filter, id| {
        let nothing = std::ptr::null();
        // SAFETY: the stream is alive.
        unsafe {
            hooks::envoy_dynamic_module_on_http_filter_http_callout_done(
                filter.pointer(),
                filter.module,
                id,
                1,
                nothing,
                0,
                std::ptr::null(),
                0,
            );
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_start_http_stream(
    pointer: NonNull<c_void>,
    id: *mut u64,
    _cluster: Buffer,
    headers: *const Header,
    count: usize,
    _body: Buffer,
    _end_stream: bool,
    _timeout_milliseconds: u64,
) -> u32 {
    assert!(pairs(headers, count).iter().any(|(name, value)| name == "te" && value == b"trailers"));
    start(pointer, id, "run", |filter, id| {
        // SAFETY: the stream is alive.
        unsafe {
            hooks::envoy_dynamic_module_on_http_filter_http_stream_reset(filter.pointer(), filter.module, id, 0);
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_reset_http_stream(pointer: NonNull<c_void>, id: u64) {
    let filter = filter(pointer);
    filter.event(format!("cancel {id}"));
    // SAFETY: the stream is alive.
    unsafe { hooks::envoy_dynamic_module_on_http_filter_http_stream_reset(filter.pointer(), filter.module, id, 0) };
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_start_http_stream(
    _config: NonNull<c_void>,
    _id: *mut u64,
    _cluster: Buffer,
    _headers: *const Header,
    _count: usize,
    _body: Buffer,
    _end_stream: bool,
    _timeout_milliseconds: u64,
) -> u32 {
    2
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_get_worker_index(_pointer: NonNull<c_void>) -> u32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_new(_pointer: NonNull<c_void>) -> *mut c_void {
    Box::into_raw(Box::new(0_u64)).cast()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_commit(_scheduler: NonNull<c_void>, _event: u64) {}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: NonNull<c_void>) {
    // SAFETY: made by `scheduler_new`, and freed once.
    drop(unsafe { Box::from_raw(scheduler.cast::<u64>().as_ptr()) });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(_config: NonNull<c_void>) -> *mut c_void {
    Box::into_raw(Box::new(0_u64)).cast()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(_scheduler: NonNull<c_void>, _: u64) {}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: NonNull<c_void>) {
    // SAFETY: made by `scheduler_new`, and freed once.
    drop(unsafe { Box::from_raw(scheduler.cast::<u64>().as_ptr()) });
}
