//! Envoy's object of one filter configuration. On the main thread only.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::*;

impl ConfigPtr {
    pub(crate) fn new(pointer: *mut c_void) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// Defines a counter, and returns its id. Only while the configuration is being read.
    pub(crate) fn define_counter(self, name: &str) -> Option<usize> {
        let mut id = 0;
        // SAFETY: the pointer is alive; Envoy copies the name and writes one id.
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_config_define_counter(
                self.0,
                Buffer::lend(name.as_bytes()),
                std::ptr::null(),
                0,
                &raw mut id,
            )
        };
        (result == SUCCESS).then_some(id)
    }

    /// Defines a histogram, and returns its id. Only while the configuration is being read.
    pub(crate) fn define_histogram(self, name: &str) -> Option<usize> {
        let mut id = 0;
        // SAFETY: the pointer is alive; Envoy copies the name and writes one id.
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_config_define_histogram(
                self.0,
                Buffer::lend(name.as_bytes()),
                std::ptr::null(),
                0,
                &raw mut id,
            )
        };
        (result == SUCCESS).then_some(id)
    }

    /// Adds to a counter.
    pub(crate) fn count(self, id: usize, by: u64) {
        // SAFETY: the pointer is alive; the counter has no labels.
        unsafe {
            envoy_dynamic_module_callback_http_filter_config_increment_counter(self.0, id, std::ptr::null(), 0, by);
        }
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
            envoy_dynamic_module_callback_http_filter_config_start_http_stream(
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

    /// Creates a scheduler of the configuration's hooks.
    pub(crate) fn scheduler(self) -> Option<ConfigScheduler> {
        // SAFETY: the pointer is alive.
        let scheduler = unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_new(self.0) };
        NonNull::new(scheduler).map(ConfigScheduler)
    }
}
