//! The reading of a shell line: every simple command of every branch, with its words.

/// The shells that a line must mean the same to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShellSyntax {
    /// The syntax that bash, dash, zsh and mksh read alike.
    #[default]
    Sh,
    /// The same, and syntax of bash alone: `$'…'`, `[[ … ]]`, `case`, braces.
    Bash,
}

/// A shell line as it is understood.
///
/// The commands stand in a flat list, in the order of the text. Nesting (subshells, substitutions, branches) is in `steps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellLine {
    /// Every simple command of every branch, also those in substitutions.
    pub commands: Vec<SimpleCommand>,
    /// The steps through the line, in order: they say where directories are entered, branched and left.
    pub steps: Vec<LineStep>,
}

/// A step through a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStep {
    /// The simple command of this position in [`ShellLine::commands`] runs.
    Run(u32, Connector),
    /// A subshell, a part of a pipe or a substitution begins: a change of the directory in it ends with it.
    Enter,
    /// It ends.
    Leave,
    /// Between the [`Leave`](Self::Leave) of a part of a pipe and the [`Enter`](Self::Enter) of the next one, which reads its output.
    Pipe,
    /// A branch begins that may run or not: after it, the directory is that before it or that after it. What follows `!` is one too,
    /// since a connector after it means the opposite; and a list with `&&` or `||` before `&`, of which zsh runs a part in the shell itself.
    Branch,
    /// The branch ends.
    Join,
    /// The condition and body of a loop begin: they run any number of times.
    Loop,
    /// The loop ends.
    EndLoop,
}

/// The condition under which a command runs, seen from the command before it in the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// The first command of its list, or one after `;`, `&` or a newline.
    Always,
    /// After `&&`: the command before it succeeded.
    And,
    /// After `||`: the command before it failed.
    Or,
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// Assignments before the first word.
    pub assignments: Vec<Assignment>,
    /// The program's name, which is exact, and its arguments. Empty if the command only assigns or redirects. A `for` loop is a command
    /// that assigns the loop's variable.
    pub words: Vec<Word>,
    /// The redirects, in order. Those of a group, a subshell or a loop belong to a command without words before it.
    pub redirects: Vec<Redirect>,
    /// The bytes of the command in the line.
    pub span: Span,
}

/// Bytes of a text, from `start` up to and without `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

/// A variable assigned before a command, or by a command without words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable's name.
    pub name: String,
    /// The value.
    pub value: Word,
}

/// A word after quote removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text, as far as it is known.
    pub text: WordText,
    /// True if any part of the word is quoted. A quoted word cannot be a keyword, and `~` and `=` in it mean themselves.
    pub is_quoted: bool,
    /// The bytes of the word in the line.
    pub span: Span,
}

/// The text of a word, as far as it is known before the line runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordText {
    /// This text.
    Exact(String),
    /// One of these texts: a variable of a loop over literals. At most 32.
    OneOf(Vec<String>),
    /// The names that match this pattern; the pattern itself if none does. In it, a backslash precedes each literal character that a
    /// pattern would read otherwise.
    Glob(String),
    /// Any text: the output of a command, or a variable. `is_one` says that it is quoted, so it is one word; if not, it is any number of
    /// words. `prefix` is the literal text before the unknown part.
    Unknown {
        /// The word stays one word.
        is_one: bool,
        /// The literal text at the beginning.
        prefix: String,
    },
    /// The name of a pipe that the shell makes for `<( … )` or `>( … )`. Its other end is commands of this line.
    Stream,
}

/// A redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor, if the line writes one.
    pub descriptor: Option<u8>,
    /// The kind.
    pub kind: RedirectKind,
}

/// The kind of a redirect, with its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// `< FILE`
    Read(Word),
    /// `> FILE`, `>| FILE`, `>> FILE`
    Write(Word),
    /// `<> FILE`
    ReadWrite(Word),
    /// `2>&1`, `<&3`, `>&-`: no file.
    Duplicate,
    /// A here-document.
    HereDocument(HereText),
}

/// The text of a here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HereText {
    /// The lines, with their newlines, after leading tabs are removed for `<<-`.
    pub text: String,
}
