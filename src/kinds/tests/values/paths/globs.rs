//! Globs, and the paths that rules forbid them.

use super::{compile, project, resolve, windows};
use callgate_kinds::path::{Glob, Workspace};

/// Reads a glob that begins at the root.
fn read(text: &str, workspace: &Workspace) -> Result<Glob, String> {
    Glob::read(text, workspace, &workspace.root()).map_err(|refusal| refusal.to_string())
}

/// Reads a word of a shell line that begins at the root.
fn read_word(text: &str) -> Glob {
    Glob::read_word(text, &project(), &project().root()).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

/// Returns the verdicts of `check_glob` and `check_glob_strict`.
fn verdicts(entries: &[&str], text: &str) -> (bool, bool) {
    let (rules, glob) =
        (compile(entries, &project()), read(text, &project()).unwrap_or_else(|e| panic!("{text}: {e}")));
    (rules.check_glob(&glob).is_ok(), rules.check_glob_strict(&glob).is_ok())
}

#[test]
fn globs_that_programs_read_in_two_ways_are_refused() {
    let long = format!("{}*", "a".repeat(128));
    let wide = format!("{{a,b}}{{a,b}}{{a,b}}/{}", "x".repeat(1100));
    let deep = format!("*{}", "/a".repeat(64));
    let table = [
        (wide.as_str(), "has alternatives of more than 8,192 bytes"),
        (deep.as_str(), "byte 128: has more than 64 names"),
        ("", "is an empty path"),
        ("~/*", "byte 0: begins with `~` or `$`"),
        ("!*.rs", "byte 0: begins with `!`"),
        ("*.rs ", "byte 4: ends with a blank"),
        ("src\\**", "byte 3: has a backslash"),
        ("@(a|b)/**", "byte 1: has an extended pattern"),
        ("*(.)", "byte 1: has an extended pattern"),
        ("a|b", "byte 1: has an extended pattern"),
        ("../**", "byte 0: has `..`"),
        ("src/../*", "byte 4: has `..`"),
        ("src/*/../x", "byte 6: has `..`"),
        ("{..,src}/*", "has `..`"),
        ("%2e%2e/*", "byte 0: has a percent-encoded"),
        ("file:///*", "byte 4: has `:`"),
        (".*", "byte 0: has a pattern that may match `..`"),
        ("a/.?", "byte 2: has a pattern that may match `..`"),
        ("[.][.]/x", "byte 0: has a pattern that may match `..`"),
        ("[!a]*", "byte 0: has a pattern that may match `..`"),
        ("src/**.rs", "byte 4: has `**` beside"),
        ("a[", "byte 1: has `[` without `]`"),
        ("[[a]]", "byte 0: has a class"),
        ("[[:alpha:]]", "byte 2: has `:`"),
        ("[a/b]", "byte 0: has `[` without `]`"),
        ("{1..3}", "byte 0: has braces without a comma"),
        ("{a,{b,c}}", "byte 0: has braces in braces"),
        ("a*a*a*a*/a*a*a*a*/a*a*a*a*/a*a*a*a*/*", "byte 36: has more than 16 `*`"),
        ("*a*a*a*a*a*a*a*a*", "byte 16: has more than 8 `*`"),
        (long.as_str(), "byte 0: has a pattern of more than 127"),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "byte 30: has more than 64 alternatives"),
        ("src/\u{202e}*", "byte 4: has a character that changes the direction"),
        ("src/\0*", "byte 4: has a NUL"),
        ("//host/*", "byte 0: begins with exactly two"),
        ("/proc/self/root/*", "names a link of the kernel"),
    ];
    for (text, reason) in table {
        let refusal = read(text, &project()).expect_err(text);
        assert!(refusal.starts_with(reason), "{text:?}: {refusal}");
    }
    for text in [r"C:\work\*", "/work/*", "C:*", "*.", r"src/*/NUL", "*/a.", "a:*"] {
        assert!(read(text, &windows()).is_err(), "{text}");
    }
}

#[test]
fn a_glob_lies_in_its_literal_directories() {
    let table = [
        ("*.md", vec!["/work/project"]),
        ("src/**/*.rs", vec!["/work/project/src"]),
        ("./src/a?/b", vec!["/work/project/src"]),
        ("src/{a,b/c}/*.rs", vec!["/work/project/src/a", "/work/project/src/b/c"]),
        ("{/etc,src}/*", vec!["/etc", "/work/project/src"]),
        ("/**", vec!["/"]),
        ("/etc/pass*", vec!["/etc"]),
        ("src/main.rs", vec!["/work/project/src/main.rs"]),
        ("src/{a,b}", vec!["/work/project/src/a", "/work/project/src/b"]),
        ("*{,.bak}", vec!["/work/project", "/work/project"]),
    ];
    for (text, directories) in table {
        let glob = read(text, &project()).unwrap();
        assert_eq!(glob.directories().map(ToString::to_string).collect::<Vec<_>>(), directories, "{text}");
    }
    let glob = read("c:/work/project/src/**/*.rs", &windows()).unwrap();
    assert_eq!(glob.directories().map(ToString::to_string).collect::<Vec<_>>(), [r"C:\work\project\src"]);
}

#[test]
fn every_alternative_must_be_in_an_allowed_directory() {
    for text in ["{/etc,src}/*", "/etc/*", "/*", "/**/x", "/work/*/src", "{src/*,/}"] {
        assert!(!verdicts(&["."], text).0, "{text}");
    }
    for text in ["*", "**", "/work/project/**", "src/{a,b}/*"] {
        assert!(verdicts(&["."], text).0, "{text}");
    }
}

#[test]
fn a_glob_that_aims_at_a_forbidden_name_is_refused() {
    let entries = [".", "!.git", "!.env*", "!*.pem", "!id_rsa", "!secrets/keys"];
    let aimed = [
        "**/.env*",
        ".e*",
        ".[a-z]*",
        ".{env,x}*",
        "*env*",
        "[.]env",
        ".[e]nv",
        ".E*",
        "**/.git/**",
        ".g*/config",
        "*.pem",
        "*.p*",
        "server.p?m",
        "**/*.PEM",
        "id_*",
        "?d_rsa",
        "**/id_rs[a-c]",
        "secrets/k*",
        "**/keys",
        "secrets/keys/*",
        "*/k*/x",
    ];
    for text in aimed {
        assert!(!verdicts(&entries, text).0, "{text}");
    }
    let chance = ["*", "**", "**/*", "a*", "*/config", "test_*", "**/*config*x", "*.*", "secrets/*", "s*/**"];
    for text in chance {
        assert_eq!(verdicts(&entries, text), (true, false), "{text}");
    }
    let clear = ["*.md", "src/*.rs", "[a-c]*.toml", "src/main.rs", "?.txt"];
    for text in clear {
        assert_eq!(verdicts(&[".", "!.git", "!*.pem", "!id_rsa", "!secrets/keys"], text), (true, true), "{text}");
    }
}

#[test]
fn a_name_after_a_pattern_cannot_be_a_short_one_if_something_is_forbidden() {
    assert_eq!(verdicts(&[".", "!.git"], "*/GIT~1/config"), (false, false));
    assert_eq!(verdicts(&["."], "*/GIT~1/config"), (true, true));
}

#[test]
fn a_word_of_a_shell_line_has_escapes_and_dots_before_its_patterns() {
    let table = [
        (r"src/*.rs", "/work/project/src"),
        (r"a\[b/*", "/work/project/a[b"),
        (r"{a,b}/*", "/work/project/{a,b}"),
        ("../*", "/work"),
        ("app/(x)/*", "/work/project/app/(x)"),
    ];
    for (text, directory) in table {
        assert_eq!(read_word(text).directories().next().unwrap().to_string(), directory, "{text}");
    }
    let rules = compile(&[".", "!.env*"], &project());
    for word in [r"\.e*", r".e\nv*", "../project/.env?", "**.env", "*env"] {
        assert!(rules.check_glob(&read_word(word)).is_err(), "{word}");
    }
    for word in ["*/../x", ".*", "a\\", r"\~/*x\*"] {
        let glob = Glob::read_word(word, &project(), &project().root());
        assert!(glob.is_err(), "{word}");
    }
    assert!(rules.check_glob(&read_word("../*")).is_err(), "outside");
}

#[test]
fn a_glob_begins_at_its_base() {
    let (workspace, rules) = (project(), compile(&["src"], &project()));
    let glob = Glob::read("*.rs", &workspace, &resolve("src", &workspace)).unwrap();
    assert!(rules.check_glob(&glob).is_ok());
    assert!(rules.check_glob(&Glob::read("*.rs", &workspace, &workspace.root()).unwrap()).is_err());
}
