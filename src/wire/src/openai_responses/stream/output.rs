//! The output of a streamed response: the items so far, in the order of their starts, and the forwarded ones.
//!
//! An event names its item by an id and by a place. Servers that imitate the API leave one of them out, give one place to two
//! items, or draw another id for each event. So an item is found by its id, else by its place, else as the last one, and only
//! among those under way and of the event's kind.

use callgate_json::Value;

use super::event::ItemRef;
use super::open_call::OpenResponseCall;
use crate::checks::MAX_CALLS;
use crate::openai_responses::call_items::ItemCall;
use crate::openai_responses::items;
use crate::{Call, ShapeError, StreamError};

/// The most items in one response, far above the numbers of APIs: finding one stays cheap.
const MAX_ITEMS: usize = 2 * MAX_CALLS;

/// Both sides of an output.
#[derive(Debug, Default)]
pub(super) struct StreamedOutput {
    read: Vec<OutputEntry>,
    calls: usize,
    /// In the order in which they went on.
    written: Vec<Value>,
}

#[derive(Debug)]
struct OutputEntry {
    index: Option<u32>,
    id: String,
    item: ReadItem,
}

/// An item of the upstream.
#[derive(Debug)]
enum ReadItem {
    /// An incomplete call.
    Open(OpenResponseCall),
    Call(Call),
    /// Another item, at `at` among the forwarded ones.
    Other {
        kind: String,
        at: usize,
        done: bool,
    },
    /// A dropped item.
    Dropped {
        done: bool,
    },
}

/// The news of an event with a whole item.
#[derive(Debug)]
pub(super) enum ItemStep {
    /// Returns the new text of the call of this number.
    Call(u32, Call),
    /// Another item, at this place among the forwarded ones.
    Item(usize),
    /// A dropped item.
    Dropped,
}

// === impl StreamedOutput ===

impl StreamedOutput {
    /// An item begins.
    pub(super) fn added(
        &mut self,
        about: ItemRef<'_>,
        item: &Value,
        tools: &[String],
    ) -> Result<ItemStep, StreamError> {
        let (kind, read) = items::read(item, tools)?;
        match read {
            items::Item::Call(call) => {
                let (open, news) = OpenResponseCall::new(*call, self.count()?);
                Ok(ItemStep::Call(self.enter(about, ReadItem::Open(open))?, news))
            }
            items::Item::Said => self.other(about, kind, item, false),
            items::Item::Unknown => self.enter(about, ReadItem::Dropped { done: false }).map(|_| ItemStep::Dropped),
        }
    }

    /// An item is complete; it may not have begun before.
    pub(super) fn done(&mut self, about: ItemRef<'_>, item: &Value, tools: &[String]) -> Result<ItemStep, StreamError> {
        let (kind, read) = items::read(item, tools)?;
        match read {
            items::Item::Call(call) => {
                let slot = match self.find(about, |item| matches!(item, ReadItem::Open(_))) {
                    Some(slot) => slot,
                    None => {
                        let open = OpenResponseCall::at(self.count()?);
                        self.enter(about, ReadItem::Open(open))?
                    }
                };
                self.complete(slot, |open| Ok(open.done(*call)?)).map(|news| ItemStep::Call(slot, news))
            }
            items::Item::Said => {
                let is_it = |item: &ReadItem| matches!(item, ReadItem::Other { kind: known, .. } if known == kind);
                let Some(slot) = self.find(about, is_it) else { return self.other(about, kind, item, true) };
                let Some(ReadItem::Other { at, done, .. }) = self.item(slot) else {
                    return Err(StreamError::OutOfOrder);
                };
                *done = true;
                let at = *at;
                if let Some(written) = self.written.get_mut(at) {
                    *written = item.clone();
                }
                Ok(ItemStep::Item(at))
            }
            items::Item::Unknown => {
                let known = self.find(about, |item| matches!(item, ReadItem::Dropped { .. }));
                match known.and_then(|slot| self.item(slot)) {
                    Some(item) => *item = ReadItem::Dropped { done: true },
                    None => self.enter(about, ReadItem::Dropped { done: true }).map(|_| ())?,
                }
                Ok(ItemStep::Dropped)
            }
        }
    }

    fn other(&mut self, about: ItemRef<'_>, kind: &str, item: &Value, done: bool) -> Result<ItemStep, StreamError> {
        let at = self.written.len();
        self.enter(about, ReadItem::Other { kind: kind.to_owned(), at, done })?;
        self.write(item.clone());
        Ok(ItemStep::Item(at))
    }

    fn enter(&mut self, about: ItemRef<'_>, item: ReadItem) -> Result<u32, StreamError> {
        let ItemRef { index, id } = about;
        let is_told_apart = index.is_some() || !id.is_empty();
        if is_told_apart && self.read.iter().any(|entry| entry.index == index && entry.id == id) {
            return Err(StreamError::OutOfOrder);
        }
        if self.read.len() >= MAX_ITEMS {
            return Err(ShapeError::TooMany.into());
        }
        self.read.push(OutputEntry { index, id: id.to_owned(), item });
        Ok(u32::try_from(self.read.len() - 1).unwrap_or(u32::MAX))
    }

    /// The position of one more call.
    fn count(&mut self) -> Result<usize, ShapeError> {
        self.calls = self.calls.saturating_add(1);
        if self.calls > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(self.calls - 1) }
    }

    fn item(&mut self, slot: u32) -> Option<&mut ReadItem> {
        self.read.get_mut(usize::try_from(slot).ok()?).map(|entry| &mut entry.item)
    }

    /// The number of the event's item, among those under way that fit.
    fn find(&self, about: ItemRef<'_>, fits: impl Fn(&ReadItem) -> bool) -> Option<u32> {
        let fits = |entry: &OutputEntry| entry.item.is_under_way() && fits(&entry.item);
        let last =
            |is_it: &dyn Fn(&OutputEntry) -> bool| self.read.iter().rposition(|entry| is_it(entry) && fits(entry));
        let by_id = || last(&|entry| entry.id == about.id);
        let by_index = || last(&|entry| entry.index == about.index);
        let by_order = || last(&|_| about.index.is_none());
        let found = Some(about.id).filter(|id| !id.is_empty()).and_then(|_| by_id());
        let found = found.or_else(|| about.index.and_then(|_| by_index())).or_else(by_order);
        found.and_then(|slot| u32::try_from(slot).ok())
    }

    /// The event's call under way, and its number.
    pub(super) fn open(&mut self, about: ItemRef<'_>) -> Result<(u32, &mut OpenResponseCall), StreamError> {
        let slot = self.find(about, |item| matches!(item, ReadItem::Open(_))).ok_or(StreamError::OutOfOrder)?;
        match self.item(slot) {
            Some(ReadItem::Open(open)) => Ok((slot, open)),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// Completes a call and returns its news.
    fn complete(
        &mut self,
        slot: u32,
        complete: impl FnOnce(OpenResponseCall) -> Result<(Call, Call), StreamError>,
    ) -> Result<Call, StreamError> {
        let Some(item) = self.item(slot) else { return Err(StreamError::OutOfOrder) };
        let ReadItem::Open(open) = std::mem::replace(item, ReadItem::Dropped { done: true }) else {
            return Err(StreamError::OutOfOrder);
        };
        let (news, call) = complete(open)?;
        *item = ReadItem::Call(call);
        Ok(news)
    }

    /// The place of the event's item among the forwarded ones, if it is under way and its kind fits.
    pub(super) fn under_way(&self, about: ItemRef<'_>, fits: impl Fn(&str) -> bool) -> Option<usize> {
        let slot = self.find(about, |item| matches!(item, ReadItem::Other { kind, .. } if fits(kind)))?;
        match self.read.get(usize::try_from(slot).ok()?)?.item {
            ReadItem::Other { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Adds a forwarded item and returns its place.
    pub(super) fn write(&mut self, item: Value) -> usize {
        self.written.push(item);
        self.written.len() - 1
    }

    /// The forwarded items.
    pub(super) fn written(&self) -> &[Value] {
        &self.written
    }

    /// The items of the upstream in their order, with a `null` for each call.
    pub(super) fn turn(&self) -> Vec<Value> {
        let item = |entry: &OutputEntry| match &entry.item {
            ReadItem::Open(_) | ReadItem::Call(_) => Some(Value::Null),
            ReadItem::Other { at, .. } => self.written.get(*at).cloned(),
            ReadItem::Dropped { .. } => None,
        };
        self.read.iter().filter_map(item).collect()
    }

    /// Returns true if no item began yet.
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Takes the end of a response, which may repeat its output. Returns the news of calls, which are complete now.
    ///
    /// The streamed calls count, not their repetitions: the stream writes the end from the released calls. A call whose item
    /// never came as a whole is completed by its namesake in the end. Calls of the end alone are read from it.
    pub(super) fn ended(&mut self, repeated: &[Value], tools: &[String]) -> Result<Vec<(u32, Call)>, StreamError> {
        let mut calls: Vec<Option<ItemCall>> = items::item_calls(repeated, tools)?.into_iter().map(Some).collect();
        let streamed: Vec<(u32, String)> = self.streamed();
        let mut pairs: Vec<(u32, Option<ItemCall>)> = Vec::with_capacity(streamed.len());
        for (slot, id) in &streamed {
            let same =
                calls.iter_mut().find(|call| call.as_ref().is_some_and(|item| !id.is_empty() && item.call.id == *id));
            pairs.push((*slot, same.and_then(Option::take)));
        }
        let mut rest = calls.into_iter().flatten();
        for (_, call) in pairs.iter_mut().filter(|(_, call)| call.is_none()) {
            *call = rest.next();
        }
        let mut news = Vec::new();
        for (slot, call) in pairs {
            if !matches!(self.item(slot), Some(ReadItem::Open(_))) {
                continue;
            }
            let complete = |open: OpenResponseCall| match call {
                Some(call) => Ok(open.done(call)?),
                None => open.cut(),
            };
            news.push((slot, self.complete(slot, complete)?));
        }
        for call in rest.filter(|item| streamed.iter().all(|(_, id)| *id != item.call.id)) {
            let open = ReadItem::Open(OpenResponseCall::at(self.count()?));
            let slot = self.enter(ItemRef { index: None, id: "" }, open)?;
            news.push((slot, self.complete(slot, |open| Ok(open.done(call)?))?));
        }
        Ok(news)
    }

    /// The calls so far, by their numbers, with their ids.
    fn streamed(&self) -> Vec<(u32, String)> {
        let id = |item: &ReadItem| match item {
            ReadItem::Open(open) => Some(open.id().to_owned()),
            ReadItem::Call(call) => Some(call.id.clone()),
            ReadItem::Other { .. } | ReadItem::Dropped { .. } => None,
        };
        self.read.iter().zip(0..).filter_map(|(entry, slot)| Some((slot, id(&entry.item)?))).collect()
    }

    /// The forwarded items, in the words of an end that repeats them: other items than calls may differ (a cipher drawn again).
    pub(super) fn in_words_of(&self, repeated: &[Value], tools: &[String]) -> Vec<Value> {
        let mut output = self.written.clone();
        let goes_on = |item: &&Value| !items::is_call(item, tools) && !items::is_unknown(item, tools);
        let others = repeated.iter().filter(goes_on);
        let streamed = self.read.iter().filter_map(|entry| match &entry.item {
            ReadItem::Other { kind, at, .. } => Some((kind.as_str(), *at)),
            ReadItem::Open(_) | ReadItem::Call(_) | ReadItem::Dropped { .. } => None,
        });
        if others.clone().map(items::kind).eq(streamed.clone().map(|(kind, _)| kind)) {
            for (item, (_, at)) in others.zip(streamed) {
                if let Some(written) = output.get_mut(at) {
                    *written = item.clone();
                }
            }
        }
        output
    }

    /// The output for an end whose own output differs from the forwarded items. `None` if no item was held or dropped, and if the
    /// server repeats nothing.
    pub(super) fn instead_of(&self, repeated: &[Value], tools: &[String]) -> Option<Vec<Value>> {
        let differs = |item: &Value| items::is_call(item, tools) || items::is_unknown(item, tools);
        if repeated.is_empty() || self.calls == 0 && !repeated.iter().any(differs) {
            return None;
        }
        Some(self.in_words_of(repeated, tools)).filter(|output| output != repeated)
    }
}

// === impl ReadItem ===

impl ReadItem {
    fn is_under_way(&self) -> bool {
        match self {
            ReadItem::Open(_) => true,
            ReadItem::Call(_) => false,
            ReadItem::Other { done, .. } | ReadItem::Dropped { done } => !done,
        }
    }
}
