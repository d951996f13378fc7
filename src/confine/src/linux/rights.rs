//! Rights that the program does not get, and its bounds.

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
};

use super::step;
use crate::{ConfineError, Confinement};

/// The most bytes of one file.
const FILE_BYTES: u64 = 1 << 30;

/// Sets the bounds, and gives up every capability for good.
pub(super) fn give_up(confinement: &Confinement) -> Result<(), ConfineError> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Data, confinement.memory),
        (Resource::Nproc, confinement.processes),
        (Resource::Nofile, confinement.open_files),
        (Resource::Fsize, FILE_BYTES),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        step("set a bound", setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }))?;
    }
    for capability in CapabilitySet::all().iter() {
        // Older kernels do not know the newest ones, which nobody has there.
        let _ = remove_capability_from_bounding_set(capability);
    }
    step("give up ambient capabilities", clear_ambient_capability_set())?;
    let none = CapabilitySet::empty();
    step(
        "give up capabilities",
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }),
    )
}
