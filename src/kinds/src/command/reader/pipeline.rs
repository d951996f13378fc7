//! Pipelines, lists, and the steps that tell where directories are entered and left.

use super::grammar::NO_COMMAND;
use super::level::{Construct, Expect};
use super::{OpenLevel, Reader, UNFINISHED};
use crate::Refusal;
use crate::command::{Connector, LineStep};

// === impl Reader ===

impl Reader<'_> {
    /// Takes `&&` or `||`.
    pub(super) fn connect(&mut self, connector: Connector) -> Result<(), Refusal> {
        self.end_pipeline()?;
        let mark = self.variables.mark();
        let level = self.level()?;
        let connected = *level.connected_mark.get_or_insert(mark);
        // A step tells the connector only if the steps tell the status of the command before it.
        let is_plain = !level.is_compound && !level.is_subshell && !level.is_piped;
        let is_told = !level.is_negated
            && !level.is_untold
            && (is_plain || (!level.is_compound && connector == Connector::And && !level.has_or));
        level.connector = if is_told { connector } else { Connector::Always };
        if connector == Connector::Or {
            level.has_or = true;
            level.is_untold |= !is_told;
            self.variables.forget_since(connected);
        }
        self.begin_pipeline()?;
        self.level()?.expect = Expect::Required;
        self.at += 2;
        Ok(())
    }

    /// Takes `|` or `|&`.
    pub(super) fn pipe(&mut self) -> Result<(), Refusal> {
        self.end_command()?;
        self.end_element()?;
        self.out.steps.push(LineStep::Pipe);
        let part = self.out.steps.len();
        let mark = self.variables.mark();
        let level = self.level()?;
        level.is_piped = true;
        level.is_timed = false;
        level.element_part = part;
        level.element_mark = mark;
        level.expect = Expect::Required;
        self.at += 1;
        if self.peek() == Some(b'&') {
            self.at += 1;
        }
        Ok(())
    }

    /// Takes `&`, after which the list before it runs in a subshell. zsh runs only the last pipeline of the list there, and the ones
    /// before it in the shell itself: so a list with `&&` or `||` may change the directory of later commands, or not.
    pub(super) fn background(&mut self) -> Result<(), Refusal> {
        self.end_pipeline()?;
        let level = self.level()?;
        let (part, mark) = (level.list_part, level.list_mark);
        let (begin, end) = match level.connected_mark {
            Some(_) => (LineStep::Branch, LineStep::Join),
            None => (LineStep::Enter, LineStep::Leave),
        };
        self.out.steps.insert(part, begin);
        self.out.steps.push(end);
        self.variables.forget_since(mark);
        self.begin_list()?;
        self.at += 1;
        Ok(())
    }

    /// Takes `!`.
    pub(super) fn negate(&mut self, start: usize) -> Result<(), Refusal> {
        let level = self.level()?;
        if level.is_negated || level.is_piped || level.expect == Expect::Operand {
            return Err(Refusal::byte(start, "`!` inside a pipe or twice; put one before the pipe"));
        }
        level.is_negated = true;
        level.expect = Expect::Operand;
        Ok(())
    }

    /// Ends the list before `;`, a newline or a closing bracket. Does nothing between lists.
    pub(super) fn end_list(&mut self) -> Result<(), Refusal> {
        if self.expect() == Expect::Start {
            return Ok(());
        }
        self.end_pipeline()?;
        if let Some(mark) = self.level()?.connected_mark {
            self.variables.forget_since(mark);
        }
        self.begin_list()
    }

    /// Begins a list.
    pub(super) fn begin_list(&mut self) -> Result<(), Refusal> {
        self.begin_pipeline()?;
        let part = self.out.steps.len();
        let mark = self.variables.mark();
        let level = self.level()?;
        level.connector = Connector::Always;
        level.list_part = part;
        level.list_mark = mark;
        level.connected_mark = None;
        level.has_or = false;
        level.is_untold = false;
        level.expect = Expect::Start;
        Ok(())
    }

    /// Begins a pipeline.
    fn begin_pipeline(&mut self) -> Result<(), Refusal> {
        let part = self.out.steps.len();
        let mark = self.variables.mark();
        let level = self.level()?;
        level.pipeline_part = part;
        level.element_part = part;
        level.element_mark = mark;
        level.is_piped = false;
        level.is_negated = false;
        level.is_compound = false;
        level.is_subshell = false;
        level.is_timed = false;
        Ok(())
    }

    /// Ends a pipeline, and leaves its facts for the connector after it.
    fn end_pipeline(&mut self) -> Result<(), Refusal> {
        self.end_command()?;
        if self.level()?.is_piped {
            self.end_element()?;
        }
        let level = self.level()?;
        if level.is_negated {
            let part = level.pipeline_part;
            self.out.steps.insert(part, LineStep::Branch);
            self.out.steps.push(LineStep::Join);
        }
        Ok(())
    }

    /// Ends a part of a pipe, which runs in a subshell.
    fn end_element(&mut self) -> Result<(), Refusal> {
        let level = self.level()?;
        let (part, mark) = (level.element_part, level.element_mark);
        self.out.steps.insert(part, LineStep::Enter);
        self.out.steps.push(LineStep::Leave);
        self.variables.forget_since(mark);
        Ok(())
    }

    /// Ends a command, simple or compound.
    fn end_command(&mut self) -> Result<(), Refusal> {
        match self.expect() {
            Expect::Command => self.end_simple_command()?,
            Expect::Closed => {}
            _ => return self.refuse(NO_COMMAND),
        }
        let level = self.level()?;
        level.command = None;
        level.redirects = None;
        level.is_filled = true;
        Ok(())
    }

    /// Begins a compound command, and returns its connector.
    pub(super) fn begin_compound(&mut self, is_subshell: bool) -> Result<Connector, Refusal> {
        let part = self.out.steps.len();
        let level = self.level()?;
        level.closed = (part, level.connector);
        level.is_subshell = is_subshell;
        level.is_compound = !is_subshell;
        Ok(level.connector)
    }

    /// Ends the innermost construct, and takes its closing bytes.
    pub(super) fn close_compound(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.end_list()?;
        let is_line = self.levels.len() < 2;
        let Some(OpenLevel { construct, region_mark, is_filled, .. }) = self.levels.pop() else {
            return self.refuse(UNFINISHED);
        };
        if is_line || !is_filled {
            return self.refuse("a group without a command; add one");
        }
        let is_subshell = matches!(construct, Construct::Subshell);
        if is_subshell {
            self.out.steps.push(LineStep::Leave);
        }
        let level = self.level()?;
        level.expect = Expect::Closed;
        if level.has_or || !matches!(construct, Construct::Group) {
            self.variables.forget_since(region_mark);
        }
        self.at += bytes;
        Ok(())
    }

    /// Begins commands that may run or not.
    pub(super) fn begin_branch(&mut self) -> Result<(), Refusal> {
        self.out.steps.push(LineStep::Branch);
        self.begin_list()?;
        let mark = self.variables.mark();
        let level = self.level()?;
        level.region_mark = mark;
        level.is_filled = false;
        Ok(())
    }

    /// Ends them.
    pub(super) fn end_branch(&mut self) -> Result<(), Refusal> {
        let mark = self.level()?.region_mark;
        self.out.steps.push(LineStep::Join);
        self.variables.forget_since(mark);
        Ok(())
    }
}
