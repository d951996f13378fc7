//! Which call a fragment belongs to.
//!
//! By its `index`; where that is missing, by its `id`, else a new `id` or a second name opens a new slot, else it is the last
//! one. Some servers give every call the index 0: a fragment with another id *and* a name is then a new call as well. An id that
//! changes without a name (some servers draw one for each fragment) is not.

use super::shape::RawCall;
use crate::Form;
use crate::shape::MAX_CALLS;

/// The calls of one choice that have begun.
#[derive(Debug, Default)]
pub(super) struct Slots {
    begun: Vec<Slot>,
    last: usize,
}

#[derive(Debug)]
struct Slot {
    number: u32,
    form: Form,
    index: Option<u32>,
    id: String,
    named: bool,
}

impl Slots {
    /// The slot's number, and whether the fragment's `id` is the call's (the first that it has). `None` when the
    /// choice has more calls than can be.
    pub(super) fn place(&mut self, form: Form, fragment: &RawCall<'_>) -> Option<(u32, bool)> {
        let position = match self.find(form, fragment).filter(|&at| !self.begins_another(at, fragment)) {
            Some(position) => position,
            None => self.open(form, fragment.index)?,
        };
        self.last = position;
        let slot = self.begun.get_mut(position)?;
        slot.named |= !fragment.name.is_empty();
        let first_id = slot.id.is_empty() && !fragment.id.is_empty();
        if first_id {
            fragment.id.clone_into(&mut slot.id);
        }
        Some((slot.number, first_id))
    }

    fn find(&self, form: Form, fragment: &RawCall<'_>) -> Option<usize> {
        // The newest counts: a reused index means the call that last began under it.
        let newest =
            |wanted: &dyn Fn(&Slot) -> bool| self.begun.iter().rposition(|slot| slot.form == form && wanted(slot));
        match (form, fragment.index) {
            (Form::Function, _) => newest(&|_| true),
            (_, Some(index)) => newest(&|slot| slot.index == Some(index)),
            (_, None) if !fragment.id.is_empty() => newest(&|slot| slot.id == fragment.id),
            (_, None) => Some(self.last).filter(|&last| self.begun.get(last).is_some_and(|slot| slot.form == form)),
        }
    }

    fn begins_another(&self, position: usize, fragment: &RawCall<'_>) -> bool {
        let Some(slot) = self.begun.get(position) else { return true };
        if fragment.name.is_empty() || !slot.named || slot.form == Form::Function {
            return false;
        }
        let other_id = !fragment.id.is_empty() && !slot.id.is_empty() && fragment.id != slot.id;
        let no_key = fragment.index.is_none() && fragment.id.is_empty();
        other_id || no_key
    }

    fn open(&mut self, form: Form, index: Option<u32>) -> Option<usize> {
        if self.begun.len() == MAX_CALLS {
            return None;
        }
        let taken = |number: u32| self.begun.iter().any(|slot| slot.number == number);
        let number = match index.filter(|&index| !taken(index)) {
            Some(index) => index,
            None => match self.begun.iter().map(|slot| slot.number).max() {
                Some(highest) => highest.checked_add(1)?,
                None => 0,
            },
        };
        self.begun.push(Slot { number, form, index, id: String::new(), named: false });
        Some(self.begun.len() - 1)
    }
}
