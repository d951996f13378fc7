//! The lines that the oracle begins with.

/// Programs with a stub beside those of the lines.
const STUBS: &[&str] = &["id", "ls", "cat", "git", "rm", "sh", "bash", "time", "env", "nohup", "xargs", "x", "y"];
/// Commands of shells that start nothing but what a reading reports, or nothing at all.
pub const BUILTINS: &[&str] = &[
    "echo", "printf", "true", "false", "test", "[", ":", "cd", "pwd", "read", "exit", "export", "unset", "set",
    "command", "exec", "builtin", "wait", "kill", "umask", "shift", "break", "continue", "return", "type", "ulimit",
    "times", "readonly", "local",
];

/// Lines that once were read wrongly, or that are near such lines.
const NEAR: &[&str] = &[
    "ls &>f id",
    "ls 2&>x",
    "ls >&-id",
    "ls 52>&1",
    "> x",
    "cat <()",
    "diff <(ls a) <(ls b)",
    "ls | tee >(cat) >(id)",
    "x=a; ls $x \"$x/b\"",
    "for f in a sub; do ls \"$f\" $f.c; done",
    "for f in src/*.rs; do cat \"$f\"; done",
    "if ls; then cat a; elif id; then x; else y; fi",
    "while ls; do cat; break; done",
    "until ls; do id; break; done",
    "(cd sub && ls) || id; ls",
    "cd sub && ls || id; ls | cat && ls a",
    "{ ls; id; } > x 2>&1 | cat",
    "cat <<EOF | id\nx y\nEOF\nls",
    "cat <<'A' <<-B; ls\n$x\nA\n\tid\n\tB\nid",
    "git commit -m \"$(cat <<'EOF'\nIt's `x` $(id)\n\nEOF\n)\" && ls",
    "ls \"$(id \"$(x)\")\" `id a`",
    "ls a\\\n b 'c\nd' \"e\nf\"",
    "x=$(id) ls & id; wait",
    "! ls | cat && id",
    "time ls -l; id",
    "echo $((1+2)) $? $$ $! {} @{0} a{b}c",
    "ls -- *.md [a-c]? docs/*",
    "[ -f a ] && ls || [ ! -d b ] && id",
    "ls é \"ü $x\" 'ß'",
    "command ls; exec ls",
    "export A=b; A=c; ls $A; unset A; ls $A",
    "while read -r l; do ls \"$l\"; done < README.md",
    "ls <README.md >x 2>>y; cat <>x",
    "ls |& cat; ls a#b #c\nid",
    "cd sub; ls; cd ../src && ls; cd -; ls",
    "printf '%s %d' 'PATH[$(id)]' 1; printf %d 'PATH[$(id)]'",
    "[ 'PATH[$(id)]' = x ] || [ 'PATH[$(id)]' -eq 1 ]",
    "test -n 'PATH[$(id)]' && test -t 'PATH[$(id)]'",
    "[ -v = 'PATH[$(id)]' ]; [ ! -v = 'PATH[$(id)]' ]; [ '(' = 'PATH[$(id)]' ]",
    "read -r x 'PATH[$(id)]' < x; unset PATH; exit 3",
    "read -r 'PATH[$(id)]' < README.md; exit 'PATH[$(id)]'; export 'PATH[$(id)]'; unset 'PATH[$(id)]'",
    "for i in 1 2; do break 1; done; exit $?; return 'PATH[$(id)]'",
    "COLUMNS='PATH[$(id)]' ls; LINES=3 ls; COLUMNS=80; ls",
    "export A='PATH[$(id)]' B=x; ls $B; ulimit -n 10; umask 022; wait $!",
    "[ -f a -a -d b -o 1 -eq 2 ] && ls",
    "[[ -d a && ! -e x || \"$x\" == a* ]] && ls a || id",
    "[[ 1 -eq 1 && a -nt $x ]]; cd sub && [[ -f x ]] && ls",
    "ls a; code=$?; [ $code -eq 0 ] && exit $code",
    "ls 2\\\n>x {x}>y",
    "ls >\\\n x",
    "time cd sub && ls",
    "cd .. && cat a & id",
    "cd sub && f=b && true & ls $f",
    "wait $!; ls $! \"$!\"",
    "case a in a) ls;; b|c) id;; *) x y;; esac; ls b",
    "x=a; case $x in [a-c]) cd sub && ls $x;; esac; ls $x",
    "case $(id) in '') ls a;; (x) id; ;; *) case b in b) cat;; esac esac | cat",
    "for f in a b; do case $f in a) ls $f & ;; esac; done > x",
    "case \"$x\" in\n # c\n a\\ b) ls\n ;;\n if) id\n esac && ls",
    "ls HEAD~1 a~ HEAD^ x:y a=b --c=d a,b %x +x @x",
];

/// Returns the lines of the project and of the shared data, if it is there.
pub fn lines() -> Vec<String> {
    let mut lines: Vec<String> = NEAR.iter().map(ToString::to_string).collect();
    lines.extend(super::hunt::agent_lines());
    let folder = std::env::var("CALLGATE_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    match std::fs::read_to_string(format!("{folder}/kinds/command.json")) {
        Ok(text) => {
            let rows: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the file is JSON");
            lines.extend(rows.iter().filter_map(|row| row["input"].as_str().map(str::to_owned)));
        }
        Err(_) => println!("SKIPPED: shell lines of the shared data: {folder} does not have them"),
    }
    lines
}

/// Returns the names of the programs that get a stub: those that the lines begin a word with.
pub fn stubs(lines: &[String]) -> Vec<String> {
    let mut names: Vec<String> = STUBS.iter().map(ToString::to_string).collect();
    for line in lines {
        let Ok(read) = callgate_kinds::command::read(line, callgate_kinds::command::ShellSyntax::Bash) else {
            continue;
        };
        for command in &read.commands {
            if let Some(callgate_kinds::command::WordText::Exact(name)) = command.words.first().map(|word| &word.text)
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte))
                && !name.starts_with('.')
            {
                names.push(name.clone());
            }
        }
    }
    names.sort();
    names.dedup();
    names.retain(|name| !BUILTINS.contains(&name.as_str()) || name == "[");
    names.retain(|name| name != "[");
    names
}
