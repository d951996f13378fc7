//! The readers of all kinds.

use super::pieces::{LINE, LINES, PATCHED, QUERIES, QUERY};

/// A kind, as a tool of the contract, and what makes its reader go on.
pub(super) struct Reader {
    /// The tool.
    pub(super) tool: &'static str,
    /// The value of `x-callgate`.
    pub(super) mark: &'static str,
    /// A text that the profile allows, so that no setting refuses all others.
    pub(super) usual: &'static str,
    /// The texts before the pieces and after them.
    pub(super) frames: &'static [(&'static str, &'static str)],
    /// The pieces beside [`PIECES`].
    pub(super) pieces: &'static [&'static str],
}

/// All kinds, each with each form that has a reader of its own.
pub(super) const READERS: [Reader; 20] = [
    Reader {
        tool: "path_read",
        mark: "{ path: read }",
        usual: "src/main.rs",
        frames: &[("", ""), ("src/", "")],
        pieces: &[".ssh/", "a\\"],
    },
    Reader {
        tool: "path_delete",
        mark: "{ path: delete }",
        usual: "src/main.rs",
        frames: &[("", ""), ("src/", "")],
        pieces: &[],
    },
    Reader {
        tool: "glob",
        mark: "glob",
        usual: "src/**/*.rs",
        frames: &[("", ""), ("src/", "")],
        pieces: &["{a,b}{c,d}", "*/", "[a-z]", "[!a]"],
    },
    Reader {
        tool: "url",
        mark: "url",
        usual: "https://docs.example/a?b=c",
        frames: &[("", ""), ("https://", ""), ("https://docs.example/", ""), ("https://docs.example/?", "")],
        pieces: &["a.", "a@", "[::", "%2e%2e/", "a=b&"],
    },
    Reader {
        tool: "email",
        mark: "email",
        usual: "a@example.org",
        frames: &[("", ""), ("a@", ""), ("", "@example.org")],
        pieces: &["a.", "a@"],
    },
    Reader {
        tool: "cidr",
        mark: "cidr",
        usual: "10.1.0.0/16",
        frames: &[("", ""), ("10.", "/8")],
        pieces: &["0", "10.", "f:"],
    },
    Reader {
        tool: "patch_codex",
        mark: "{ patch: codex }",
        usual: "*** Begin Patch\n*** Update File: src/x\n@@\n-a\n+b\n*** End Patch\n",
        frames: &[
            ("", ""),
            ("*** Begin Patch\n", "*** End Patch\n"),
            ("*** Begin Patch\n*** Update File: src/x\n", "\n*** End Patch\n"),
        ],
        pieces: &[
            "*** Add File: src/x\n+a\n",
            "*** Delete File: src/№\n",
            "*** Update File: src/x\n@@\n-a\n+b\n",
            "*** Update File: src/x\n*** Move to: src/y\n@@\n-a\n+b\n",
            "*** ",
            "***",
            "@@\n",
            "+a\n",
            " a\n",
            "\u{2028}*",
        ],
    },
    Reader {
        tool: "patch_git",
        mark: "{ patch: git }",
        usual: "diff --git a/src/x b/src/x\n--- a/src/x\n+++ b/src/x\n@@ -1 +1 @@\n-a\n+b\n",
        frames: &[
            ("", ""),
            ("diff --git a/src/x b/src/x\n", ""),
            ("--- a/src/x\n+++ b/src/x\n@@ -1,70000 +1,70000 @@\n", ""),
        ],
        pieces: PATCHED,
    },
    Reader {
        tool: "patch_unified",
        mark: "{ patch: unified }",
        usual: "--- a/src/x\n+++ b/src/x\n@@ -1 +1 @@\n-a\n+b\n",
        frames: &[
            ("", ""),
            ("--- a/src/x\n+++ b/src/x\n", ""),
            ("--- a/src/x\n+++ b/src/x\n@@ -1,70000 +1,70000 @@\n", ""),
        ],
        pieces: PATCHED,
    },
    Reader {
        tool: "sql_postgres",
        mark: "{ sql: { dialect: postgres } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "sql_sqlite",
        mark: "{ sql: { dialect: sqlite } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "sql_mysql",
        mark: "{ sql: { dialect: mysql } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "sql_mssql",
        mark: "{ sql: { dialect: mssql } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "sql_duckdb",
        mark: "{ sql: { dialect: duckdb } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "sql_clickhouse",
        mark: "{ sql: { dialect: clickhouse } }",
        usual: "select a from sales.t where b = 1",
        frames: QUERY,
        pieces: QUERIES,
    },
    Reader {
        tool: "command_sh",
        mark: "{ command: { shell: sh } }",
        usual: "cat src/a | ls",
        frames: LINE,
        pieces: LINES,
    },
    Reader {
        tool: "command_bash",
        mark: "{ command: { shell: bash } }",
        usual: "cat src/a | ls",
        frames: LINE,
        pieces: LINES,
    },
    Reader {
        tool: "command_none",
        mark: "{ command: { shell: none } }",
        usual: "cat src/a",
        frames: &[("cat ", ""), ("sh -c ", ""), ("cat --", "")],
        pieces: LINES,
    },
    Reader {
        tool: "script",
        mark: "script",
        usual: "await tools.get_any({a:['b']});",
        frames: &[("", ""), ("await tools.ping({", "});"), ("await tools.get_any({a:[", "]});"), ("text(", ");")],
        pieces: &[
            "await tools.ping({});",
            "await tools.get_any({a:'b'});\n",
            "const a = 'b';",
            "const a = await ",
            "text(a);",
            "a:{",
            "a:[",
            "{a:",
            "'a',",
            "1,",
            "a ?? ",
            "//\n",
            "/**/",
            "JSON.stringify(",
            "a№:1,",
            "const a№ = 'b';",
        ],
    },
    // Facts of a condition are made of what was read.
    Reader {
        tool: "command_facts",
        mark: "{ command: { shell: sh } }",
        usual: "cat src/a",
        frames: &[("", "")],
        pieces: &["cat src/a;", "cd src && "],
    },
];
