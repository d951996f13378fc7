//! Roots that are known only when a call is judged: from a header, or of a pattern.

use callgate_kinds::path::{PathRules, RootPattern};
use callgate_kinds::{Os, Workspace};

use super::{compile, project, resolve, windows};

fn pattern(text: &str, os: Os) -> RootPattern {
    RootPattern::read(text, os, false).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

/// Returns the root of the workspace in which a path lies, or the reason for the refusal.
fn root_of(pattern: &RootPattern, path: &str) -> String {
    match pattern.workspace_of(path) {
        Ok(workspace) => workspace.root().to_string(),
        Err(refusal) => refusal.refusal().to_string(),
    }
}

#[test]
fn rules_moved_to_another_root_judge_as_rules_compiled_for_it() {
    let entries =
        [".", "docs/*/a", "/usr/include", "!.git", "!keys/private", "!@secrets", "!/work/project/x", "!**/a/b"];
    let (first, second) = (project(), Workspace::new("/srv/Other.d/\u{e9}t\u{e9}", Os::Posix).unwrap());
    let (moved, compiled) = (compile(&entries, &first).at(&second), compile(&entries, &second));
    let paths = [
        "src/main.rs",
        "keys/private",
        "KEYS/Private.",
        "/srv/other.d/x/keys/private",
        "/srv/Other.d/\u{e9}t\u{e9}",
        "..",
        "../x",
        "/work/project",
        "/work/project/src",
        "/work/project/x",
        "/usr/include/a",
        "/usr",
        ".git/config",
        "/srv/.git",
        "a/b",
        "z/a/b",
        "docs/q/a/x",
        ".env",
        "/",
        "NAME~1",
        "/srv/NAME~1",
    ];
    for path in paths {
        let path = resolve(path, &second);
        assert_eq!(moved.check(&path), compiled.check(&path), "{path}");
        assert_eq!(moved.check_tree(&path), compiled.check_tree(&path), "{path}");
        assert_eq!(moved.check_below(&path), compiled.check_below(&path), "{path}");
        assert_eq!(moved.allowed_by(&path), compiled.allowed_by(&path), "{path}");
        assert_eq!(moved.forbidden_by(&path), compiled.forbidden_by(&path), "{path}");
    }
    assert!(moved.check(&resolve("src", &first)).is_err(), "the old root is no longer allowed");
    assert!(moved.check(&resolve("src", &second)).is_ok());
}

#[test]
fn a_stated_root_is_one_clean_directory() {
    for (text, os, expected) in [
        ("/work/a", Os::Posix, "/work/a"),
        ("/work/a/", Os::Posix, "/work/a"),
        ("/work//a/.", Os::Posix, "/work/a"),
        (r"c:\work\a\", Os::Windows, r"C:\work\a"),
    ] {
        assert_eq!(Workspace::stated(text, os).unwrap().root().to_string(), expected, "{text}");
    }
    for (text, os) in [
        ("", Os::Posix),
        ("/", Os::Posix),
        ("///", Os::Posix),
        ("/.", Os::Posix),
        ("//work/a", Os::Posix),
        ("work/a", Os::Posix),
        (".", Os::Posix),
        ("/work/../etc", Os::Posix),
        ("/work/a/..", Os::Posix),
        ("/..", Os::Posix),
        ("/work/%2e%2e/etc", Os::Posix),
        ("/work/a%00", Os::Posix),
        ("/work\u{2215}a", Os::Posix),
        ("/work/a\u{200b}", Os::Posix),
        ("/work/\u{202e}a", Os::Posix),
        ("/work/a ", Os::Posix),
        (" /work/a", Os::Posix),
        ("/work/a\t", Os::Posix),
        ("/work/*", Os::Posix),
        ("~/a", Os::Posix),
        ("$HOME", Os::Posix),
        ("/work/a, /work/b", Os::Posix),
        ("/work/a,/work/b", Os::Posix),
        ("file:///work/a", Os::Posix),
        (r"C:\work", Os::Posix),
        (r"\work", Os::Posix),
        ("/proc/self/root", Os::Posix),
        (r"C:\", Os::Windows),
        ("C:", Os::Windows),
        ("C:work", Os::Windows),
        (r"\work", Os::Windows),
        (r"\\host\share", Os::Windows),
        (r"\\?\C:\work", Os::Windows),
        (r"C:\work\..\x", Os::Windows),
        (r"C:\GIT~1", Os::Windows),
        ("/work/a", Os::Windows),
    ] {
        assert!(Workspace::stated(text, os).is_err(), "{text:?}");
    }
    assert!(Workspace::stated(&format!("/{}", "a/".repeat(65)), Os::Posix).is_err());
    assert!(Workspace::stated(&format!("/{}", "a".repeat(5000)), Os::Posix).is_err());
}

#[test]
fn a_path_names_the_workspace_of_a_pattern_by_whole_names() {
    let homes = pattern("/home/*/src/*", Os::Posix);
    assert_eq!(homes.to_string(), "/home/*/src/*");
    for (path, expected) in [
        ("/home/ann/src/gate", "/home/ann/src/gate"),
        ("/home/ann/src/gate/", "/home/ann/src/gate"),
        ("/home//ann/./src/gate/a/b", "/home/ann/src/gate"),
        ("/home/ann/src/gate/a/../b", "/home/ann/src/gate"),
        ("/home/*/src/*", "byte 6: has a wildcard, and is not a pattern"),
        ("/home/ann/src", "lies in no workspace of the contract's pattern"),
        ("/home/ann/SRC/gate", "lies in no workspace of the contract's pattern"),
        ("/home/ann/src2/gate", "lies in no workspace of the contract's pattern"),
        ("/home/ann/x/src/gate", "lies in no workspace of the contract's pattern"),
        ("/HOME/ann/src/gate", "lies in no workspace of the contract's pattern"),
        ("/home/ann/src/.ssh/id", "lies in no workspace of the contract's pattern"),
        ("/home/.x/src/gate", "lies in no workspace of the contract's pattern"),
        ("/etc/passwd", "lies in no workspace of the contract's pattern"),
        ("/", "lies in no workspace of the contract's pattern"),
        ("src/gate", "is relative, and the call names no directory of a workspace"),
        (".", "is relative, and the call names no directory of a workspace"),
    ] {
        assert_eq!(root_of(&homes, path), expected, "{path}");
    }
    for path in [
        "/home/ann/src/gate/..",
        "/home/ann/src/gate/../../../bob/src/gate",
        "/home/ann/../bob/src/gate",
        "/home/ann/src/../src/gate",
        "/home/../home/ann/src/gate",
        "/../home/ann/src/gate",
        "//home/ann/src/gate",
        "/home/ann%2fsrc/src/gate",
        "/home/ann/src/%2e%2e",
        "/home/ann\u{2215}src/gate",
        "/home\\ann\\src\\gate",
        "~ann/src/gate",
        "",
    ] {
        assert!(homes.workspace_of(path).is_err(), "{path}");
    }
}

#[test]
fn a_pattern_of_windows_has_a_drive() {
    let users = pattern(r"C:\Users\*\src\*", Os::Windows);
    assert_eq!(users.to_string(), r"C:\Users\*\src\*");
    for (path, expected) in
        [(r"C:\Users\ann\src\gate\a", r"C:\Users\ann\src\gate"), ("c:/Users/ann/src/gate", r"C:\Users\ann\src\gate")]
    {
        assert_eq!(root_of(&users, path), expected, "{path}");
    }
    for path in [
        r"D:\Users\ann\src\gate",
        r"\Users\ann\src\gate",
        r"C:Users\ann\src\gate",
        r"\\host\Users\ann\src\gate",
        r"\\?\C:\Users\ann\src\gate",
        r"C:\Users\ann\src\gate\..\..\x",
        r"C:\Users\ADMINI~1\src\gate",
        r"C:\Users\ann\src\con",
        r"C:\Users\ann.\src\gate",
        "/Users/ann/src/gate",
    ] {
        assert!(users.workspace_of(path).is_err(), "{path}");
    }
}

#[test]
fn a_pattern_that_could_be_every_directory_has_no_meaning() {
    for (text, os) in [
        ("/*", Os::Posix),
        ("/*/src", Os::Posix),
        ("//*/a", Os::Posix),
        ("*", Os::Posix),
        ("home/*", Os::Posix),
        ("/home/**", Os::Posix),
        ("/home/**/src", Os::Posix),
        ("/home/a*/src", Os::Posix),
        ("/home/?/src/*", Os::Posix),
        ("/home/[ab]/*", Os::Posix),
        ("/home/{a,b}/*", Os::Posix),
        ("/home/*/../*", Os::Posix),
        ("/home/%2e%2e/*", Os::Posix),
        (r"C:\*", Os::Windows),
        (r"\Users\*", Os::Windows),
        ("/Users/*", Os::Windows),
    ] {
        assert!(RootPattern::read(text, os, false).is_err(), "{text}");
    }
}

#[test]
fn names_that_the_model_chooses_are_compared_with_forbidden_names() {
    let homes = pattern("/home/*/*", Os::Posix);
    let rules = compile(&[".", "!secrets", "!home", "!@hooks"], &Workspace::whole(Os::Posix));
    let check = |path: &str| {
        let workspace = homes.workspace_of(path).unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"));
        rules.at(&workspace).check(&resolve(path, &workspace)).is_ok()
    };
    assert!(check("/home/ann/gate/a"), "`home` is written in the contract, and no name at any depth");
    for path in [
        "/home/ann/secrets/a",
        "/home/ann/Secrets/a",
        "/home/ann/gate/secrets",
        "/home/ann/SECRET~1/a",
        "/home/ann/gate/home",
    ] {
        assert!(!check(path), "{path}");
    }
}

#[test]
fn an_absolute_entry_that_meets_workspaces_of_the_pattern_is_found() {
    let homes = pattern("/home/*/src/*", Os::Posix);
    for (entry, is_crossing) in [
        ("/", true),
        ("/home", true),
        ("/home/ann", true),
        ("/home/ann/src", true),
        ("/home/ann/src/gate/target", true),
        ("/home/*/src", true),
        ("/**/gate", true),
        ("/h*", true),
        (".", false),
        ("docs", false),
        ("/usr", false),
        ("/home/ann/.cargo", false),
        ("/home/ann/lib", false),
        ("/home/.shared", false),
    ] {
        let rules = PathRules::compile(&[entry.to_owned()], &Workspace::whole(Os::Posix)).unwrap();
        assert_eq!(homes.crossed_by(&rules).is_some(), is_crossing, "{entry}");
    }
    // What is forbidden crosses nothing.
    assert_eq!(homes.crossed_by(&compile(&[".", "!/home"], &project())), None);
    let users = pattern(r"C:\Users\*\src\*", Os::Windows);
    for (entry, is_crossing) in [(r"C:\", true), (r"c:\Users\ann", true), (r"D:\", false), (r"C:\Program Files", false)]
    {
        assert_eq!(users.crossed_by(&compile(&[entry], &windows())).is_some(), is_crossing, "{entry}");
    }
}
