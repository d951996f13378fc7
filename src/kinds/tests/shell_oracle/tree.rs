//! The tree: an empty root with shells, stubs and a small workspace, in namespaces of its own.

use crate::runner::{Request, Response};
use crate::stub::Started;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The name under which the test's program is the runner.
pub const RUNNER: &str = "/oracle/runner";
/// The directory in which lines run.
pub const WORKSPACE: &str = "/work/project";
/// Directories and files of the workspace.
const DIRECTORIES: &[&str] = &["a", "sub", "sub/a", "sub/sub", "src", "docs", "b c"];
const FILES: &[&str] =
    &["README.md", "src/a.rs", "src/b.rs", "sub/x", "docs/y.md", "-n", ".env", "notes.md", "Cargo.toml"];

/// The shells, as words. `SHELL` becomes a path in the tree.
pub const SHELLS: &[(&str, &[&str])] = &[
    ("bash", &["bash"]),
    ("bash", &["bash", "--posix"]),
    ("dash", &["dash"]),
    ("zsh", &["zsh", "-f"]),
    ("mksh", &["mksh"]),
    ("busybox", &["busybox", "sh"]),
];

/// A tree with its runner.
pub struct Tree {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Returns the shells that this machine has, and names the others.
pub fn shells() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (program, words) in SHELLS {
        if find(program).is_none() {
            println!("SKIPPED: shell lines under {program}, which is not installed");
            continue;
        }
        let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
        words[0] = format!("/shells/{program}");
        found.push(words);
    }
    found
}

/// Returns the path of a program.
fn find(program: &str) -> Option<String> {
    ["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .map(|folder| format!("{folder}/{program}"))
        .find(|path| Path::new(path).exists())
}

/// Makes the workspace of one run.
pub fn fill_workspace() {
    for entry in std::fs::read_dir(WORKSPACE).unwrap().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    let root = Path::new(WORKSPACE);
    for directory in DIRECTORIES {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in FILES {
        std::fs::write(root.join(file), b"a b\nsub\n").unwrap();
    }
}

// === impl Tree ===

impl Tree {
    /// Makes a tree with stubs of these names.
    ///
    /// # Errors
    ///
    /// The reason why this machine cannot make namespaces.
    pub fn new(stubs: &[String]) -> Result<Self, String> {
        let own = std::env::current_exe().unwrap();
        let mut script = String::from(
            "set -e\numask 022\nmount --make-rprivate /\nroot=$(mktemp -d)\nmount -t tmpfs none \"$root\"\ncd \"$root\"\n\
             mkdir -p usr/lib bin shells oracle proc dev tmp home/u work/project\nmount --rbind -o ro /usr/lib usr/lib\n\
             if [ -d /usr/lib64 ]; then mkdir -p usr/lib64; mount --rbind -o ro /usr/lib64 usr/lib64; fi\n\
             for link in lib lib64; do if [ -L \"/$link\" ]; then ln -s \"usr/$link\" \"$link\"; \
             elif [ -d \"/$link\" ]; then mkdir -p \"$link\"; mount --rbind -o ro \"/$link\" \"$link\"; fi; done\n\
             mount -t proc proc proc\ntouch dev/null\nmount --bind /dev/null dev/null\nln -s /proc/self/fd dev/fd\n: >oracle/log\n",
        );
        for (program, _) in SHELLS {
            if let Some(path) = find(program) {
                script.push_str(&format!("cp {path} shells/\n"));
            }
        }
        script.push_str(
            "cp \"$1\" oracle/runner\nwhile read -r name; do ln oracle/runner \"bin/$name\"; done <<'STUBS'\n",
        );
        script.push_str(&stubs.join("\n"));
        script.push_str("\nSTUBS\nexec chroot . /oracle/runner\n");
        let mut child = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                &script,
                "sh",
            ])
            .arg(own)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut tree = Self { child, input, output };
        let probe = Request { shell: vec!["/shells/bash".to_owned()], mode: '0', line: "ls -l".to_owned() };
        match tree.try_run(&probe) {
            Some(started) if started.len() == 1 => Ok(tree),
            started => {
                let _ = tree.child.kill();
                let mut problem = String::new();
                let _ = std::io::Read::read_to_string(&mut tree.child.stderr.take().unwrap(), &mut problem);
                let _ = tree.child.wait();
                Err(format!("no namespaces here: {} {started:?}", problem.trim()))
            }
        }
    }

    /// Runs a line, and returns the programs that the shell started.
    pub fn run(&mut self, request: &Request) -> Vec<Started> {
        self.try_run(request).expect("the runner answers")
    }

    fn try_run(&mut self, request: &Request) -> Option<Vec<Started>> {
        let mut text = serde_json::to_string(request).unwrap();
        text.push('\n');
        self.input.write_all(text.as_bytes()).ok()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer).ok()?;
        let response: Response = serde_json::from_str(&answer).ok()?;
        Some(response.started.into_iter().map(|(directory, words)| Started { words, directory }).collect())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
