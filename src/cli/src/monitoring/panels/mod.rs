//! The panels, in the order of the questions at night: is it broken, where, and why.

mod executor;
mod gate;
mod overview;
mod parts;

use super::panel::Panel;

/// A row of the dashboard.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) collapsed: bool,
    pub(super) panels: &'static [Panel],
}

/// The rows, from the top.
pub(super) const SECTIONS: &[Section] = &[
    Section { title: "Now", collapsed: false, panels: overview::PANELS },
    Section { title: "Gate", collapsed: false, panels: gate::PANELS },
    Section { title: "Executor", collapsed: false, panels: executor::PANELS },
    Section { title: "Executor: stores, approvals, ports", collapsed: false, panels: parts::PANELS },
    Section { title: "Usage and roll-out", collapsed: true, panels: gate::USAGE },
];
