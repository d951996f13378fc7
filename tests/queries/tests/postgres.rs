//! PostgreSQL's views depend on no table and no function that the reader does not report.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it saw"
)]

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use callgate_kinds::sql::{Dialect, SqlReading};
use callgate_test_queries::{accepted, reports_function, reports_table};

const NOBODY: u32 = 65_534;

/// The schema, and a function that makes a view of a query and lists what the view depends on.
const SCHEMA: &str = r"
create schema sales; create schema secret;
create table t(a int, b int, c int, s text, d date, n int); create table u(a int, b int, c int, s text, d date, n int);
create table x(a int, b int); create table secret(a int, b int);
create table sales.a(a int, b int); create table sales.b(a int, b int); create table secret.s(a int, b int);
create function f(int) returns int language sql as 'select 1'; create function g(int) returns int language sql as 'select 1';
create table queries(id serial, query text);
create function probe(q text) returns text language plpgsql as $probe$
declare found text;
begin
  begin
    execute 'create temp view probed as ' || q;
    select 'ok ' || coalesce(string_agg(distinct case when d.refclassid = 'pg_proc'::regclass
        then 'function ' || d.refobjid::regproc::text else 'table ' || d.refobjid::regclass::text end, ','), '')
      into found from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      where r.ev_class = 'probed'::regclass and d.refobjid <> 'probed'::regclass
        and d.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass);
    raise exception using errcode = 'CG001', message = found;
  exception
    when sqlstate 'CG001' then return sqlerrm;
    when others then return 'error ' || sqlstate;
  end;
end $probe$;
";

/// A server on a socket in a folder of its own, until it is dropped.
struct Server {
    folder: tempfile::TempDir,
    bin: PathBuf,
    child: Child,
}

impl Server {
    fn start() -> Option<Self> {
        let Some(bin) = bin() else {
            eprintln!("SKIPPED: no PostgreSQL here; `make setup-services` installs it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.path().join("data");
        let made = as_nobody(&bin.join("initdb"), folder.path())
            .args(["--username=callgate", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let child = as_nobody(&bin.join("postgres"), folder.path())
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=panic"])
            .args(["-c", &format!("unix_socket_directories={}", folder.path().display())])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, bin, child };
        for _ in 0..200 {
            let ready =
                Command::new(server.bin.join("pg_isready")).arg("-q").arg("-h").arg(server.folder.path()).status();
            if ready.is_ok_and(|status| status.success()) {
                return Some(server);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("PostgreSQL does not start");
    }

    /// Runs a script; returns the rows that it prints.
    fn run(&self, script: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "callgate", "-d", "postgres", "-h"])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = psql.stdin.take().unwrap();
        let script = script.to_owned();
        let writer = std::thread::spawn(move || pipe.write_all(script.as_bytes()));
        let output = psql.wait_with_output().unwrap();
        let _ = writer.join();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// PostgreSQL does not run as root.
fn as_nobody(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdout(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Debian keeps PostgreSQL's programs off the path, one folder a version.
fn bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = versions.chain(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres", "psql", "pg_isready"].iter().all(|name| folder.join(name).exists()))
}

/// Writes a text as `copy` reads it: the server gets it as data, and psql sees no command in it.
fn copied(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

#[test]
fn postgres_reads_no_other_table_and_calls_no_other_function() {
    let Some(server) = Server::start() else { return };
    server.run(SCHEMA);
    let mut queries: Vec<(String, SqlReading)> = Vec::new();
    accepted(Dialect::Postgres, 9, |query, reading| {
        if queries.len() < 60_000 {
            queries.push((query.to_owned(), reading.clone()));
        }
    });
    let rows: String = queries.iter().map(|(query, _)| format!("{}\n", copied(query))).collect();
    let answers = server
        .run(&format!("copy queries(query) from stdin;\n{rows}\\.\nselect probe(query) from queries order by id;\n"));
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), queries.len());
    let (mut whole, mut uses) = (0, 0);
    for ((query, reading), answer) in queries.iter().zip(answers) {
        let Some(list) = answer.strip_prefix("ok ") else { continue };
        whole += 1;
        for used in list.split(',').filter(|used| !used.is_empty()) {
            let (kind, name) = used.split_once(' ').unwrap();
            let parts: Vec<&str> = name.split('.').map(|part| part.trim_matches('"')).collect();
            let is_reported = if kind == "table" {
                reports_table(reading, &parts)
            } else {
                reports_function(reading, parts[parts.len() - 1])
            };
            uses += 1;
            assert!(is_reported, "{used}\n{query}\n{reading:?}");
        }
    }
    eprintln!("{} accepted, {whole} views, {uses} uses", queries.len());
    assert!(whole > 100);
}
