//! Globs: a literal directory, and patterns below it.
//!
//! Programs differ in what a glob means, so the reader accepts only `*`, `?`, `[…]`, `**` between two `/`, and `{a,b}` without nesting.
//!
//! A glob has no list of names before it runs. So a rule that forbids a name is compared with the pattern itself. [`PathRules::check_glob`]
//! refuses a glob that aims at a forbidden name: `.e*` aims at `.env`, `*.p*` at `*.pem`. It does not see what `*` and `**` reach by chance;
//! [`PathRules::check_glob_strict`] does, and refuses it.

use super::pattern::NamePattern;
use super::route::{Component, Segment, Strictness};
use super::rules::{PathRules, folded};
use super::{Os, ResolvedPath, Workspace, braces, fold, text, windows};
use crate::Refusal;

/// The most `*` and `**` of a glob.
const MOST_STARS: usize = 16;

/// The most bytes of all alternatives together.
const MOST_BYTES: usize = 8192;

/// The most names and patterns after the literal directory of an alternative.
const MOST_NAMES: usize = 64;

/// A glob, resolved against a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    alternatives: Vec<Alternative>,
}

/// One of the texts that the braces of a glob stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alternative {
    /// The directory before the first pattern.
    directory: ResolvedPath,
    /// The names and patterns below it, widened.
    rest: Vec<Segment>,
}

/// The grammar of a glob.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grammar {
    /// A tool's argument: braces are alternatives, and `..` is refused.
    Argument,
    /// A word of a shell line: a backslash makes a character plain, and a brace is one.
    Word,
}

// === impl Glob ===

impl Glob {
    /// Reads the argument of a tool. A relative glob begins at `base`.
    ///
    /// # Errors
    ///
    /// Programs read the text in different ways, it has `..`, or it is over a bound (16 stars, 64 alternatives).
    pub fn read(text: &str, workspace: &Workspace, base: &ResolvedPath) -> Result<Self, Refusal> {
        check(text, Grammar::Argument, workspace.os())?;
        let texts = braces::expand(text).map_err(|(at, reason)| Refusal::byte(at, reason))?;
        if texts.iter().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(Refusal::whole("has alternatives of more than 8,192 bytes together"));
        }
        let is_one = texts.len() == 1;
        let read = |text: &String| {
            let alternative = read_alternative(text, Grammar::Argument, workspace, base);
            // Bytes of an alternative are not those of the text.
            alternative.map_err(|refusal| if is_one { refusal } else { Refusal::whole(refusal.reason) })
        };
        Ok(Self { alternatives: texts.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Reads a word of a shell line after quote removal, in which a backslash precedes each literal character that a pattern would read
    /// otherwise. `..` may stand before the first pattern.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn read_word(word: &str, workspace: &Workspace, base: &ResolvedPath) -> Result<Self, Refusal> {
        check(word, Grammar::Word, workspace.os())?;
        Ok(Self { alternatives: vec![read_alternative(word, Grammar::Word, workspace, base)?] })
    }

    /// Returns the literal directory of each alternative: all that matches lies in it or below it. A glob without a pattern is the path
    /// itself.
    pub fn directories(&self) -> impl Iterator<Item = &ResolvedPath> {
        self.alternatives.iter().map(|alternative| &alternative.directory)
    }
}

/// Refuses characters that no glob may have.
fn check(text: &str, grammar: Grammar, os: Os) -> Result<(), Refusal> {
    text::check_length(text)?;
    text::check_ends(text)?;
    if text.starts_with(['~', '$']) {
        return Err(Refusal::byte(0, "begins with `~` or `$`, which some programs replace"));
    }
    if grammar == Grammar::Argument && text.starts_with('!') {
        return Err(Refusal::byte(0, "begins with `!`, which negates a glob in some programs"));
    }
    let (mut stars, mut last) = (0, '/');
    for (at, c) in text.char_indices() {
        if let Some(reason) = text::strange(c) {
            return Err(Refusal::byte(at, reason));
        }
        stars += usize::from(c == '*' && last != '*');
        match (c, grammar) {
            ('\\', Grammar::Argument) => {
                return Err(Refusal::byte(at, "has a backslash, which escapes or separates"));
            }
            ('(' | ')' | '|', Grammar::Argument) => {
                return Err(Refusal::byte(at, "has an extended pattern, which programs read in different ways"));
            }
            ('%', _) if text::is_encoded(text, at) => {
                return Err(Refusal::byte(at, "has a percent-encoded separator or dot"));
            }
            (':', _) if os == Os::Posix || at != 1 => {
                return Err(Refusal::byte(at, "has `:`, which begins a scheme or a stream"));
            }
            _ if stars > MOST_STARS => return Err(Refusal::byte(at, "has more than 16 `*`")),
            _ => {}
        }
        last = c;
    }
    Ok(())
}

/// Reads a text without alternatives.
fn read_alternative(
    text: &str,
    grammar: Grammar,
    workspace: &Workspace,
    base: &ResolvedPath,
) -> Result<Alternative, Refusal> {
    let has_escapes = grammar == Grammar::Word;
    let mut at = 0;
    let mut literal = String::new();
    let mut rest = Vec::new();
    for name in text.split('/') {
        let pattern =
            NamePattern::read(name, has_escapes).map_err(|(byte, reason)| Refusal::byte(at + byte, reason))?;
        match pattern.as_name() {
            Some(dots) if dots == ".." && (grammar == Grammar::Argument || !rest.is_empty()) => {
                return Err(Refusal::byte(at, "has `..` in a pattern"));
            }
            Some(name) if rest.is_empty() => {
                literal.push_str(&name);
                literal.push('/');
            }
            Some(name) if name.is_empty() || name == "." => {}
            Some(name) => rest.push(Segment::Name(checked(&name, at, workspace.os())?)),
            None => rest.push(read_segment(name, &pattern, at, grammar, workspace.os())?),
        }
        if rest.len() > MOST_NAMES {
            return Err(Refusal::byte(at, "has more than 64 names after its first pattern"));
        }
        at += name.len() + 1;
    }
    // The separator after the last literal name is dropped, but for the root.
    if literal.len() > 1 {
        literal.pop();
    }
    let directory = if literal.is_empty() { base.clone() } else { workspace.resolve(&literal, base)? };
    Ok(Alternative { directory, rest })
}

/// Reads a name with a pattern.
fn read_segment(name: &str, pattern: &NamePattern, at: usize, grammar: Grammar, os: Os) -> Result<Segment, Refusal> {
    if name == "**" {
        return Ok(Segment::AnyDepth);
    }
    if grammar == Grammar::Argument && name.contains("**") {
        return Err(Refusal::byte(at, "has `**` beside other characters of a name"));
    }
    if name.contains(':') {
        return Err(Refusal::byte(at, "has `:` in a pattern"));
    }
    if os == Os::Windows && name.ends_with(['.', ' ']) {
        return Err(Refusal::byte(at, "has a name that ends in a dot or a blank, which Windows drops"));
    }
    let wide = pattern.widen();
    if !wide.is_comparable() || !pattern.is_comparable() {
        return Err(Refusal::byte(at, "has a pattern of more than 127 characters"));
    }
    if pattern.begins_with_dot() && (pattern.matches("..") || pattern.matches(".")) {
        return Err(Refusal::byte(at, "has a pattern that may match `..`"));
    }
    Ok(Segment::Pattern(wide))
}

/// Returns the folded form of a literal name after a pattern.
fn checked(name: &str, at: usize, os: Os) -> Result<String, Refusal> {
    text::check_name(name, at)?;
    if os == Os::Windows {
        windows::check_name(name, at)?;
    }
    Ok(fold::fold(name))
}

// === impl PathRules ===

impl PathRules {
    /// Checks a glob: an entry allows its literal directories, and it aims at no forbidden path.
    ///
    /// # Errors
    ///
    /// The directory is outside the allowed ones, or a pattern shares a letter, a digit or its first character with a forbidden name.
    pub fn check_glob(&self, glob: &Glob) -> Result<(), Refusal> {
        self.check_alternatives(glob, Strictness::Aimed)
    }

    /// Checks a glob: an entry allows its literal directories, and no forbidden path can be among its matches.
    ///
    /// # Errors
    ///
    /// The directory is outside the allowed ones, or a pattern has a name in common with a forbidden one.
    pub fn check_glob_strict(&self, glob: &Glob) -> Result<(), Refusal> {
        self.check_alternatives(glob, Strictness::Possible)
    }

    /// Checks a pattern of a shell line: as [`check_glob_strict`](Self::check_glob_strict), and `*` matches no dot at the start of a name.
    /// If programs may walk, a pattern with a letter or a digit may meet a forbidden one in stars alone: `*.rs` and `id_rsa*`.
    ///
    /// # Errors
    ///
    /// The directory is outside the allowed ones, or a pattern has a name in common with a forbidden one.
    pub fn check_glob_word(&self, glob: &Glob, may_walk: bool) -> Result<(), Refusal> {
        self.check_alternatives(glob, if may_walk { Strictness::ShellWritten } else { Strictness::Shell })
    }

    /// Checks a pattern of a shell line whose matches a program removes, moves or copies with all below.
    ///
    /// # Errors
    ///
    /// A forbidden path may lie below a match; if programs may not walk, also a forbidden name at any depth.
    pub fn check_glob_below(&self, glob: &Glob, may_walk: bool) -> Result<(), Refusal> {
        for Alternative { directory, rest } in &glob.alternatives {
            let names = folded(directory);
            let all = || names.iter().map(|name| Component::Name(name)).chain(rest.iter().map(component));
            if self.forbids_below(directory, all, !may_walk) {
                return Err(Refusal::whole("a path that the profile forbids may lie below a match"));
            }
        }
        Ok(())
    }

    /// Returns true if the pattern stands for all names of a directory that no allowed one holds.
    #[must_use]
    pub fn empties(&self, glob: &Glob) -> bool {
        glob.alternatives.iter().any(|Alternative { directory, rest }| {
            let is_all = |part: &Segment| match part {
                Segment::AnyDepth => true,
                Segment::Name(_) => false,
                Segment::Pattern(pattern) => !pattern.writes(),
            };
            rest.len() <= 1 && rest.iter().all(is_all) && !self.is_below_allowed(directory)
        })
    }

    /// Checks every alternative.
    fn check_alternatives(&self, glob: &Glob, strictness: Strictness) -> Result<(), Refusal> {
        for alternative in &glob.alternatives {
            self.check(&alternative.directory)?;
            let names = folded(&alternative.directory);
            let all = || names.iter().map(|name| Component::Name(name)).chain(alternative.rest.iter().map(component));
            if self.forbids(&alternative.directory, all, strictness) {
                return Err(Refusal::whole("a path that the profile forbids may be among the matches"));
            }
            let is_short = |part: &Segment| matches!(part, Segment::Name(name) if windows::is_short_name(name));
            if self.has_forbidden() && alternative.rest.iter().any(is_short) {
                return Err(Refusal::whole(super::rules::SHORT_NAME));
            }
        }
        Ok(())
    }
}

/// Returns a part of a glob as a component.
fn component(part: &Segment) -> Component<'_> {
    match part {
        Segment::AnyDepth => Component::AnyDepth,
        Segment::Name(name) => Component::Name(name),
        Segment::Pattern(pattern) => Component::Pattern(pattern),
    }
}
