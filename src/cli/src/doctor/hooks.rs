//! The names of the ABI (`source/extensions/dynamic_modules/abi/abi.h` in Envoy's repository).

/// The prefix of functions that Envoy exports.
pub(crate) const CALLBACK: &str = "envoy_dynamic_module_callback_";

/// The prefix of functions that a module exports.
pub(crate) const HOOK: &str = "envoy_dynamic_module_on_";

/// The hooks without which Envoy 1.40 refuses an HTTP filter (`newDynamicModuleHttpFilterConfig` in
/// `source/extensions/filters/http/dynamic_modules/filter_config.cc`), without [`HOOK`].
pub(crate) const REQUIRED: [&str; 21] = [
    "program_init",
    "http_filter_config_new",
    "http_filter_config_destroy",
    "http_filter_new",
    "http_filter_request_headers",
    "http_filter_request_body",
    "http_filter_request_trailers",
    "http_filter_response_headers",
    "http_filter_response_body",
    "http_filter_response_trailers",
    "http_filter_stream_complete",
    "http_filter_destroy",
    "http_filter_http_callout_done",
    "http_filter_http_stream_headers",
    "http_filter_http_stream_data",
    "http_filter_http_stream_trailers",
    "http_filter_http_stream_complete",
    "http_filter_http_stream_reset",
    "http_filter_scheduled",
    "http_filter_downstream_above_write_buffer_high_watermark",
    "http_filter_downstream_below_write_buffer_low_watermark",
];
