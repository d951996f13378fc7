//! Patches: the files that a reader reports, and the patches that it refuses.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it skips"
)]

mod rows;

use callgate_kinds::patch::{MAX_BYTES, MAX_FILES, PatchFormat, PatchOperation, PatchedFile, check, read};
use callgate_kinds::path::{Os, PathRules, Workspace};
use callgate_kinds::{KindRefusal, Refusal, Spot};
use rows::{rows, text};

fn format_of(patch: &str) -> PatchFormat {
    match () {
        () if patch.contains("Begin Patch") => PatchFormat::Codex,
        () if patch.contains("diff --git") => PatchFormat::Git,
        () => PatchFormat::Unified,
    }
}

/// Writes a reading as `add a, update b`.
fn written(files: &[PatchedFile]) -> String {
    let name = |operation| match operation {
        PatchOperation::Add => "add",
        PatchOperation::Update => "update",
        PatchOperation::Delete => "delete",
        PatchOperation::MoveFrom => "from",
        PatchOperation::MoveTo => "move",
        PatchOperation::CopyFrom => "source",
        PatchOperation::CopyTo => "copy",
    };
    files.iter().map(|file| format!("{} {}", name(file.operation), file.path)).collect::<Vec<_>>().join(", ")
}

fn reading(patch: &str) -> Result<String, Refusal> {
    read(patch, format_of(patch), 1).map(|files| written(&files))
}

/// Judges a patch by the policy `project` of the data.
fn is_allowed(files: &[PatchedFile]) -> bool {
    let workspace = Workspace::new("/work/project", Os::Posix).unwrap();
    let rules = PathRules::compile(&[".", "!.git", "!.env*"].map(str::to_owned), &workspace).unwrap();
    check(files, &PathRules::default(), &rules, &workspace, &workspace.root()).is_ok()
}

#[test]
fn rows_of_the_data_are_read_and_judged_as_they_say() {
    for row in rows("patch") {
        let (patch, why) = (text(&row, "input"), text(&row, "why"));
        let files = read(patch, format_of(patch), 1);
        let is_allowed = files.as_ref().is_ok_and(|files| is_allowed(files));
        assert_eq!(is_allowed, text(&row, "verdict") == "allow", "{why}: {files:?}\n{patch}");
        if let (Some(expected), Ok(files)) = (row["files"].as_array(), files) {
            // The data calls the source of a move an update.
            let expected: Vec<_> = expected
                .iter()
                .map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
                .collect();
            assert_eq!(written(&files).replace("from ", "update "), expected.join(", "), "{why}");
        }
    }
}

#[test]
fn each_operation_is_reported_with_its_path() {
    for (patch, files) in [
        ("*** Begin Patch\n*** Update File: a b\n*** Move to: c\n@@\n-x\n+y\n*** End Patch\n", "from a b, move c"),
        ("*** Begin Patch\n*** Add File: a\n*** End Patch", "add a"),
        (
            "*** Begin Patch\n*** Update File: a\n@@ f\n x\n\n+y\n@@\n-z\n*** End of File\n*** Delete File: b\n*** End Patch",
            "update a, delete b",
        ),
        ("--- /dev/null\n+++ b/x/y\n@@ -0,0 +1 @@\n+a\n", "add x/y"),
        ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "delete x"),
        (
            "diff --git a/x b/x\nnew file mode 100755\nindex 0000000..1234567\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n",
            "add x",
        ),
        ("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n", "add x"),
        (
            "diff --git a/x b/x\ndeleted file mode 100644\nindex 1234567..0000000\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            "delete x",
        ),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", "update x"),
        ("diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n", "from x, move y"),
        (
            "diff --git a/x b/y\nsimilarity index 90%\ncopy from x\ncopy to y\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n",
            "source x, copy y",
        ),
        (
            "From 1234 Mon Sep 17\nSubject: [PATCH] a\n\n---\n x | 2 +-\n\ndiff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn f() {\n-a\n+b\n c\n-- \n2.39.5\n\n",
            "update x",
        ),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-- a/y\n+++ b/y\n@@ -9 +9,2 @@\n \n+c\n", "update x"),
    ] {
        assert_eq!(reading(patch).as_deref(), Ok(files), "{patch}");
    }
}

#[test]
fn a_unified_patch_may_stand_behind_a_git_header_but_renames_nothing() {
    let patch = "diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(written(&read(patch, PatchFormat::Unified, 1).unwrap()), "update x");
    let rename = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
    assert!(read(rename, PatchFormat::Unified, 1).is_err());
}

#[test]
fn strip_removes_as_many_components_as_the_applier() {
    let patch = "--- a/b/c\n+++ a/b/c\n@@ -1 +1 @@\n-a\n+b\n";
    let path = |strip| read(patch, PatchFormat::Unified, strip).map(|files| written(&files));
    assert_eq!(path(0).as_deref(), Ok("update a/b/c"));
    assert_eq!(path(2).as_deref(), Ok("update c"));
    assert!(path(3).is_err());
}

/// A change of one file, with its header lines.
fn plain(old: &str, new: &str) -> String {
    format!("--- {old}\n+++ {new}\n@@ -1 +1 @@\n-a\n+b\n")
}

#[test]
fn patches_that_appliers_read_differently_are_refused() {
    let x = plain("a/x", "b/x");
    for patch in [
        // Names.
        plain("a/x", "b/y"),
        plain("a/x ", "b/x "),
        plain("\"a/x\"", "\"b/x\""),
        plain("a/x\\y", "b/x\\y"),
        plain("a//x", "b//x"),
        plain("/a/x", "/a/x"),
        plain("a/./x", "b/./x"),
        plain("/dev/null", "/dev/null"),
        plain("a/x\r", "b/x\r"),
        plain("a/x\t1970-01-01 00:00:00", "b/x"),
        plain("a/x\u{a0}y", "b/x\u{a0}y"),
        // Headers.
        format!("diff --git a/y b/y\n{x}"),
        format!("diff --git a/x b/x\nrename from x\nrename to y\n{x}"),
        format!("diff --git a/x b/x\nnew file mode 100644\n{x}"),
        format!("diff --git a/x b/x\ndeleted file mode 100644\n{x}"),
        format!("diff --git a/x b/x\nold mode 100644\n{x}"),
        format!("diff --git a/x b/x\nold mode 100644\nnew mode 120000\n{x}"),
        format!("diff --git a/x b/x\nindex 1234567..89abcde 160000\n{x}"),
        format!("diff --git a/x b/x\nindex 0000000..89abcde\n{x}"),
        format!("diff --git a/x b/x\nindex 1234567..89abcde\nindex 1234567..89abcde\n{x}"),
        "diff --git a/x b/x\n".to_owned(),
        format!("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n\n{}", plain("a/y", "b/y")),
        "diff --git a/x b/y\nrename from x\n".to_owned(),
        "diff --git a/x b/y\nrename from x\nrename to y\ncopy from x\ncopy to y\n".to_owned(),
        // Hunks.
        "--- a/x\n+++ b/x\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-a\n+b\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n+c\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -1 +1,99999999999 @@\n-a\n+b\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -1 +1 @@@\n-a\n+b\n".to_owned(),
        "--- a/x\n+++ b/x\n@@@ -1 -1 +1 @@@\n--a\n++b\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -0,0 +0,0 @@\n".to_owned(),
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\u{2028}--- a/y\n+b\n".to_owned(),
        // Text between sections.
        format!("{x}Index: y\n"),
        format!("{x}  --- a/y\n  +++ b/y\n"),
        format!("{x}XX--- a/y\n"),
        format!("{x}- --- a/y\n"),
        format!("{x}*** a/y\n--- b/y\n"),
        format!("{x}1c1\n< a\n---\n> b\n"),
        format!("{x}5d\n"),
        format!("{x}rename from x\nrename to y\n"),
        format!("{x}deleted file mode 100644\n"),
        format!("{x}text\r--- a/y\r+++ b/y\n"),
        format!("{x}diff -r x y\n"),
        format!("{x}@@ -2 +2 @@@\n-c\n+d\n"),
        String::new(),
        "no patch".to_owned(),
    ] {
        for format in [PatchFormat::Git, PatchFormat::Unified] {
            assert!(read(&patch, format, 1).is_err(), "{format:?}\n{patch}");
        }
    }
}

#[test]
fn lines_that_a_tolerant_applier_takes_for_markers_are_refused() {
    let update = |body: &str| format!("*** Begin Patch\n*** Update File: a\n@@\n{body}\n*** End Patch");
    for patch in [
        update(" *** Delete File: b"),
        update("\t*** Delete File: b"),
        update("\u{a0}*** Delete File: b"),
        update("\u{feff}*** Delete File: b"),
        update("+x\u{2028}*** Delete File: b"),
        update("+x\u{c}*** Delete File: b"),
        update("+x\r*** Delete File: b"),
        update("+x\r"),
        update("*** delete file: b"),
        update("***  Delete File: b"),
        update("*** Delete File:b"),
        update("*** Move to: b"),
        update("x"),
        update("*** End Patch\n*** Delete File: b"),
        update("*** Environment ID: x"),
        "*** Begin Patch\n*** Add File: a\n+x\n*** Move to: b\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Add File: a\n+x\n\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: a\n+x\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: a \n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File:  a\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: a\t\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: 'a'\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: \n*** End Patch".to_owned(),
        "*** Begin Patch\n*** End Patch".to_owned(),
        "*** Begin Patch\n*** Delete File: a\n*** End Patch\n\n".to_owned(),
        "*** Begin Patch\n*** Delete File: a*** End Patch".to_owned(),
        "\n*** Begin Patch\n*** Delete File: a\n*** End Patch".to_owned(),
        "*** Begin Patch \n*** Delete File: a\n*** End Patch".to_owned(),
        "*** End Patch".to_owned(),
        "*** Begin Patch".to_owned(),
        "*** Begin Patch\n*** End Patch\n*** End Patch".to_owned(),
    ] {
        assert!(read(&patch, PatchFormat::Codex, 0).is_err(), "{patch:?}");
    }
}

#[test]
fn a_line_of_text_is_no_marker() {
    for line in
        ["+*** Delete File: b", "-*** Delete File: b", " ***", " *** ", "+", "", " x *** y", "+a\u{c}b", "@@ *** x"]
    {
        let patch = format!("*** Begin Patch\n*** Update File: a\n@@\n{line}\n*** End Patch");
        assert_eq!(reading(&patch).as_deref(), Ok("update a"), "{line:?}");
    }
}

#[test]
fn a_patch_is_bounded_in_bytes_and_files() {
    let many = |count| format!("*** Begin Patch\n{}*** End Patch", "*** Delete File: a\n".repeat(count));
    assert!(read(&many(MAX_FILES), PatchFormat::Codex, 1).is_ok());
    assert!(read(&many(MAX_FILES + 1), PatchFormat::Codex, 1).is_err());
    let long = format!("{}{}", plain("a/x", "b/x"), "x\n".repeat(MAX_BYTES / 2));
    assert!(read(&long, PatchFormat::Git, 1).is_err());
}

#[test]
fn a_refusal_has_the_line_and_never_a_part_of_the_patch() {
    let refusal = reading("*** Begin Patch\n*** Add File: a\nsecret\n*** End Patch").unwrap_err();
    assert_eq!(refusal.to_string(), "line 3: a line of an added file does not begin with +");
}

#[test]
fn each_file_is_checked_by_the_rules_of_its_operation() {
    let workspace = Workspace::new("/work/project", Os::Posix).unwrap();
    let rules = |entries: &[&str]| {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        PathRules::compile(&entries, &workspace).unwrap()
    };
    let (sources, docs) = (rules(&["src", "!.env*"]), rules(&["docs"]));
    let copy = |from, to| format!("diff --git a/{from} b/{to}\ncopy from {from}\ncopy to {to}\n");
    let codex = |body| format!("*** Begin Patch\n{body}\n*** End Patch");
    for (patch, is_allowed) in [
        (copy("src/a", "docs/a"), true),
        (copy("docs/a", "docs/b"), false),
        (copy("src/a", "src/b"), false),
        (copy("src/.env", "docs/a"), false),
        (codex("*** Delete File: docs/a"), true),
        (codex("*** Delete File: src/a"), false),
        (codex("*** Update File: docs/a\n*** Move to: ../x\n@@\n-a\n+b"), false),
        (codex("*** Update File: ../x\n*** Move to: docs/a\n@@\n-a\n+b"), false),
        (codex("*** Add File: docs/a\n+x\n*** Add File: /etc/passwd\n+x"), false),
        (codex("*** Add File: /work/project/docs/../docs/a\n+x"), true),
    ] {
        let files = read(&patch, format_of(&patch), 1).unwrap();
        let checked = check(&files, &sources, &docs, &workspace, &workspace.root());
        assert_eq!(checked.is_ok(), is_allowed, "{patch} {checked:?}");
    }
    let two = read(&codex("*** Add File: docs/a\n+x\n*** Add File: src/a\n+x"), PatchFormat::Codex, 0).unwrap();
    let refusal = check(&two, &sources, &docs, &workspace, &workspace.root()).unwrap_err();
    assert!(matches!(refusal, KindRefusal::Forbidden(refusal) if refusal.spot == Spot::Line(4)), "{refusal:?}");
}
