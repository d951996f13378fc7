//! The cost of a typical value of each kind, read and judged under a profile as agents have it, beside the parse of a small call.
//!
//! `cargo bench -p callgate-kinds` measures time: that of this process on Linux, so that other work on the machine hardly changes it.

#![allow(missing_docs, reason = "a bench's name says what it measures")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot start may panic")]

mod clock;

use std::hint::black_box;
use std::time::Duration;

use callgate_kinds::command::{CommandEntry, ShellSyntax};
use callgate_kinds::patch::PatchFormat;
use callgate_kinds::sql::{Dialect, SqlSource};
use callgate_kinds::{
    CommandForm, EmailSource, Given, HostSource, Kind, Os, PathMode, Profile, ProfileSource, Workspace, judge,
};
use clock::Clock;
use criterion::measurement::WallTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LINE: Kind = Kind::Command(CommandForm::Line(ShellSyntax::Sh));
const BASH: Kind = Kind::Command(CommandForm::Line(ShellSyntax::Bash));

/// Typical values, each with its name.
const VALUES: [(&str, Kind, &str); 16] = [
    ("path", Kind::Path(PathMode::Read), "src/kinds/src/path/entry.rs"),
    ("path, absolute", Kind::Path(PathMode::Write), "/home/dev/project/src/kinds/src/path/entry.rs"),
    ("path, deleted", Kind::Path(PathMode::Delete), "src/kinds/src/path"),
    ("glob", Kind::Glob, "src/**/*.rs"),
    ("command, one word", LINE, "ls"),
    ("command, git status", LINE, "git status"),
    ("command, a search", LINE, "rg -n 'fn main' src | head -20"),
    ("command, five programs", BASH, "cd src && git status && cat lib.rs | grep -n pub | sort | head -20"),
    (
        "command, a commit",
        BASH,
        "git add src/lib.rs && git commit -m \"$(cat <<'EOF'\nkinds: read a path\n\nIt was not read.\nEOF\n)\"",
    ),
    ("patch, 20 lines", Kind::Patch { format: PatchFormat::Codex, strip: 1 }, CODEX),
    ("patch, git, 20 lines", Kind::Patch { format: PatchFormat::Git, strip: 1 }, GIT),
    ("url", Kind::Url, "https://docs.rs/serde/latest/serde/trait.Serialize.html?search=derive"),
    ("email", Kind::Email, "ada.lovelace@example.com"),
    ("cidr", Kind::Cidr, "10.20.0.0/16"),
    ("query", Kind::Sql(Dialect::Postgres), QUERY),
    ("query, functions", Kind::Sql(Dialect::DuckDb), FUNCTIONS),
];

const QUERY: &str = "select o.id, o.total, c.name from sales.orders o join sales.customers c on c.id = o.customer_id \
                     where o.created_at > '2026-01-01' and o.status in ('open', 'paid') order by o.total desc limit 100";
const FUNCTIONS: &str = "select date_trunc('month', created_at) as month, count(*), round(avg(total), 2), \
                         string_agg(name, ', ') from sales.orders group by 1 limit 100";

const CODEX: &str = "*** Begin Patch
*** Update File: src/kinds/src/path/entry.rs
@@ fn check(entry: &str) {
     let texts = expand(entry)?;
-    texts.iter().map(read).collect()
+    texts.iter().map(read_route).collect()
 }
 
 /// Refuses characters that no entry may have.
 fn check(entry: &str) -> Result<(), String> {
     if entry.is_empty() {
-        return Err(EMPTY);
+        return Err(EMPTY.into());
     }
*** Add File: src/kinds/src/path/text.rs
+//! Texts of paths.
+
+/// The longest path.
+const MOST: usize = 4096;
*** End Patch
";

const GIT: &str = "diff --git a/src/path/entry.rs b/src/path/entry.rs
index 1111111..2222222 100644
--- a/src/path/entry.rs
+++ b/src/path/entry.rs
@@ -10,13 +10,14 @@ fn check(entry: &str) {
     let texts = expand(entry)?;
-    texts.iter().map(read).collect()
+    texts.iter().map(read_route).collect()
 }
 
 /// Refuses characters that no entry may have.
 fn check(entry: &str) -> Result<(), String> {
     if entry.is_empty() {
-        return Err(EMPTY);
+        return Err(EMPTY.into());
     }
     if entry.len() > MOST {
         return Err(LONG);
     }
+    Ok(())
 }
";

/// The measure of the others: a call with a path, parsed into a tree.
const CALL: &str = r#"{"id":"call_1","type":"function","function":{"name":"read_file","arguments":{"path":"src/kinds/src/path/entry.rs","lines":100}}}"#;

const RUN: [&str; 30] = [
    "ls",
    "cat",
    "head",
    "tail",
    "wc",
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
    "git status",
    "git diff",
    "git log",
    "git show",
    "git add",
    "git commit",
    "cargo check",
    "cargo test",
    "cargo fmt",
    "npm test",
];

fn profile(workspace: &Workspace) -> Profile {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let source = ProfileSource {
        read: texts(&[".", "!@secrets"]),
        write: texts(&[".", "!.git", "!@secrets", "!@agents", "!@hooks"]),
        run: RUN.iter().map(|words| CommandEntry { words: (*words).to_owned(), arguments: None }).collect(),
        hosts: vec![HostSource { names: texts(&["docs.rs", "*.example.com"]), ..HostSource::default() }],
        email: Some(EmailSource { domains: texts(&["example.com", "partner.example"]), max: Some(5) }),
        cidr: texts(&["10.0.0.0/8", "192.168.0.0/16"]),
        sql: Some(SqlSource {
            statements: texts(&["select"]),
            tables: texts(&["sales.*"]),
            limit: Some(10_000),
            ..SqlSource::default()
        }),
        ..ProfileSource::default()
    };
    Profile::compile(&source, workspace).unwrap()
}

fn values(criterion: &mut Criterion<Clock>) {
    let workspace = Workspace::new("/home/dev/project", Os::Posix).unwrap();
    let profile = profile(&workspace);
    let mut group = criterion.benchmark_group("value");
    for (name, kind, text) in VALUES {
        if let Err(refusal) = judge(kind, Given::Text(text), None, &profile, &workspace) {
            panic!("{name}: {}", refusal.refusal());
        }
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| judge(kind, Given::Text(black_box(text)), None, &profile, &workspace));
        });
    }
    group.throughput(Throughput::Bytes(CALL.len() as u64));
    group.bench_function("a call as JSON", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(CALL)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(Clock(WallTime)).sample_size(30).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(500));
    targets = values
}
criterion_main!(benches);
