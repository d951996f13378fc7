//! The fates of the calls in a list: each item of the list with the decision on it, in the order the client sees.

use crate::{Call, Fate, ReleasePolicy};

/// An item of a list, once the calls of the list are decided.
#[derive(Debug)]
pub(crate) enum Settled<T> {
    /// An item without a call.
    Other(T),
    /// A call the client gets, with the item it stood in.
    Kept(T, Call),
    /// A text of ours in place of a call.
    Notice(String),
}

// === impl Settled ===

impl<T> Settled<T> {
    /// Returns true for a call, and for the text in place of one.
    pub(crate) fn is_of_call(&self) -> bool {
        matches!(self, Settled::Kept(..) | Settled::Notice(_))
    }

    /// Returns true for a text of ours.
    pub(crate) fn is_notice(&self) -> bool {
        matches!(self, Settled::Notice(_))
    }
}

/// Gives each call its fate, in order. A call without a fate is left out. If calls are released with the turn, the items that
/// `wait` come after all others, as in a stream.
pub(crate) fn settle<T>(
    items: impl IntoIterator<Item = (T, bool)>,
    fates: Vec<Fate>,
    policy: ReleasePolicy,
    waits: fn(&Settled<T>) -> bool,
) -> Vec<Settled<T>> {
    let mut fates = fates.into_iter();
    let (mut list, mut last) = (Vec::new(), Vec::new());
    for (item, is_call) in items {
        let settled = match is_call {
            false => Settled::Other(item),
            true => match fates.next() {
                Some(Fate::Keep(call)) => Settled::Kept(item, call),
                Some(Fate::Replace(text)) => Settled::Notice(text),
                None => continue,
            },
        };
        let is_last = policy == ReleasePolicy::Turn && waits(&settled);
        if is_last { last.push(settled) } else { list.push(settled) }
    }
    list.append(&mut last);
    list
}
