//! The live exchanges of a worker: the root context's ticks reach them here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use callgate_host::LiveExchange;

use crate::host::{self, Stream};

/// Exchanges by the id of their stream's context.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    live: RefCell<HashMap<u32, (Weak<LiveExchange>, Stream)>>,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn add(&self, context_id: u32, live: &Rc<LiveExchange>, stream: &Stream) {
        self.live.borrow_mut().insert(context_id, (Rc::downgrade(live), stream.clone()));
    }

    pub(crate) fn remove(&self, context_id: u32) {
        self.live.borrow_mut().remove(&context_id);
    }

    /// Passes the time to every exchange. Call it in a callback of the root context `root` only.
    pub(crate) fn tick(&self, root: u32) {
        let live: Vec<_> = self
            .live
            .borrow()
            .iter()
            .filter_map(|(id, (live, stream))| Some((*id, live.upgrade()?, stream.clone())))
            .collect();
        for (context_id, live, stream) in live {
            // From here on, calls of the host concern this stream.
            if host::act_for(context_id) {
                host::take(live.on_tick(&stream));
            }
        }
        let _ = host::act_for(root);
    }
}
