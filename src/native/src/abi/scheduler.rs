//! Schedulers: they run hooks later, and may be used on any thread.

use super::*;

impl StreamScheduler {
    /// Runs `on_http_filter_scheduled` on the stream's thread, unless the stream has ended by then.
    pub(crate) fn commit(&self) {
        // SAFETY: the scheduler is alive until it is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, 0) }
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        // SAFETY: it is freed once.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) }
    }
}

impl ConfigScheduler {
    /// Runs `on_http_filter_config_scheduled` on the main thread.
    pub(crate) fn commit(&self) {
        // SAFETY: the scheduler is alive until it is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_commit(self.0, 0) }
    }
}

impl Drop for ConfigScheduler {
    fn drop(&mut self) {
        // SAFETY: it is freed once.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_delete(self.0) }
    }
}
