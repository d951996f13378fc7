//! Blanks and comments between the tokens of a query.

use super::Dialect;
use super::lexer::Lexer;
use crate::Refusal;

impl Lexer<'_> {
    /// Skips blanks and comments.
    pub(super) fn blanks(&mut self) -> Result<(), Refusal> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\n'), _) => self.at += 1,
                (Some(b'\r'), Some(b'\n')) => self.at += 2,
                (Some(b'-'), Some(b'-')) => self.line_comment()?,
                (Some(b'/'), Some(b'*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Skips `-- …` up to the end of the line.
    fn line_comment(&mut self) -> Result<(), Refusal> {
        // MySQL reads `--1` as a number.
        if self.dialect == Dialect::MySql && !matches!(self.peek(2), None | Some(b' ' | b'\t' | b'\n')) {
            return self.refuse("MySQL needs a blank after --");
        }
        let comment = self.rest().split('\n').next().unwrap_or_default();
        if comment
            .strip_suffix('\r')
            .unwrap_or(comment)
            .contains(|c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return self.refuse("a control character stands in a comment");
        }
        self.at += comment.len();
        Ok(())
    }

    /// Skips `/* … */`.
    fn block_comment(&mut self) -> Result<(), Refusal> {
        let Some((comment, _)) = self.rest().get(2..).and_then(|rest| rest.split_once("*/")) else {
            return self.refuse("a comment does not end");
        };
        // Some databases run the text of `/*!`, and read hints in `/*+`.
        if comment.starts_with(['!', '+', 'M', '/']) {
            return self.refuse("some databases run the text of this comment");
        }
        if comment.contains("/*") || comment.contains('\0') {
            return self.refuse("a comment in a comment ends differently in each database");
        }
        self.at += comment.len() + 4;
        Ok(())
    }
}
