//! The whole answer of a dialect with blocks.

use std::marker::PhantomData;

use callgate_json::{Item, Map, Outline, Value};

use super::{Content, call_block, with_text};
use crate::outlined::exact_keys;
use crate::skeleton::blocks::{BlockFormat, BlockKind, NAMES_CALLS, NO_CALLS, USAGE};
use crate::skeleton::outlined_body::OutlinedBody;
use crate::{Answer, AnswerError, Call, ChoiceIndex, Earlier, Fate, ReleasePolicy, ReportedUsage, ShapeError};

/// An answer that was read, and perhaps changed since. A call's arguments are the very text of its input.
#[derive(Debug, Clone)]
pub struct BlockAnswer<F> {
    body: OutlinedBody,
    content: Content,
    format: PhantomData<F>,
}

// === impl BlockAnswer ===

impl<F: BlockFormat> BlockAnswer<F> {
    /// Reads an answer to a request that makes the provider run the tools `provided`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no content, a member of a wrong type, a block of a tool the request
    /// did not ask for, a block that could carry a call unseen, or a call outside of the content.
    pub fn read(provided: &[&str], text: &[u8]) -> Result<Self, AnswerError> {
        Self::of(provided, Outline::read(text)?)
    }

    /// As [`BlockAnswer::read`], for a body that was read.
    pub(crate) fn of(provided: &[&str], outline: Outline<'_>) -> Result<Self, AnswerError> {
        let body = OutlinedBody::new(outline)?;
        exact_keys(body.root(), F::ANSWER_MEMBERS)?;
        let mut content = Content::default();
        for block in F::content(body.root())?.items() {
            let Value::Object(members) = block.value() else {
                return Err(ShapeError::Type { at: "content[]", expected: "an object" }.into());
            };
            let text = block.text().to_owned();
            match F::kind(&members, provided)? {
                BlockKind::Call => {
                    let (call, mended) = call_block::read::<F>(&members, &text, content.calls().len())?;
                    content.call_block(text, mended, call)?;
                }
                BlockKind::Text => content.text_block(text),
                BlockKind::Unknown => content.drop_block(),
            }
        }
        Ok(Self { body, content, format: PhantomData })
    }

    /// The content, and the answer's other members.
    pub(crate) fn into_parts(self) -> (Content, Map<String, Value>) {
        (self.content, self.body.others(F::CONTENT.first().copied().unwrap_or_default()))
    }
}

impl<F: BlockFormat> Answer for BlockAnswer<F> {
    fn choices(&self) -> usize {
        1
    }

    fn calls_of(&self, choice: ChoiceIndex) -> &[Call] {
        if choice == ChoiceIndex::FIRST { self.content.calls() } else { &[] }
    }

    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, policy: ReleasePolicy) {
        let before = self.content.calls().len();
        if choice != ChoiceIndex::FIRST || before == 0 {
            return;
        }
        self.content.settle::<F>(fates, policy);
        if self.content.calls().len() < before {
            for member in F::REPEATS {
                self.body.remove(member);
            }
        }
        let names_calls = self.body.root().get(F::STOP_REASON).is_some_and(|reason| reason.is(NAMES_CALLS));
        if self.content.calls().is_empty() && names_calls {
            self.body.set(F::STOP_REASON, Value::from(NO_CALLS));
        }
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        self.turn(choice).into_iter().filter(|block| !block.is_null()).collect()
    }

    fn turn(&self, choice: ChoiceIndex) -> Vec<Value> {
        let is_first = choice == ChoiceIndex::FIRST;
        self.content.turn().filter(|block| is_first && (block.is_null() || F::says_something(block))).collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        self.content.prepend::<F>(earlier);
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.body.add_usage(USAGE, usage);
        }
    }

    fn usage(&self) -> Option<Value> {
        self.body.usage(USAGE)
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.body.root().get(USAGE).map(F::usage).unwrap_or_default()
    }

    fn write(&self) -> Vec<u8> {
        let Some((member, path)) = F::CONTENT.split_first() else { return self.body.write() };
        let content = self
            .content
            .changed()
            .map(|content| with_text(self.body.root().get(member).map(Item::raw).unwrap_or_default(), path, content));
        self.body.write_with(member, content)
    }
}
