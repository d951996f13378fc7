//! The hooks: functions that Envoy calls. Each runs in [`guard`], so no panic crosses the ABI.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use callgate_engine::CallFailed;
use callgate_host::OwnedReply;

use super::{Buffer, ConfigPtr, FilterPtr, Header, about, copy, copy_chunks, copy_headers};
use crate::grpc::Answer;
use crate::logger;
use crate::plugin::Plugin;
use crate::stream::{Status, Stream};

/// `envoy_dynamic_module_type_on_http_filter_*_headers_status`, and `…_trailers_status`.
const CONTINUE: u32 = 0;
const STOP_ITERATION: u32 = 1;
/// `envoy_dynamic_module_type_on_http_filter_*_body_status`: the engine has the bytes.
const STOP_ITERATION_NO_BUFFER: u32 = 3;
/// `envoy_dynamic_module_type_http_callout_result`.
const CALLOUT_SUCCESS: u32 = 0;

/// Runs a hook. A panic is reported, and ends nothing but the hook.
fn guard<T>(run: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(run));
    if result.is_err() {
        // The panic's own message is on the standard error output.
        let _ = catch_unwind(|| log::error!("callgate: a panic in a hook of the module; the stream is refused"));
    }
    result.ok()
}

/// Runs a hook of a stream. After a panic the stream is refused, and none of its later hooks runs.
///
/// The stream lives until the hook returns, also if Envoy destroys it meanwhile.
///
/// # Safety
/// `module` is the pointer that `on_http_filter_new` returned, and Envoy has not destroyed it.
unsafe fn with<T>(module: *const c_void, otherwise: T, run: impl FnOnce(&Stream) -> T) -> T {
    let pointer = module.cast::<Stream>();
    // SAFETY: the pointer comes from `Rc::into_raw`, on this thread, and Envoy's count of one is still there.
    let stream = unsafe {
        Rc::increment_strong_count(pointer);
        Rc::from_raw(pointer)
    };
    if stream.is_broken() {
        return otherwise;
    }
    guard(|| run(&stream)).unwrap_or_else(|| {
        guard(|| stream.on_panic());
        otherwise
    })
}

/// Runs a hook of a configuration.
///
/// # Safety
/// `module` is the pointer that `on_http_filter_config_new` returned, and Envoy has not destroyed it.
unsafe fn with_plugin<T>(module: *const c_void, run: impl FnOnce(&Plugin) -> T) -> Option<T> {
    let pointer = module.cast::<Plugin>();
    // SAFETY: the pointer comes from `Arc::into_raw`, and Envoy's count of one is still there.
    let plugin = unsafe {
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    };
    guard(|| run(&plugin))
}

fn head(status: Status) -> u32 {
    if status == Status::Continue { CONTINUE } else { STOP_ITERATION }
}

fn body(status: Status) -> u32 {
    if status == Status::Continue { CONTINUE } else { STOP_ITERATION_NO_BUFFER }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    guard(|| {
        logger::install();
        log::info!("{}", about::line());
    });
    about::abi_version().as_ptr()
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    config: *mut c_void,
    _name: Buffer,
    bytes: Buffer,
) -> *const c_void {
    guard(|| {
        // SAFETY: the argument of this hook.
        let bytes = unsafe { copy(bytes) };
        match Plugin::new(ConfigPtr::new(config)?, &bytes) {
            Ok(plugin) => Some(Arc::into_raw(Arc::new(plugin)).cast()),
            Err(error) => {
                log::error!("callgate: configuration refused: {error}");
                None
            }
        }
    })
    .flatten()
    .unwrap_or(std::ptr::null())
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(module: *const c_void) {
    // SAFETY: Envoy gives its count of one back.
    let plugin = unsafe { Arc::from_raw(module.cast::<Plugin>()) };
    guard(|| plugin.end());
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    _config: *mut c_void,
    module: *const c_void,
    _event: u64,
) {
    // SAFETY: the argument of this hook.
    unsafe { with_plugin(module, Plugin::on_tick) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    module: *const c_void,
    filter: *mut c_void,
) -> *const c_void {
    // SAFETY: the argument of this hook.
    let stream = unsafe { with_plugin(module, |plugin| Stream::new(plugin, FilterPtr::new(filter)?)) };
    stream.flatten().map_or(std::ptr::null(), |stream| Rc::into_raw(stream).cast())
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(module: *const c_void) {
    // SAFETY: Envoy gives its count of one back. A hook under way holds another.
    let stream = unsafe { Rc::from_raw(module.cast::<Stream>()) };
    guard(|| stream.on_destroy());
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    _filter: *mut c_void,
    module: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the argument of this hook.
    head(unsafe { with(module, Status::Stop, |stream| stream.on_request_headers(end)) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    _filter: *mut c_void,
    module: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the argument of this hook.
    body(unsafe { with(module, Status::Stop, |stream| stream.on_request_body(end)) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    _filter: *mut c_void,
    module: *const c_void,
) -> u32 {
    // SAFETY: the argument of this hook.
    head(unsafe { with(module, Status::Stop, Stream::on_request_trailers) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    _filter: *mut c_void,
    module: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the argument of this hook.
    head(unsafe { with(module, Status::Stop, |stream| stream.on_response_headers(end)) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    _filter: *mut c_void,
    module: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the argument of this hook.
    body(unsafe { with(module, Status::Stop, |stream| stream.on_response_body(end)) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    _filter: *mut c_void,
    module: *const c_void,
) -> u32 {
    // SAFETY: the argument of this hook.
    head(unsafe { with(module, Status::Stop, Stream::on_response_trailers) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(
    _filter: *mut c_void,
    module: *const c_void,
) {
    // SAFETY: the argument of this hook.
    unsafe { with(module, (), Stream::on_complete) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    _filter: *mut c_void,
    module: *const c_void,
    _event: u64,
) {
    // SAFETY: the argument of this hook.
    unsafe { with(module, (), Stream::on_tick) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_callout_done(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
    result: u32,
    headers: *const Header,
    headers_count: usize,
    chunks: *const Buffer,
    chunks_count: usize,
) {
    // SAFETY: the arguments of this hook.
    unsafe {
        with(module, (), |stream| {
            let reply = if result == CALLOUT_SUCCESS {
                let mut body = Vec::new();
                copy_chunks(chunks, chunks_count, &mut body);
                Ok(OwnedReply { headers: copy_headers(headers, headers_count), body })
            } else {
                Err(CallFailed::Unreachable)
            };
            stream.on_model_end(id, reply);
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_headers(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
    headers: *const Header,
    count: usize,
    _end: bool,
) {
    // SAFETY: the arguments of this hook.
    unsafe {
        with(module, (), |stream| stream.on_calls_part(id, |answer| answer.headers(&copy_headers(headers, count))))
    };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_data(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
    chunks: *const Buffer,
    count: usize,
    _end: bool,
) {
    // SAFETY: the arguments of this hook.
    unsafe { with(module, (), |stream| stream.on_calls_part(id, |answer| data(answer, chunks, count))) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_trailers(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
    trailers: *const Header,
    count: usize,
) {
    // SAFETY: the arguments of this hook.
    unsafe {
        with(module, (), |stream| stream.on_calls_part(id, |answer| answer.trailers(&copy_headers(trailers, count))))
    };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_complete(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
) {
    // SAFETY: the argument of this hook.
    unsafe { with(module, (), |stream| stream.on_calls_end(id, true)) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_reset(
    _filter: *mut c_void,
    module: *const c_void,
    id: u64,
    _reason: u32,
) {
    // SAFETY: the argument of this hook.
    unsafe { with(module, (), |stream| stream.on_calls_end(id, false)) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_headers(
    _config: *mut c_void,
    module: *const c_void,
    id: u64,
    headers: *const Header,
    count: usize,
    _end: bool,
) {
    // SAFETY: the arguments of this hook.
    unsafe { part(module, id, |answer| answer.headers(&copy_headers(headers, count))) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_data(
    _config: *mut c_void,
    module: *const c_void,
    id: u64,
    chunks: *const Buffer,
    count: usize,
    _end: bool,
) {
    // SAFETY: the arguments of this hook.
    unsafe { part(module, id, |answer| data(answer, chunks, count)) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_trailers(
    _config: *mut c_void,
    module: *const c_void,
    id: u64,
    trailers: *const Header,
    count: usize,
) {
    // SAFETY: the arguments of this hook.
    unsafe { part(module, id, |answer| answer.trailers(&copy_headers(trailers, count))) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_complete(
    _config: *mut c_void,
    module: *const c_void,
    id: u64,
) {
    // SAFETY: the argument of this hook.
    unsafe { with_plugin(module, |plugin| plugin.on_record_end(id, true)) };
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_reset(
    _config: *mut c_void,
    module: *const c_void,
    id: u64,
    _reason: u32,
) {
    // SAFETY: the argument of this hook.
    unsafe { with_plugin(module, |plugin| plugin.on_record_end(id, false)) };
}

/// Hooks that the gate does not need, and that Envoy requires: it is not a terminal filter.
#[unsafe(no_mangle)]
pub(super) extern "C" fn envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(
    _filter: *mut c_void,
    _module: *const c_void,
) {
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(
    _filter: *mut c_void,
    _module: *const c_void,
) {
}

/// Passes a part of the executor's answer to the delivery that awaits it.
///
/// # Safety
/// As [`with_plugin`].
unsafe fn part(module: *const c_void, id: u64, take: impl FnOnce(&mut Answer)) {
    // SAFETY: passed on.
    unsafe {
        with_plugin(module, |plugin| {
            if let Some(delivery) = plugin.delivery(id) {
                delivery.part(id, take);
            }
        });
    }
}

/// Appends a hook's chunks to an answer.
///
/// # Safety
/// As [`copy_chunks`].
unsafe fn data(answer: &mut Answer, chunks: *const Buffer, count: usize) {
    // SAFETY: passed on.
    answer.data(|into| unsafe { copy_chunks(chunks, count, into) });
}
