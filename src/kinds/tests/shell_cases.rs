//! `case` of bash: each branch is read, and runs or not.

#![allow(clippy::panic, reason = "a failed step is a failed test")]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_kinds::command::{LineStep, ShellLine, ShellSyntax, WordText, read};

fn line(text: &str) -> ShellLine {
    read(text, ShellSyntax::Bash).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

/// Returns the words of each command: texts, and `?` for one that is not known.
fn words(line: &ShellLine) -> Vec<String> {
    let word = |text: &WordText| match text {
        WordText::Exact(text) | WordText::Glob(text) => text.clone(),
        WordText::OneOf(texts) => texts.join("|"),
        WordText::Unknown { .. } | WordText::Stream => "?".to_owned(),
    };
    let commands = line.commands.iter().filter(|command| !command.words.is_empty());
    commands.map(|command| command.words.iter().map(|read| word(&read.text)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_branch_of_a_case_is_read() {
    for (text, expected) in [
        ("case x in x) a;; esac", &["a"][..]),
        ("case x in x|y) a b;; (z) c; d;; *) e | f;; esac; g", &["a b", "c", "d", "e", "f", "g"]),
        ("case $(a) in\n\n x )\n b\n ;;\n # none\n y) esac && c", &["a", "b", "c"]),
        ("case \"$x\" in \"\") ;; 'a b') a; ;; [a-z]*) b & ;; esac > f", &["a", "b"]),
        ("case a in if) c;; esac | b", &["c", "b"]),
        ("case a=b in a=*) case c in c) d;; esac;; esac", &["d"]),
        ("for f in a b; do case $f in a) ls $f;; esac; done", &["ls a|b"]),
        ("! case x in x) a;; esac || b", &["a", "b"]),
        ("case 1 in 1) a;; 2) b;; esac", &["a", "b"]),
        ("case x in x) a <<E;; y) b;; esac\ntext\nE", &["a", "b"]),
        ("case x in x) a <<E\ntext\nE\n;; y) b;; esac", &["a", "b"]),
    ] {
        assert_eq!(words(&line(text)), expected, "{text}");
        assert!(read(text, ShellSyntax::Sh).is_err(), "{text}");
    }
}

#[test]
fn a_branch_leaves_a_variable_unknown_and_a_directory_uncertain() {
    assert_eq!(words(&line("x=a; case y in y) x=b; ls $x;; *) ls $x;; esac; ls $x")), ["ls b", "ls ?", "ls ?"]);
    assert_eq!(words(&line("x=a; case y in y) ls $x;; esac; ls $x")), ["ls a", "ls a"]);
    let steps = line("case y in y) cd a;; *) cd b;; esac; ls").steps;
    let branches = steps.iter().filter(|step| **step == LineStep::Branch).count();
    assert_eq!((branches, steps.iter().filter(|step| **step == LineStep::Join).count()), (2, 2));
}
