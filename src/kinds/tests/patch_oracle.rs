//! Appliers change no file that the reader does not report: `git apply`, GNU patch and, if `CALLGATE_CODEX` names its binary, Codex.
//!
//! Seeded mutants of the data and of the seeds below run in a tree of their own. `CALLGATE_PATCH_SECONDS` is the time for them.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it skips"
)]

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callgate_kinds::patch::{PatchFormat, read};

/// Names that exist in the tree, with lines that the seeds change.
const NAMES: [&str; 10] = ["a", "b", "c", "x", "src/a", "src/b", "sub/c", "b/c", "a/b", "src/a.rs"];
const CONTENT: &str = "one\ntwo\na\nx\n";

const SEEDS: [&str; 12] = [
    "--- a/src/a\n+++ b/src/a\n@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n",
    "--- a/x\n+++ b/x\n@@ -2 +2 @@\n-two\n+TWO\n--- a/src/b\n+++ b/src/b\n@@ -1 +1,2 @@\n one\n+more\n",
    "--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+x\n",
    "--- a/x\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-one\n-two\n-a\n-x\n",
    "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\ndiff --git a/src/a b/src/a\nold mode 100644\nnew mode 100755\n",
    "diff --git a/src/a b/q\nsimilarity index 90%\ncopy from src/a\ncopy to q\nindex 1234567..89abcde 100644\n--- a/src/a\n+++ b/q\n@@ -1 +1 @@\n-one\n+ONE\n",
    "diff --git a/n b/n\nnew file mode 100644\nindex 0000000..1234567\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n",
    "diff --git a/x b/x\ndeleted file mode 100644\nindex 1234567..0000000\n--- a/x\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-one\n-two\n-a\n-x\n",
    "Subject: text\n\n---\n x | 2 +-\n\ndiff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+ONE\n-- \n2.39.5\n",
    "*** Begin Patch\n*** Update File: x\n@@\n-two\n+TWO\n*** Add File: n/m\n+x\n*** Delete File: b\n*** End Patch",
    "*** Begin Patch\n*** Update File: x\n*** Move to: y\n@@ one\n two\n-a\n+A\n*** Update File: src/a\n@@\n one\n+more\n*** End of File\n*** End Patch\n",
    "*** Begin Patch\n*** Add File: n\n+*** Delete File: x\n+\n*** Update File: c\n@@\n \n one\n-two\n*** End Patch",
];

/// Lines that a mutant takes in.
const LINES: [&str; 44] = [
    "--- a/x",
    "+++ b/x",
    "--- a/b",
    "+++ b/b",
    "--- /dev/null",
    "+++ /dev/null",
    "@@ -1 +1 @@",
    "@@ -0,0 +1 @@",
    "-two",
    "+TWO",
    " a",
    "",
    "\\ No newline at end of file",
    "rename from x",
    "rename to c",
    "copy from a",
    "copy to b",
    "new file mode 100644",
    "deleted file mode 100644",
    "old mode 100644",
    "new mode 100755",
    "similarity index 100%",
    "index 0000000..1234567",
    "diff --git a/x b/x",
    "diff --git a/b b/b",
    "diff --git a/x b/c",
    "Index: c",
    "Prereq: x",
    "*** a/x",
    "--- a/c\t2020-01-01",
    "text",
    "2c2",
    "-- ",
    "---",
    "*** Add File: b",
    "*** Delete File: c",
    "*** Update File: src/a",
    "*** Move to: src/b",
    "*** End Patch",
    "*** Begin Patch",
    "@@",
    " *** Delete File: x",
    "*** End of File",
    "\t",
];

/// Pieces that a mutant inserts into a line.
const PIECES: [&str; 26] = [
    " ", "\t", "\r", "a/", "b/", "../", "./", "/", "\"", "\\", "'", "X", "-", "+", "*** ", "--- ", "\u{a0}",
    "\u{2028}", "\u{c}", "1", ",", "0", "\u{feff}", ".orig", "@", "é",
];

/// A small generator of numbers: the same seed gives the same mutants everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn mutant(&mut self, seeds: &[String]) -> String {
        let mut lines: Vec<String> = seeds[self.below(seeds.len())].split('\n').map(str::to_owned).collect();
        for _ in 0..=self.below(3) {
            let at = self.below(lines.len());
            match self.below(8) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, LINES[self.below(LINES.len())].to_owned()),
                2 => lines[at] = LINES[self.below(LINES.len())].to_owned(),
                3 => {
                    let other: Vec<&str> = seeds[self.below(seeds.len())].split('\n').collect();
                    let from = self.below(other.len());
                    lines.splice(at..at, other[from..].iter().map(|line| (*line).to_owned()));
                }
                4 => {
                    let names = (NAMES[self.below(NAMES.len())], NAMES[self.below(NAMES.len())]);
                    lines[at] = lines[at].replace(names.0, names.1);
                }
                5 => {
                    let other = self.below(lines.len());
                    lines.swap(at, other);
                }
                _ => {
                    let places: Vec<usize> =
                        lines[at].char_indices().map(|(place, _)| place).chain([lines[at].len()]).collect();
                    let place = places[self.below(places.len())];
                    lines[at].insert_str(place, PIECES[self.below(PIECES.len())]);
                }
            }
            if lines.is_empty() {
                lines.push(String::new());
            }
        }
        lines.join("\n")
    }
}

/// A folder with a tree in it, removed at the end.
struct Tree {
    outer: PathBuf,
}

impl Tree {
    fn new(name: &str) -> Self {
        let outer = std::env::temp_dir().join(format!("callgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&outer).unwrap();
        Self { outer }
    }

    fn inner(&self) -> PathBuf {
        self.outer.join("deep/tree")
    }

    /// Writes a new tree: the names, and files that a reading reports.
    fn fill(&self, reported: &BTreeSet<String>) {
        let _ = std::fs::remove_dir_all(&self.outer);
        std::fs::create_dir_all(self.inner()).unwrap();
        for name in NAMES.into_iter().chain(reported.iter().map(String::as_str)) {
            let path = self.inner().join(name);
            // A name may be a folder of another: that one is left out.
            if path.parent().is_some_and(|folder| std::fs::create_dir_all(folder).is_ok()) {
                let _ = std::fs::write(path, CONTENT);
            }
        }
    }

    fn files(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut files = BTreeMap::new();
        walk(&self.outer, &self.inner(), &mut files);
        files
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.outer);
    }
}

fn walk(folder: &Path, root: &Path, files: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            walk(&path, root, files);
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_str().unwrap().to_owned();
            files.insert(name, (meta.permissions().mode(), std::fs::read(&path).unwrap_or_default()));
        }
    }
}

/// Runs an applier in the tree; returns the names that changed.
fn touched(tree: &Tree, program: &mut Command, input: Option<&str>) -> BTreeSet<String> {
    let before = tree.files();
    let mut child = program
        .current_dir(tree.inner())
        .env("GIT_CEILING_DIRECTORIES", &tree.outer)
        .env_remove("POSIXLY_CORRECT")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes());
    child.wait().unwrap();
    let after = tree.files();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Tells if each changed file is reported, or is one in which GNU patch keeps what it could not apply.
fn are_reported(names: &BTreeSet<String>, reported: &BTreeSet<String>) -> bool {
    let beside = |name: &str| {
        [".rej", ".orig"].iter().filter_map(|end| name.strip_suffix(end)).any(|name| reported.contains(name))
    };
    names.iter().all(|name| reported.contains(name) || beside(name))
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

fn seconds() -> Duration {
    let text = std::env::var("CALLGATE_PATCH_SECONDS").ok();
    Duration::from_secs(text.and_then(|text| text.parse().ok()).unwrap_or(10))
}

/// Gives seeds and mutants to `check` until the time is over; returns how many it accepted.
fn run(seed: u64, keep: impl Fn(&str) -> bool, mut check: impl FnMut(&str) -> bool) -> usize {
    let data = rows::rows("patch");
    let seeds: Vec<String> = SEEDS
        .iter()
        .map(|seed| (*seed).to_owned())
        .chain(data.iter().map(|row| rows::text(row, "input").to_owned()))
        .filter(|seed| keep(seed))
        .collect();
    let mut accepted = seeds.iter().filter(|seed| check(seed)).count();
    let mut numbers = Numbers(seed);
    let end = Instant::now() + seconds();
    while Instant::now() < end {
        accepted += usize::from(check(&numbers.mutant(&seeds)));
    }
    accepted
}

/// Names that no applier must be given outside a sandbox.
fn is_local(name: &str) -> bool {
    !name.starts_with('/') && !name.split('/').any(|part| matches!(part, "" | "." | ".."))
}

fn seed() -> u64 {
    std::env::var("CALLGATE_PATCH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
}

#[test]
fn git_and_gnu_patch_change_only_reported_files() {
    let (git, gnu) = (is_there("git"), is_there("patch"));
    let tree = Tree::new("patch");
    let mut changed = 0;
    let accepted = run(
        seed(),
        |seed| !seed.contains("Begin Patch"),
        |patch| {
            let mut is_accepted = false;
            for (format, strip) in
                [(PatchFormat::Git, 1), (PatchFormat::Unified, 1), (PatchFormat::Git, 0), (PatchFormat::Git, 2)]
            {
                let Ok(files) = read(patch, format, strip) else { continue };
                is_accepted = true;
                let reported: BTreeSet<String> = files.into_iter().map(|file| file.path).collect();
                let strip = format!("-p{strip}");
                let mut programs: Vec<Vec<&str>> = Vec::new();
                if git {
                    programs.extend([
                        vec!["git", "apply", &strip],
                        vec!["git", "apply", "--reject", "--unsafe-paths", &strip],
                    ]);
                }
                if gnu {
                    programs.extend([
                        vec!["patch", "-f", &strip],
                        vec!["patch", "--posix", "-f", &strip],
                        vec!["patch", "-t", &strip],
                    ]);
                }
                for words in &programs {
                    tree.fill(&reported);
                    let names = touched(&tree, Command::new(words[0]).args(&words[1..]), Some(patch));
                    changed += names.len();
                    assert!(
                        are_reported(&names, &reported),
                        "{words:?} changed {names:?}, reported {reported:?}\n{patch}"
                    );
                }
                if git {
                    // The names that git reads, also if no content matches.
                    let mut child = Command::new("git")
                        .args(["apply", "--numstat", "-z", &strip])
                        .current_dir(tree.inner())
                        .env("GIT_CEILING_DIRECTORIES", &tree.outer)
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::null())
                        .spawn()
                        .unwrap();
                    let _ = child.stdin.take().unwrap().write_all(patch.as_bytes());
                    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
                    for name in
                        output.split('\0').filter_map(|line| line.rsplit('\t').next()).filter(|name| !name.is_empty())
                    {
                        assert!(reported.contains(name), "git reads {name}, reported {reported:?}\n{patch}");
                    }
                }
            }
            is_accepted
        },
    );
    eprintln!("{accepted} patches accepted, {changed} files changed");
    assert!(!git && !gnu || changed > 50);
}

#[test]
fn codex_changes_only_reported_files() {
    let Some(codex) = std::env::var_os("CALLGATE_CODEX") else {
        eprintln!("SKIPPED: CALLGATE_CODEX does not name the binary of Codex");
        return;
    };
    let tree = Tree::new("codex");
    let mut changed = 0;
    let accepted = run(
        seed(),
        |seed| seed.contains("Begin Patch"),
        |patch| {
            let Ok(files) = read(patch, PatchFormat::Codex, 0) else { return false };
            let reported: BTreeSet<String> = files.into_iter().map(|file| file.path).collect();
            if !reported.iter().all(|name| is_local(name)) {
                return false;
            }
            tree.fill(&reported);
            // The name of the program chooses the applier.
            let names = touched(&tree, Command::new(&codex).arg0("apply_patch").arg(patch), None);
            changed += names.len();
            assert!(are_reported(&names, &reported), "Codex changed {names:?}, reported {reported:?}\n{patch}");
            true
        },
    );
    eprintln!("{accepted} patches accepted, {changed} files changed");
    assert!(changed > 20);
}
