//! Compound commands: their beginning, and the head of a `for` loop.

use super::level::{Construct, Expect};
use super::text::{Text, insert};
use super::word::OpenWord;
use super::{Reader, effects, narrow};
use crate::Refusal;
use crate::command::{Assignment, Connector, LineStep, SimpleCommand, Span, Word};

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Begins a compound command at its keyword.
    pub(super) fn begin(&mut self, construct: Construct<'a>, start: usize) -> Result<(), Refusal> {
        let connector = self.begin_compound(false)?;
        self.open(construct, start, connector)
    }

    /// Moves the start of the first list behind the steps so far.
    pub(super) fn begin_loop(&mut self) -> Result<(), Refusal> {
        self.out.steps.push(LineStep::Loop);
        let part = self.out.steps.len();
        let level = self.level()?;
        level.list_part = part;
        level.pipeline_part = part;
        level.element_part = part;
        Ok(())
    }

    /// Returns the head of the innermost `for` loop.
    fn head(&mut self) -> Result<&mut super::level::ForLoop<'a>, Refusal> {
        match &mut self.level()?.construct {
            Construct::For(head) => Ok(head),
            _ => Err(Refusal::whole(super::UNFINISHED)),
        }
    }

    /// Takes the variable of a `for` loop.
    pub(super) fn take_loop_name(&mut self, word: &OpenWord<'a>) -> Result<(), Refusal> {
        let name = self.slice(word.start, self.at);
        if word.is_quoted || word.is_continued || !super::characters::is_name(name) {
            return Err(Refusal::byte(word.start, "a loop's variable that is not a name; use letters, digits and `_`"));
        }
        effects::check_name(name, word.start)?;
        self.head()?.name = name;
        self.level()?.expect = Expect::ForIn;
        Ok(())
    }

    /// Takes the word `in`.
    pub(super) fn take_in(&mut self, word: &OpenWord<'a>) -> Result<(), Refusal> {
        if self.slice(word.start, self.at) != "in" {
            return Err(Refusal::byte(word.start, "a loop over the shell's own arguments; write `in` and words"));
        }
        self.level()?.expect = Expect::ForItems;
        Ok(())
    }

    /// Takes a word of a `for` loop.
    pub(super) fn take_item(&mut self, word: OpenWord<'a>) -> Result<(), Refusal> {
        for text in word.texts {
            self.count_word()?;
            self.head()?.items.push(text);
        }
        Ok(())
    }

    /// Ends the words of a `for` loop. The loop's variable becomes an assignment of its own.
    pub(super) fn end_items(&mut self) -> Result<(), Refusal> {
        let end = self.at;
        let level = self.level()?;
        let (start, connector) = (level.start, level.connector);
        level.expect = Expect::ForDo;
        let head = self.head()?;
        if head.items.is_empty() {
            return self.refuse("a loop over no words; add one");
        }
        let value = value_of(std::mem::take(&mut head.items));
        let span = Span { start: narrow(start), end: narrow(end) };
        let name = head.name;
        let word = Word { text: value.clone().into_word_text(), is_quoted: true, span };
        let assignment = Assignment { name: name.to_owned(), value: word };
        head.items = vec![value];
        let index = self.out.commands.len();
        self.out.commands.push(SimpleCommand { assignments: vec![assignment], span, ..SimpleCommand::default() });
        self.out.steps.push(LineStep::Run(narrow(index), connector));
        self.level()?.connector = Connector::Always;
        Ok(())
    }

    /// Takes the word `do` of a `for` loop.
    pub(super) fn take_do(&mut self, word: &OpenWord<'a>) -> Result<(), Refusal> {
        if self.slice(word.start, self.at) != "do" {
            return Err(Refusal::byte(word.start, "a loop without `do`; add it"));
        }
        let loops = self.loops();
        let head = self.head()?;
        head.is_body = true;
        let name = head.name;
        let value = head.items.pop();
        if !self.variables.assign(name, value, word.start, &loops) {
            return Err(Refusal::byte(word.start, effects::STALE));
        }
        self.level()?.start = word.start;
        self.begin_loop()?;
        self.begin_branch()
    }

    /// Returns where the open loops begin.
    pub(super) fn loops(&self) -> Vec<usize> {
        self.levels.iter().filter_map(super::OpenLevel::loop_start).collect()
    }
}

/// Returns the value of a loop's variable.
fn value_of(mut items: Vec<Text>) -> Text {
    if let [Text::Pattern { .. }] = items.as_slice() {
        return items.pop().unwrap_or_default();
    }
    let mut values = Vec::new();
    for item in items {
        match item {
            Text::Known(texts) => {
                for text in texts {
                    if !insert(&mut values, text) {
                        return Text::any();
                    }
                }
            }
            _ => return Text::any(),
        }
    }
    Text::Known(values)
}
