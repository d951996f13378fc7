//! Effects of a command on the rest of the line: variables, the directory, and the shell's own rules.

use super::builtins::exact;
use super::level::Construct;
use super::text::Text;
use super::{Reader, characters};
use crate::Refusal;
use crate::command::{LineStep, Word, WordText};

pub(super) const STALE: &str = "a variable that a loop changes after it used the value from before; use another name";

/// Variables that change how a shell reads the rest of a line, or to which some shell gives a meaning of its own. In words.
const SPECIAL: &str = "IFS path fpath cdpath manpath mailpath module_path fignore psvar watch argv status pipestatus histchars prompt \
    signals options commands functions aliases builtins parameters modules history dirstack NULLCMD READNULLCMD KEYBOARD_HACK GLOBIGNORE \
    POSIXLY_CORRECT BASH_COMPAT SHELLOPTS BASHOPTS OPTIND RANDOM SECONDS LINENO HISTCHARS HISTSIZE SAVEHIST HISTCMD EXECIGNORE TMOUT UID \
    EUID GID EGID USERNAME ERRNO PPID FUNCNEST PWD OLDPWD REPLY OPTARG MAPFILE DIRSTACK PIPESTATUS _ PS4 USER_ID PGRP BASHPID KSHUID \
    KSHEGID KSHGID LISTMAX MAILCHECK KEYTIMEOUT SHLVL ZLE_RPROMPT_INDENT DIRSTACKSIZE LOGCHECK BAUD REPORTTIME REPORTMEMORY \
    CDPATH FPATH ENV BASH_ENV zsh_eval_context galiases saliases dis_aliases dis_functions dis_galiases \
    dis_saliases dis_builtins dis_reswords nameddirs userdirs mapfile reswords patchars terminfo termcap widgets keymaps historywords \
    jobdirs jobstates jobtexts funcstack EPOCHSECONDS EPOCHREALTIME SRANDOM COPROC BASH_ARGV0 BASH_XTRACEFD";
/// Variables of numbers: zsh and mksh evaluate their values as arithmetic.
const NUMBERS: &[&str] = &["COLUMNS", "LINES"];

/// Commands that change what later words mean, or that evaluate their words. In words.
const REFUSED: &str = "alias unalias eval . source trap shopt setopt unsetopt emulate enable disable hash zmodload autoload functions \
    integer float let declare typeset nameref bindkey compdef fc mapfile readarray getopts print vared sched logout bind complete compgen \
    caller dirs disown suspend history limit unlimit";
/// Commands that set the variables which they name.
const SETTERS: &[&str] = &["read", "export", "readonly", "local", "unset", "set"];

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Ends a simple command: applies its effects, and adds the step that runs it.
    pub(super) fn end_simple_command(&mut self) -> Result<(), Refusal> {
        let level = self.level()?;
        let (Some(index), connector) = (level.command, level.connector) else {
            return Ok(());
        };
        let Some(command) = self.out.commands.get(index) else {
            return Ok(());
        };
        if command.words.is_empty() && !command.redirects.is_empty() {
            return self.refuse("a redirect without a program, for which zsh runs `cat`; write `:` before it");
        }
        self.apply_assignments(index)?;
        self.apply_words(index)?;
        self.out.steps.push(LineStep::Run(super::narrow(index), connector));
        Ok(())
    }

    /// Applies the assignments of a command.
    fn apply_assignments(&mut self, index: usize) -> Result<(), Refusal> {
        let Some(command) = self.out.commands.get(index) else {
            return Ok(());
        };
        if command.assignments.is_empty() {
            return Ok(());
        }
        let start = command.span.start as usize;
        let is_lasting = command.words.is_empty();
        let reads = command.words.first().is_some_and(|word| word.text == WordText::Exact("read".to_owned()));
        let assignments: Vec<(usize, usize, Text)> = command
            .assignments
            .iter()
            .map(|assignment| {
                let value_start = assignment.value.span.start as usize;
                let name_end = value_start.saturating_sub(1);
                let is_number = self.numbers.binary_search(&assignment.value.span.start).is_ok();
                let value = if is_number { Text::Number } else { Text::from(&assignment.value.text) };
                (name_end.saturating_sub(assignment.name.len()), name_end, value)
            })
            .collect();
        let is_conditional = self.level()?.has_or;
        let loops = self.loops();
        for (name_start, name_end, value) in assignments {
            let name = self.slice(name_start, name_end);
            if NUMBERS.contains(&name) {
                let is_number = value.exact().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                if !is_number {
                    return Err(Refusal::byte(
                        name_start,
                        "a value that some shell evaluates as arithmetic; write digits",
                    ));
                }
            } else if !(name == "IFS" && reads) {
                check_name(name, name_start)?;
            }
            let value = (is_lasting && !is_conditional).then_some(value);
            if !self.variables.assign(name, value, start, &loops) {
                return Err(Refusal::byte(name_start, STALE));
            }
        }
        Ok(())
    }

    /// Applies the effects of builtin commands.
    fn apply_words(&mut self, index: usize) -> Result<(), Refusal> {
        let Some(command) = self.out.commands.get(index) else {
            return Ok(());
        };
        let at = command.span.start as usize;
        let mut words = command.words.as_slice();
        // These run builtin commands too.
        while let [runner, name, ..] = words
            && matches!(exact(runner), Some("command" | "builtin" | "exec"))
        {
            match exact(name) {
                Some("-v" | "-V") if exact(runner) == Some("command") => return Ok(()),
                Some(option) if option.starts_with('-') => {
                    return Err(Refusal::byte(at, "an option of `command`, `builtin` or `exec`; leave it out"));
                }
                Some(_) => {}
                None => return Err(Refusal::byte(at, "the program's name is not a literal; write it out")),
            }
            words = words.get(1..).unwrap_or_default();
        }
        let Some((name, arguments)) = words.split_first() else {
            return Ok(());
        };
        let name = exact(name).unwrap_or_default();
        if is_listed(REFUSED, name) {
            return Err(Refusal::byte(at, "a command that changes what later words mean; write what it does"));
        }
        self.check_builtin(name, arguments).map_err(|reason| Refusal::byte(at, reason))?;
        if name == "set" && !arguments.iter().all(is_plain_option) {
            return Err(Refusal::byte(at, "`set` with more than `-e`, `-u`, `-x` and `-o pipefail`; leave it out"));
        }
        if matches!(name, "cd" | "chdir" | "pushd" | "popd") {
            return self.check_move(at);
        }
        if SETTERS.contains(&name) {
            let names: Option<Vec<&str>> = arguments.iter().map(exact).collect();
            let names: Option<Vec<String>> = names.map(|names| names.into_iter().map(str::to_owned).collect());
            return self.set_by_command(at, names);
        }
        Ok(())
    }

    /// Forgets the variables that a command sets; all of them if a word of it is not known.
    fn set_by_command(&mut self, at: usize, words: Option<Vec<String>>) -> Result<(), Refusal> {
        let loops = self.loops();
        let Some(words) = words else {
            return if self.variables.forget_all(&loops) { Ok(()) } else { Err(Refusal::byte(at, STALE)) };
        };
        for word in words {
            let name = word.split(['=', '+', '[']).next().unwrap_or_default();
            if !characters::is_name(name) {
                continue;
            }
            check_name(name, at)?;
            if !self.variables.forget(name, &loops) {
                return Err(Refusal::byte(at, STALE));
            }
        }
        Ok(())
    }

    /// Refuses a change of the directory in a loop, or in a part of a pipe that some shells do not run in a subshell.
    fn check_move(&self, at: usize) -> Result<(), Refusal> {
        if self.levels.last().is_some_and(|level| level.is_timed) {
            return Err(Refusal::byte(
                at,
                "`time` before a change of the directory, which dash does not make; leave `time` out",
            ));
        }
        for level in self.levels.iter().rev() {
            if level.is_piped {
                return Err(Refusal::byte(at, "the directory changes at the end of a pipe; use a subshell in it"));
            }
            if level.loop_start().is_some() {
                return Err(Refusal::byte(at, "the directory changes in a loop; use a subshell in it"));
            }
            if matches!(level.construct, Construct::Subshell | Construct::Substitution(_)) {
                break;
            }
        }
        Ok(())
    }
}

/// Refuses to set a variable that changes how the rest is read.
pub(super) fn check_name(name: &str, at: usize) -> Result<(), Refusal> {
    if is_listed(SPECIAL, name) || NUMBERS.contains(&name) {
        return Err(Refusal::byte(at, "a variable that means something to some shell; use another name"));
    }
    Ok(())
}

/// Returns true if a list of words has a word.
fn is_listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// Returns true for the options of `set` that leave the reading as it is.
fn is_plain_option(word: &Word) -> bool {
    exact(word).is_some_and(|text| {
        matches!(text, "pipefail" | "errexit" | "nounset" | "xtrace")
            || text
                .strip_prefix(['-', '+'])
                .is_some_and(|flags| !flags.is_empty() && flags.bytes().all(|flag| b"euxo".contains(&flag)))
    })
}
