//! Judges a line: each command of each branch, in each directory in which it may run.

use std::sync::Arc;

use super::bases::Bases;
use super::feed::{Feed, Feeds};
use super::judged::{CommandReading, Judged, JudgedCommand, JudgedWord, WordSort};
use super::rules::CommandRules;
use super::scope::{Checker, PathScope, Use};
use super::value::{Fault, Given, Value};
use super::{Connector, LineStep, Redirect, RedirectKind, ShellLine, SimpleCommand, Word, WordText, variables};
use crate::path::ResolvedPath;
use crate::{Refusal, Spot};

/// Files of the system that take anything and give nothing.
const SINKS: &[&str] = &["/dev/null", "/dev/stdout", "/dev/stderr"];

/// The state of a judgement.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) rules: &'a CommandRules,
    pub(super) checker: Checker<'a>,
    /// The number of shells around the line.
    pub(super) depth: u32,
    /// The commands so far.
    pub(super) commands: Vec<JudgedCommand>,
}

/// The surroundings of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'p> {
    /// The directories in which it may run.
    pub(super) bases: &'p [ResolvedPath],
    /// The directories below which another program found names for it.
    pub(super) found: &'p [ResolvedPath],
    /// The names that a pipe hands to it.
    pub(super) feed: Option<&'p Feed>,
    /// Its here-document.
    pub(super) document: Option<&'p str>,
    /// The number of programs around it that only run another one.
    pub(super) wrappers: u32,
}

/// The effects of a command on later ones.
#[derive(Debug, Default)]
pub(super) struct CommandEffect {
    /// The directories that it changed to.
    pub(super) moved: Option<Vec<ResolvedPath>>,
    /// The names that it prints.
    pub(super) feed: Option<Feed>,
}

/// Judges a line by a profile's rules.
///
/// # Errors
///
/// The first command that the rules do not allow, or that no model can read for certain, with its place.
pub fn judge(line: &ShellLine, rules: &CommandRules, scope: &PathScope<'_>) -> Result<Judged, Refusal> {
    let mut judge = Judge { rules, checker: Checker::new(*scope), depth: 0, commands: Vec::new() };
    judge.line(line, Arc::from([scope.base.clone()]))?;
    let decision = judge.commands.iter().map(|command| command.decision).max().unwrap_or_default();
    Ok(Judged { decision, reading: CommandReading { commands: judge.commands } })
}

// === impl Judge ===

impl Judge<'_> {
    /// Judges the commands of a line that begins in one of the directories.
    pub(super) fn line(&mut self, line: &ShellLine, start: Arc<[ResolvedPath]>) -> Result<(), Refusal> {
        let of = u16::try_from(line.commands.len()).unwrap_or(u16::MAX);
        let mut bases = Bases::new(start);
        let mut feeds = Feeds::default();
        let mut last = 0;
        for step in &line.steps {
            let outcome = match step {
                LineStep::Run(position, connector) => {
                    last = *position;
                    self.run(line, *position, *connector, &mut bases, &mut feeds)
                }
                LineStep::Enter => {
                    bases.enter();
                    feeds.enter();
                    Ok(())
                }
                LineStep::Leave => {
                    feeds.leave();
                    bases.leave().map_err(whole)
                }
                LineStep::Pipe => {
                    bases.pipe();
                    feeds.pipe();
                    Ok(())
                }
                LineStep::Branch => {
                    bases.branch();
                    Ok(())
                }
                LineStep::Loop => {
                    bases.begin_loop();
                    Ok(())
                }
                LineStep::Join | LineStep::EndLoop => bases.join().map_err(whole),
            };
            outcome.map_err(|fault| {
                let word = fault.at.and_then(|at| u16::try_from(at + 1).ok());
                let index = u16::try_from(last + 1).unwrap_or(u16::MAX);
                Refusal { spot: Spot::Command { index, of, word }, reason: fault.reason }
            })?;
        }
        Ok(())
    }

    /// Judges one command.
    fn run(
        &mut self,
        line: &ShellLine,
        position: u32,
        connector: Connector,
        bases: &mut Bases,
        feeds: &mut Feeds,
    ) -> Result<(), Fault> {
        let command = usize::try_from(position).ok().and_then(|position| line.commands.get(position));
        let command = command.ok_or(whole("a command that the reading lacks"))?;
        let own = bases.begin(connector).map_err(whole)?;
        let feed = feeds.begin();
        let slot = self.commands.len();
        self.commands.push(JudgedCommand::default());
        let mut out = JudgedCommand {
            depth: self.depth,
            bases: Arc::clone(&own),
            words: command
                .words
                .iter()
                .map(|word| JudgedWord { text: shown(word), sort: WordSort::Unjudged })
                .collect(),
            ..JudgedCommand::default()
        };
        let effect = self.simple(command, &own, feed.as_ref(), &mut out)?;
        if let Some(place) = self.commands.get_mut(slot) {
            *place = out;
        }
        if effect.moved.is_some() && bases.is_in_loop() {
            return Err(whole("a loop changes the directory; use a subshell in it"));
        }
        feeds.end(effect.feed);
        bases.end(connector, own, effect.moved).map_err(whole)
    }

    /// Judges the assignments, redirects and words of a command.
    fn simple(
        &mut self,
        command: &SimpleCommand,
        bases: &[ResolvedPath],
        feed: Option<&Feed>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        for assignment in &command.assignments {
            let value = Value::of(&assignment.value);
            match command.words.first().map(|word| Value::of(word).exact()) {
                None => variables::check_own(&assignment.name)
                    .or_else(|_| variables::check_environment(&assignment.name, value))
                    .map_err(whole)?,
                // `IFS= read` splits nothing; the variable ends with the command.
                Some(Some("read")) if assignment.name == "IFS" && value.exact() == Some("") => {}
                Some(_) => variables::check_environment(&assignment.name, value).map_err(whole)?,
            }
        }
        let mut document = None;
        for Redirect { kind, .. } in &command.redirects {
            match kind {
                RedirectKind::Read(target) => self.redirect(target, &[Use::Read], bases, out)?,
                RedirectKind::Write(target) => self.redirect(target, &[Use::Write], bases, out)?,
                RedirectKind::ReadWrite(target) => self.redirect(target, &[Use::Read, Use::Write], bases, out)?,
                RedirectKind::Duplicate => {}
                RedirectKind::HereDocument(body) => document = Some(body.text.as_str()),
            }
        }
        if command.words.is_empty() {
            return Ok(CommandEffect::default());
        }
        let words: Vec<Given<'_>> =
            command.words.iter().enumerate().map(|(at, word)| Given { at: Some(at), value: Value::of(word) }).collect();
        self.words(&words, &Surroundings { bases, found: &[], feed, document, wrappers: 0 }, out)
    }

    /// Checks the target of a redirect.
    fn redirect(
        &mut self,
        target: &Word,
        uses: &[Use],
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        if matches!(Value::of(target), Value::Stream) {
            return Ok(());
        }
        let texts =
            super::sorts::texts(&Value::of(target)).ok_or(whole("a redirect to a file that the line does not show"))?;
        for text in texts {
            if SINKS.contains(&text) {
                continue;
            }
            if text.starts_with("/dev/tcp/") || text.starts_with("/dev/udp/") {
                return Err(whole("a redirect to the network"));
            }
            for how in uses {
                self.checker.path(text, *how, bases, out).map_err(whole)?;
            }
        }
        Ok(())
    }
}

/// Returns a fault of a whole command.
pub(super) const fn whole(reason: &'static str) -> Fault {
    Fault { at: None, reason }
}

/// Returns a word for people.
fn shown(word: &Word) -> String {
    match &word.text {
        WordText::Exact(text) | WordText::Glob(text) => text.clone(),
        WordText::OneOf(texts) => texts.join("|"),
        WordText::Unknown { prefix, .. } => format!("{prefix}…"),
        WordText::Stream => "<( )".to_owned(),
    }
}
