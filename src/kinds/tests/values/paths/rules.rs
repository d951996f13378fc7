//! Entries that allow and forbid paths.

use super::{compile, project, resolve, windows};
use callgate_kinds::path::{Os, PathRules, SETS, Workspace};

/// Returns true if the entries allow the path.
fn allows(entries: &[&str], text: &str) -> bool {
    compile(entries, &project()).check(&resolve(text, &project())).is_ok()
}

#[test]
fn a_path_is_allowed_below_an_entry_and_nowhere_else() {
    let table: [(&[&str], &[&str], &[&str]); 9] = [
        (&[], &[], &[".", "a", "/"]),
        (&["."], &[".", "a", "a/b/.c", "a/../b"], &["..", "/", "/work", "/work/project2", "/etc/passwd"]),
        (&["docs"], &["docs", "docs/a/b"], &[".", "docs2", "a/docs", "Docs", "docs/../a"]),
        (&["./docs/"], &["docs", "docs/a"], &[".", "a"]),
        (&["src/**"], &["src", "src/a/b"], &["a/src", "."]),
        (&["**"], &[".", "a/b"], &[".."]),
        (&["/tmp/x"], &["/tmp/x", "/tmp/x/y"], &["/tmp", "/tmp/xy", "x", "."]),
        (&["/"], &["/", ".", "/etc/passwd"], &[]),
        (
            &["packages/*/src", "**/*.md", "{a,b/c}/[0-9]?.t"],
            &["packages/x/src/y", "packages/.x/src", "x.md", "a/b/x.md", "a/1x.t", "b/c/9\u{e9}.t"],
            &["packages/src", "packages/x/y/src", "packages", "x.mdx", "a/xx.t", "b/c/9.t", "c/1x.t"],
        ),
    ];
    for (entries, inside, outside) in table {
        for text in inside {
            assert!(allows(entries, text), "{entries:?} should allow {text}");
        }
        for text in outside {
            assert!(!allows(entries, text), "{entries:?} should not allow {text}");
        }
    }
}

#[test]
fn a_name_that_is_forbidden_is_forbidden_at_any_depth_with_all_below_it() {
    for text in [".git", ".git/config", "a/b/.git", "a/.git/hooks/pre-commit", "./x/../.git"] {
        assert!(!allows(&[".", "!.git"], text), "{text}");
        assert!(!allows(&["!.git", "."], text), "{text}: order does not matter");
        assert!(!allows(&[".", "!.git/"], text), "{text}");
        assert!(!allows(&[".", "!**/.git"], text), "{text}");
        assert!(!allows(&[".", "!**/.git/**"], text), "{text}");
    }
    for text in [".github", "git", "a.git", ".gitignore", ".gi", "x/.git2"] {
        assert!(allows(&[".", "!.git"], text), "{text}");
    }
}

#[test]
fn a_forbidden_path_is_forbidden_only_there() {
    let entries = [".", "!secrets/keys", "!./build", "!/work/project/out", "!a/*/c", "!x/**/y"];
    for text in ["secrets/keys", "secrets/keys/a", "Secrets/KEYS", "build/x", "out", "a/b/c/d", "x/y", "x/1/2/y/z"] {
        assert!(!allows(&entries, text), "{text}");
    }
    for text in ["secrets", "secrets/key", "b/secrets/keys", "b/build", "b/out", "a/c", "a/b/b/c", "x/1/2", "y"] {
        assert!(allows(&entries, text), "{text}");
    }
}

#[test]
fn other_spellings_of_a_forbidden_name_are_forbidden() {
    let entries = [".", "!.git", "!.env*", "!id_rsa", "!config.json", "!kiss"];
    let table = [
        ".GIT",
        ".Git/config",
        ".git.",
        ".git...",
        ".git ./x",
        ".git /x",
        ".ENV.local",
        "a/.eNv",
        "id_r\u{17f}a",
        "con\u{fb01}g.json",
        "config.j\u{17f}on",
        "\u{212a}iss",
        "ki\u{df}",
        "ki\u{1e9e}",
        "K\u{130}ss",
        "\u{131}d_rsa",
        ".\u{ff47}\u{ff49}\u{ff54}",
        "GIT~1",
        "git~1/config",
        "a/ENV~12.LOC",
    ];
    for text in table {
        assert!(!allows(&entries, text), "{text}");
    }
    for text in ["a~1b", "backup~1~", "long-name-here~1", "stra\u{df}e"] {
        assert!(allows(&entries, text), "{text}");
    }
    assert!(allows(&["."], "GIT~1"), "without a `!` entry, a short name can stand for nothing forbidden");
}

#[test]
fn names_above_the_workspace_are_not_compared_with_forbidden_names() {
    let workspace = Workspace::new("/home/u/.claude/worktrees/.git/x", Os::Posix).unwrap();
    let rules = compile(&[".", "/home/u", "!.git", "!@agents"], &workspace);
    assert!(rules.check(&resolve("src/a.rs", &workspace)).is_ok());
    assert!(rules.check(&resolve("src/.git", &workspace)).is_err());
    assert!(
        rules.check(&resolve("/home/u/.claude/other", &workspace)).is_err(),
        "outside the workspace all names count"
    );
}

#[test]
fn a_root_with_other_letters_is_compared_widely_with_what_is_forbidden() {
    let workspace = Workspace::new("/home/jos\u{e9}/p", Os::Posix).unwrap();
    let rules = compile(&["/", "!keys/private"], &workspace);
    for text in ["keys/private", "/home/jose\u{301}/p/keys/private/x", "/HOME/JOS\u{c9}/P/keys/private"] {
        assert!(rules.check(&resolve(text, &workspace)).is_err(), "{text}");
    }
    assert!(rules.check(&resolve("keys/public", &workspace)).is_ok());
}

#[test]
fn a_walk_is_refused_where_a_forbidden_path_may_lie_below() {
    let workspace = project();
    let tree =
        |entries: &[&str], text: &str| compile(entries, &workspace).check_tree(&resolve(text, &workspace)).is_ok();
    assert!(tree(&["."], "."));
    assert!(!tree(&["src"], "."), "a walk is checked like a path");
    assert!(!tree(&[".", "!.git"], "src"), "a name may be at any depth");
    let entries = [".", "!secrets/keys", "!a/*/c", "!x/**/y"];
    for text in [".", "secrets", "a", "a/b", "x", "x/1/2/3", "secrets/keys"] {
        assert!(!tree(&entries, text), "{text}");
    }
    for text in ["src", "secrets/other", "a/b/d", "a/b/d/c", "y"] {
        assert!(tree(&entries, text), "{text}");
    }
}

#[test]
fn the_whole_of_an_allowed_directory_cannot_be_removed() {
    let workspace = project();
    let below =
        |entries: &[&str], text: &str| compile(entries, &workspace).check_below(&resolve(text, &workspace)).is_ok();
    for text in [".", "..", "/", "./src/.."] {
        assert!(!below(&["."], text), "{text}");
        assert!(!below(&["/"], text), "{text}: the workspace and what holds it");
    }
    assert!(below(&["."], "src"));
    assert!(!below(&["src", "build/*"], "src"));
    assert!(!below(&["src", "build/*"], "build/x"));
    assert!(below(&["src", "build/*"], "build/x/y"));
    assert!(below(&["src", "."], "src"), "another entry allows a directory above it");
    assert!(!below(&[".", "!.git"], "a/.git"));
    assert!(!below(&[".", "!secrets/keys"], "secrets"), "the forbidden directory goes with it");
    assert!(below(&[".", "!secrets/keys"], "secrets/other"));
}

#[test]
fn entries_are_compared_on_windows_with_drives_and_without_case() {
    let workspace = windows();
    let rules = compile(&[".", r"D:\data", "c:/temp", r"!.git", r"!D:\data\secret", r"!keys\private"], &workspace);
    for text in [r"src\a", r"D:\data\x", "d:/data/x", r"C:\temp\x"] {
        assert!(rules.check(&resolve(text, &workspace)).is_ok(), "{text}");
    }
    for text in [r".GIT\x", r"D:\data\SECRET\x", "d:/data/secret", r"D:\x", r"C:\Temp", r"Keys\Private"] {
        assert!(rules.check(&resolve(text, &workspace)).is_err(), "{text}");
    }
    for entry in [r"\x", "C:x", r"\\server\share", "a:b", "!C:"] {
        assert!(PathRules::compile(&[entry.to_owned()], &workspace).is_err(), "{entry}");
    }
}

#[test]
fn an_entry_without_meaning_is_an_error_that_says_what_to_write() {
    let long = "a".repeat(1025);
    let deep = "a/".repeat(200);
    let table = [
        ("", "is empty; write `.`"),
        ("!", "is empty"),
        (long.as_str(), "is longer than 1,024 bytes"),
        (deep.as_str(), "has more than 127 directories"),
        ("@secrets", "names a set without `!`"),
        ("!@secret", "names no set; known: @secrets, @agents, @hooks"),
        ("!.", "forbids everything"),
        ("!**", "forbids everything"),
        ("!/", "forbids everything"),
        ("../x", "has `..`"),
        ("!a/../b", "has `..`"),
        ("~/x", "begins with `~`"),
        ("$HOME", "begins with `~` or `$`"),
        (" a", "byte 0: begins with a blank"),
        ("a\u{200b}b", "byte 1: has an invisible character"),
        ("!caf\u{e9}", "has letters that are not ASCII"),
        ("a\\b", "has a backslash"),
        ("C:/x", "has a backslash or `:`"),
        ("//x", "begins with `//`"),
        ("a**b", "has `**` beside other characters"),
        ("a[", "byte 1: has `[` without `]`"),
        ("a[]", "byte 1: has an empty class"),
        ("a[A-z]", "byte 1: has a range"),
        ("![!a]b", "has a class with `!`"),
        ("!a.", "has a name that ends in a dot"),
        ("*a*a*a*a*a*a*a*a*a", "byte 16: has more than 8 `*`"),
        ("{a}", "byte 0: has braces without a comma"),
        ("{a,{b,c}}", "byte 0: has braces in braces"),
        ("{a,b", "byte 0: has `{` without `}`"),
        ("a}", "byte 1: has `}` without `{`"),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "byte 30: has more than 64 alternatives"),
    ];
    for (entry, problem) in table {
        let error = PathRules::compile(&[".".into(), entry.into()], &project()).expect_err(entry);
        assert!(error.problem.starts_with(problem), "{entry:?}: {error}");
        assert_eq!(error.entry, 1);
    }
    let many = vec![".".to_owned(); 257];
    assert_eq!(PathRules::compile(&many, &project()).unwrap_err().entry, 256);
}

#[test]
fn every_set_compiles_on_every_system_and_forbids_its_own_names() {
    for set in SETS {
        for workspace in [project(), windows()] {
            let rules = compile(&[".", &format!("!{}", set.name)], &workspace);
            assert!(rules.check(&resolve("src/main.rs", &workspace)).is_ok());
            for entry in set.entries.iter().filter(|entry| !entry.contains(['*', '{'])) {
                let path = resolve(&format!("deep/{entry}/x"), &workspace);
                assert!(rules.check(&path).is_err(), "{entry}");
                assert_eq!(rules.forbidden_by(&path), Some(format!("!{}", set.name).as_str()));
            }
        }
    }
}

#[test]
fn common_source_files_are_in_no_set() {
    let rules = compile(&[".", "!@secrets", "!@agents", "!@hooks"], &project());
    for text in [
        "src/secrets.rs",
        "secret.py",
        "README.md",
        "package.json",
        "Makefile",
        "src/credentials.ts",
        "docs/agents.rst",
        "key.rs",
        "model.pth",
    ] {
        assert!(rules.check(&resolve(text, &project())).is_ok(), "{text}");
    }
}

#[test]
fn the_entry_that_decides_is_told() {
    let rules = compile(&["docs", "src/**", "!@hooks", "!.env*"], &project());
    let path = resolve("src/.env", &project());
    assert_eq!((rules.allowed_by(&path), rules.forbidden_by(&path)), (Some("src/**"), Some("!.env*")));
    assert_eq!(rules.allowed_by(&resolve("x", &project())), None);
}
