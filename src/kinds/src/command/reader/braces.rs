//! Braces: literal ones such as `{}` and `@{0}` in every shell, alternatives if bash is declared.

use super::Reader;
use super::characters::is_delimiter;
use super::text::Text;
use super::word::OpenWord;
use crate::Refusal;

/// The maximum number of words that the braces of one word make.
const MAX_WORDS_OF_BRACES: usize = 64;
/// The maximum number of braces inside each other.
const MAX_NESTED: usize = 4;

pub(super) const UNREAD: &str = "braces that shells read in different ways; write the words, or quote the braces";

/// Braces that are open.
#[derive(Debug)]
pub(super) struct BraceGroup {
    /// The byte of the opening one.
    start: usize,
    /// The texts of the word before it.
    before: Vec<Text>,
    /// The texts of the alternatives that are finished.
    finished: Vec<Text>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes a brace, or a comma between braces.
    pub(super) fn brace(&mut self, word: &mut OpenWord<'a>, byte: u8) -> Result<(), Refusal> {
        let is_alone = self.at == word.start && self.peek_at(1).is_none_or(is_delimiter);
        match byte {
            b'{' if !is_alone => self.open_brace(word)?,
            b',' if !word.groups.is_empty() => self.next_alternative(word)?,
            b'}' if !word.groups.is_empty() => self.close_brace(word)?,
            b'}' if !is_alone => return self.refuse(UNREAD),
            _ => self.push_literal(word, self.slice(self.at, self.at + 1)),
        }
        self.at += 1;
        Ok(())
    }

    fn open_brace(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        if word.groups.len() >= MAX_NESTED || word.name.is_some() {
            return self.refuse(UNREAD);
        }
        word.is_expanded = true;
        let before = std::mem::replace(&mut word.texts, vec![Text::default()]);
        word.groups.push(BraceGroup { start: self.at, before, finished: Vec::new() });
        Ok(())
    }

    fn next_alternative(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        if !self.is_bash() {
            return self.refuse("braces with alternatives, which only some shells know; write the words");
        }
        if let Some(group) = word.groups.last_mut() {
            group.finished.append(&mut word.texts);
            word.texts = vec![Text::default()];
            if group.finished.len() > MAX_WORDS_OF_BRACES {
                return self.refuse(UNREAD);
            }
        }
        Ok(())
    }

    fn close_brace(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        let Some(mut group) = word.groups.pop() else {
            return self.refuse(UNREAD);
        };
        let inner = self.slice(group.start + 1, self.at);
        if group.finished.is_empty() {
            if let Some(texts) = self.is_bash().then(|| sequence(inner)).flatten() {
                group.finished = texts;
            } else if inner.contains("..")
                || !inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
            {
                return self.refuse(UNREAD);
            } else {
                group.finished.push(Text::Known(vec![format!("{{{inner}}}")]));
            }
        } else {
            group.finished.append(&mut word.texts);
        }
        if group.before.len().saturating_mul(group.finished.len()) > MAX_WORDS_OF_BRACES {
            return self.refuse("braces that make more than 64 words; write a pattern");
        }
        let size: usize = group.before.iter().map(Text::size).sum();
        if !self.budget.take(size.saturating_mul(group.finished.len())) {
            return self.refuse("braces that make too long words; write a pattern");
        }
        let mut texts = Vec::new();
        for before in &group.before {
            for alternative in &group.finished {
                let mut text = before.clone();
                text.push_piece(alternative, &mut self.budget);
                texts.push(text);
            }
        }
        word.texts = texts;
        Ok(())
    }
}

/// Returns the texts of `1..5` or `a..e`.
fn sequence(inner: &str) -> Option<Vec<Text>> {
    let (first, last) = inner.split_once("..")?;
    let texts: Vec<String> = match (first.as_bytes(), last.as_bytes()) {
        ([first @ b'a'..=b'z'], [last @ b'a'..=b'z']) if first <= last => {
            (*first..=*last).map(|byte| char::from(byte).to_string()).collect()
        }
        _ => {
            let (first, last) = (number(first)?, number(last)?);
            let count = usize::try_from(last.checked_sub(first)?).ok()?;
            if count >= MAX_WORDS_OF_BRACES {
                return None;
            }
            (first..=last).map(|number| number.to_string()).collect()
        }
    };
    Some(texts.into_iter().map(|text| Text::Known(vec![text])).collect())
}

/// Returns a number that bash writes back as it is.
fn number(text: &str) -> Option<u32> {
    let is_plain =
        text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}
