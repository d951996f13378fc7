//! Profiles of the tests: one that looks, one that edits, and variants.

use callgate_kinds::Refusal;
use callgate_kinds::command::{self, CommandEntry, CommandRules, EntryArguments, Judged, PathScope, ShellSyntax};
use callgate_kinds::path::{Os, PathRules, Workspace};
use callgate_kinds::url::HostRules;

pub(crate) const LOOK: &[&str] = &[
    "ls",
    "cat",
    "head",
    "tail",
    "wc",
    "nl",
    "sed -n",
    "grep",
    "rg",
    "find",
    "tree",
    "stat",
    "sort",
    "uniq",
    "cut",
    "diff",
    "jq",
    "pwd",
    "cd",
    "echo",
    "test",
    "[",
    "true",
    "git status",
    "git diff",
    "git log",
    "git show",
    "git blame",
    "git ls-files",
    "git rev-parse",
    "git branch --show-current",
];
const OFFLINE: &[&str] = &[
    "mkdir",
    "touch",
    "cp",
    "mv",
    "rm",
    "sed -i",
    "tee",
    "chmod +x",
    "git add",
    "git commit",
    "git stash",
    "npm test",
    "npm run build",
    "npm run lint",
    "pytest",
    "python -m pytest",
];
const RUST: &[&str] = &["cargo check", "cargo test", "cargo clippy", "cargo fmt", "cargo build"];
const ASK: &[&str] = &["git push", "git fetch", "npm install", "pip install"];

/// A profile: its entries and paths, in `/work/project`.
pub(crate) struct Profile {
    workspace: Workspace,
    rules: CommandRules,
    read: PathRules,
    write: PathRules,
    hosts: HostRules,
    is_recursive: bool,
}

pub(crate) fn entries(words: &[&str]) -> Vec<CommandEntry> {
    words.iter().map(|words| CommandEntry { words: (*words).to_owned(), arguments: None }).collect()
}

pub(crate) fn entry(words: &str, arguments: EntryArguments) -> CommandEntry {
    CommandEntry { words: words.to_owned(), arguments: Some(arguments) }
}

impl Profile {
    pub(crate) fn new(run: &[CommandEntry], ask: &[CommandEntry], read: &[&str], write: &[&str]) -> Self {
        let workspace = Workspace::new("/work/project", Os::Posix).unwrap();
        let paths = |entries: &[&str]| {
            let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
            PathRules::compile(&entries, &workspace).unwrap()
        };
        let (read, write) = (paths(read), paths(write));
        Self {
            rules: CommandRules::compile(run, ask).unwrap(),
            workspace,
            read,
            write,
            hosts: HostRules::default(),
            is_recursive: true,
        }
    }

    /// Contract 1: a read-only agent.
    pub(crate) fn look() -> Self {
        Self::new(&entries(LOOK), &[], &[".", "!.git", "!.env*"], &[])
    }

    /// Contract 2: an agent that edits, and asks before it reaches the network.
    pub(crate) fn edit() -> Self {
        let run = [LOOK, OFFLINE, RUST].concat();
        let paths = [".", "!.git", "!.env*"];
        Self::new(&entries(&run), &entries(ASK), &paths, &paths)
    }

    /// Every program that has a model, in the project.
    pub(crate) fn wide() -> Self {
        Self::wide_in(&[".", "!.git", "!.env*"])
    }

    /// Every program that has a model, with these paths.
    pub(crate) fn wide_in(paths: &[&str]) -> Self {
        let words: Vec<&str> = command::program_models().iter().map(|model| model.words).collect();
        Self::new(&entries(&words), &[], paths, paths)
    }

    /// A profile that may run these commands, and read and write the project.
    pub(crate) fn of(run: &[&str]) -> Self {
        let paths = [".", "!.git", "!.env*"];
        Self::new(&entries(run), &[], &paths, &paths)
    }

    pub(crate) fn with_host(mut self, host: &str) -> Self {
        self.hosts = HostRules::compile(&[host.to_owned()]).unwrap();
        self
    }

    pub(crate) fn without_recursion(mut self) -> Self {
        self.is_recursive = false;
        self
    }

    pub(crate) fn judge(&self, line: &str) -> Result<Judged, Refusal> {
        let line = command::read(line, ShellSyntax::Bash)?;
        self.judge_read(&line)
    }

    pub(crate) fn judge_read(&self, line: &command::ShellLine) -> Result<Judged, Refusal> {
        let base = self.workspace.root();
        let scope = PathScope {
            workspace: &self.workspace,
            base: &base,
            read: &self.read,
            write: &self.write,
            hosts: &self.hosts,
            is_recursive: self.is_recursive,
        };
        command::judge(line, &self.rules, &scope)
    }
}
