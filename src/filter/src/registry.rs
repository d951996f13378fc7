//! The live exchanges of a worker: the root context's ticks reach them here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::host::{act_for, now};
use crate::live::Live;

/// Exchanges by the id of their stream's context.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    live: RefCell<HashMap<u32, Weak<RefCell<Live>>>>,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn add(&self, context_id: u32, live: &Rc<RefCell<Live>>) {
        self.live.borrow_mut().insert(context_id, Rc::downgrade(live));
    }

    pub(crate) fn remove(&self, context_id: u32) {
        self.live.borrow_mut().remove(&context_id);
    }

    /// Passes the time to every exchange. Call it in a callback of the root context `root` only.
    pub(crate) fn tick(&self, root: u32) {
        let now = now();
        let live: Vec<_> = self.live.borrow().iter().filter_map(|(id, live)| Some((*id, live.upgrade()?))).collect();
        for (context_id, live) in live {
            let Ok(mut live) = live.try_borrow_mut() else { continue };
            if let Some(effect) = live.tick(now) {
                // From here on, calls of the host concern this stream.
                if act_for(context_id) {
                    live.on_tick(effect);
                }
            }
        }
        let _ = act_for(root);
    }
}
