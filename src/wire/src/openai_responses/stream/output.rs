//! The output of a streamed response: the items that were read, in the order in which they began, and those that went on.
//!
//! An event tells of its item by an id and by a place. Servers that imitate the API leave one of them out, give one place to two
//! items, or draw another id for each event. So an item is found by its id, else by its place, else as the last that began, and
//! only among those that are under way and of the kind that the event tells of.

use callgate_json::{Map, Value};

use super::event::About;
use super::open_call::OpenResponseCall;
use crate::checks::MAX_CALLS;
use crate::openai_responses::items;
use crate::{Call, ShapeError, StreamError};

/// Items in one response, far above what APIs give: finding one stays cheap.
const MAX_ITEMS: usize = 2 * MAX_CALLS;

/// Both sides of an output.
#[derive(Debug, Default)]
pub(super) struct Output {
    read: Vec<Entry>,
    calls: usize,
    /// In the order in which they went on.
    written: Vec<Value>,
}

#[derive(Debug)]
struct Entry {
    index: Option<u32>,
    id: String,
    item: Item,
}

/// An item that was read.
#[derive(Debug)]
enum Item {
    /// A call that is not complete.
    Open(OpenResponseCall),
    Call(Call),
    /// Another, which stands at `at` among those that went on.
    Other {
        kind: String,
        at: usize,
        done: bool,
    },
    /// One that does not go on.
    Dropped {
        done: bool,
    },
}

/// What an event that has a whole item says.
#[derive(Debug)]
pub(super) enum Step {
    /// Returns the new text of the call of this number.
    Call(u32, Call),
    /// Another item, which stands at this place among those that went on.
    Item(usize),
    /// An item that does not go on.
    Dropped,
}

// === impl Output ===

impl Output {
    /// An item begins.
    pub(super) fn added(&mut self, about: About<'_>, item: &Value, tools: &[String]) -> Result<Step, StreamError> {
        let (kind, read) = items::read(item, tools)?;
        match read {
            items::Item::Call(call) => {
                let position = self.count()?;
                let slot = self.enter(about, Item::Open(OpenResponseCall::new(call.clone(), position)))?;
                Ok(Step::Call(slot, Call { extra: Map::new(), ..call }))
            }
            items::Item::Said => self.other(about, kind, item, false),
            items::Item::Unknown => self.enter(about, Item::Dropped { done: false }).map(|_| Step::Dropped),
        }
    }

    /// An item is complete; it may not have begun before.
    pub(super) fn done(&mut self, about: About<'_>, item: &Value, tools: &[String]) -> Result<Step, StreamError> {
        let (kind, read) = items::read(item, tools)?;
        match read {
            items::Item::Call(call) => {
                let slot = match self.find(about, |item| matches!(item, Item::Open(_))) {
                    Some(slot) => slot,
                    None => {
                        let position = self.count()?;
                        self.enter(about, Item::Open(OpenResponseCall::at(position)))?
                    }
                };
                self.complete(slot, |open| Ok(open.done(call)?)).map(|news| Step::Call(slot, news))
            }
            items::Item::Said => {
                let is_it = |item: &Item| matches!(item, Item::Other { kind: known, .. } if known == kind);
                let Some(slot) = self.find(about, is_it) else { return self.other(about, kind, item, true) };
                let Some(Item::Other { at, done, .. }) = self.item(slot) else { return Err(StreamError::OutOfOrder) };
                *done = true;
                let at = *at;
                if let Some(written) = self.written.get_mut(at) {
                    *written = item.clone();
                }
                Ok(Step::Item(at))
            }
            items::Item::Unknown => {
                let known = self.find(about, |item| matches!(item, Item::Dropped { .. }));
                match known.and_then(|slot| self.item(slot)) {
                    Some(item) => *item = Item::Dropped { done: true },
                    None => self.enter(about, Item::Dropped { done: true }).map(|_| ())?,
                }
                Ok(Step::Dropped)
            }
        }
    }

    fn other(&mut self, about: About<'_>, kind: &str, item: &Value, done: bool) -> Result<Step, StreamError> {
        let at = self.written.len();
        self.enter(about, Item::Other { kind: kind.to_owned(), at, done })?;
        self.write(item.clone());
        Ok(Step::Item(at))
    }

    fn enter(&mut self, about: About<'_>, item: Item) -> Result<u32, StreamError> {
        let About { index, id } = about;
        let is_told_apart = index.is_some() || !id.is_empty();
        if is_told_apart && self.read.iter().any(|entry| entry.index == index && entry.id == id) {
            return Err(StreamError::OutOfOrder);
        }
        if self.read.len() >= MAX_ITEMS {
            return Err(ShapeError::TooMany.into());
        }
        self.read.push(Entry { index, id: id.to_owned(), item });
        Ok(u32::try_from(self.read.len() - 1).unwrap_or(u32::MAX))
    }

    /// The position of one more call.
    fn count(&mut self) -> Result<usize, ShapeError> {
        self.calls = self.calls.saturating_add(1);
        if self.calls > MAX_CALLS { Err(ShapeError::TooMany) } else { Ok(self.calls - 1) }
    }

    fn item(&mut self, slot: u32) -> Option<&mut Item> {
        self.read.get_mut(usize::try_from(slot).ok()?).map(|entry| &mut entry.item)
    }

    /// The item that an event tells of, among those under way that fit.
    fn find(&self, about: About<'_>, fits: impl Fn(&Item) -> bool) -> Option<u32> {
        let fits = |entry: &Entry| entry.item.is_under_way() && fits(&entry.item);
        let last = |is_it: &dyn Fn(&Entry) -> bool| self.read.iter().rposition(|entry| is_it(entry) && fits(entry));
        let by_id = || last(&|entry| entry.id == about.id);
        let by_index = || last(&|entry| entry.index == about.index);
        let by_order = || last(&|_| about.index.is_none());
        let found = Some(about.id).filter(|id| !id.is_empty()).and_then(|_| by_id());
        let found = found.or_else(|| about.index.and_then(|_| by_index())).or_else(by_order);
        found.and_then(|slot| u32::try_from(slot).ok())
    }

    /// The call under way that an event tells of, and its number.
    pub(super) fn open(&mut self, about: About<'_>) -> Result<(u32, &mut OpenResponseCall), StreamError> {
        let slot = self.find(about, |item| matches!(item, Item::Open(_))).ok_or(StreamError::OutOfOrder)?;
        match self.item(slot) {
            Some(Item::Open(open)) => Ok((slot, open)),
            _ => Err(StreamError::OutOfOrder),
        }
    }

    /// Completes a call; what is new of it.
    fn complete(
        &mut self,
        slot: u32,
        complete: impl FnOnce(OpenResponseCall) -> Result<(Call, Call), StreamError>,
    ) -> Result<Call, StreamError> {
        let Some(item) = self.item(slot) else { return Err(StreamError::OutOfOrder) };
        let Item::Open(open) = std::mem::replace(item, Item::Dropped { done: true }) else {
            return Err(StreamError::OutOfOrder);
        };
        let (news, call) = complete(open)?;
        *item = Item::Call(call);
        Ok(news)
    }

    /// The item that goes on which an event tells of, among those under way and of a kind that fits: its place among them.
    pub(super) fn under_way(&self, about: About<'_>, fits: impl Fn(&str) -> bool) -> Option<usize> {
        let slot = self.find(about, |item| matches!(item, Item::Other { kind, .. } if fits(kind)))?;
        match self.read.get(usize::try_from(slot).ok()?)?.item {
            Item::Other { at, .. } => Some(at),
            _ => None,
        }
    }

    /// An item goes on; its place.
    pub(super) fn write(&mut self, item: Value) -> usize {
        self.written.push(item);
        self.written.len() - 1
    }

    /// What has gone on.
    pub(super) fn written(&self) -> &[Value] {
        &self.written
    }

    /// Whether nothing has come of it yet.
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Takes the end of a response, which may repeat its output; what is new of calls by it, which are complete now.
    ///
    /// Calls are as they were streamed, whatever the end says of them: it is written from what was released. A call whose item
    /// never came as a whole is completed by its namesake in the end, and calls that the end alone has are read from it.
    pub(super) fn ended(&mut self, repeated: &[Value], tools: &[String]) -> Result<Vec<(u32, Call)>, StreamError> {
        let mut calls: Vec<Option<Call>> = items::calls(repeated, tools)?.into_iter().map(Some).collect();
        let streamed: Vec<(u32, String)> = self.streamed();
        let mut pairs: Vec<(u32, Option<Call>)> = Vec::with_capacity(streamed.len());
        for (slot, id) in &streamed {
            let same = calls.iter_mut().find(|call| call.as_ref().is_some_and(|call| !id.is_empty() && call.id == *id));
            pairs.push((*slot, same.and_then(Option::take)));
        }
        let mut rest = calls.into_iter().flatten();
        for (_, call) in pairs.iter_mut().filter(|(_, call)| call.is_none()) {
            *call = rest.next();
        }
        let mut news = Vec::new();
        for (slot, call) in pairs {
            if !matches!(self.item(slot), Some(Item::Open(_))) {
                continue;
            }
            let complete = |open: OpenResponseCall| match call {
                Some(call) => Ok(open.done(call)?),
                None => open.cut(),
            };
            news.push((slot, self.complete(slot, complete)?));
        }
        for call in rest.filter(|call| streamed.iter().all(|(_, id)| *id != call.id)) {
            let position = self.count()?;
            let slot = self.enter(About { index: None, id: "" }, Item::Open(OpenResponseCall::at(position)))?;
            news.push((slot, self.complete(slot, |open| Ok(open.done(call)?))?));
        }
        Ok(news)
    }

    /// The calls so far, by their numbers, with their ids.
    fn streamed(&self) -> Vec<(u32, String)> {
        let id = |item: &Item| match item {
            Item::Open(open) => Some(open.id().to_owned()),
            Item::Call(call) => Some(call.id.clone()),
            Item::Other { .. } | Item::Dropped { .. } => None,
        };
        self.read.iter().zip(0..).filter_map(|(entry, slot)| Some((slot, id(&entry.item)?))).collect()
    }

    /// What has gone on, in the words of an end that repeats it: of items that are no calls those may differ (a cipher that is drawn
    /// anew).
    pub(super) fn in_words_of(&self, repeated: &[Value], tools: &[String]) -> Vec<Value> {
        let mut output = self.written.clone();
        let goes_on = |item: &&Value| !items::is_call(item, tools) && !items::is_unknown(item, tools);
        let others = repeated.iter().filter(goes_on);
        let streamed = self.read.iter().filter_map(|entry| match &entry.item {
            Item::Other { kind, at, .. } => Some((kind.as_str(), *at)),
            Item::Open(_) | Item::Call(_) | Item::Dropped { .. } => None,
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

    /// The output that an end must have instead of the one that it repeats, if that says something else than what has gone on: never
    /// if no item was held or dropped, nor if the server repeats nothing.
    pub(super) fn instead_of(&self, repeated: &[Value], tools: &[String]) -> Option<Vec<Value>> {
        let differs = |item: &Value| items::is_call(item, tools) || items::is_unknown(item, tools);
        if repeated.is_empty() || self.calls == 0 && !repeated.iter().any(differs) {
            return None;
        }
        Some(self.in_words_of(repeated, tools)).filter(|output| output != repeated)
    }
}

// === impl Item ===

impl Item {
    fn is_under_way(&self) -> bool {
        match self {
            Item::Open(_) => true,
            Item::Call(_) => false,
            Item::Other { done, .. } | Item::Dropped { done } => !done,
        }
    }
}
