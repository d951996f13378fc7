//! The rules of reading shell lines, by example.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_kinds::command::{
    Connector, LineStep, MAX_BYTES, MAX_DEPTH, MAX_WORDS, RedirectKind, ShellLine, ShellSyntax, WordText, read,
    read_vector,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn line(text: &str) -> ShellLine {
    read(text, ShellSyntax::Sh).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

fn refused(text: &str) {
    assert!(read(text, ShellSyntax::Sh).is_err(), "{text:?} is read");
    assert!(read(text, ShellSyntax::Bash).is_err(), "{text:?} is read as bash");
}

/// Returns the words of each command: texts, `a|b`, `*` before patterns, `?` for one word and `…` for any number.
fn words(line: &ShellLine) -> Vec<String> {
    let word = |text: &WordText| match text {
        WordText::Exact(text) => text.clone(),
        WordText::OneOf(texts) => texts.join("|"),
        WordText::Glob(pattern) => format!("*{pattern}"),
        WordText::Unknown { is_one: true, prefix } => format!("{prefix}?"),
        WordText::Unknown { is_one: false, prefix } => format!("{prefix}…"),
        WordText::Stream => "<>".to_owned(),
    };
    let commands = line.commands.iter().filter(|command| !command.words.is_empty());
    commands.map(|command| command.words.iter().map(|read| word(&read.text)).collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn reads(text: &str, expected: &[&str]) {
    assert_eq!(words(&line(text)), expected, "{text}");
}

#[track_caller]
fn reads_as_bash(text: &str, expected: &[&str]) {
    assert!(read(text, ShellSyntax::Sh).is_err(), "{text:?} is read without bash");
    let line = read(text, ShellSyntax::Bash).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    assert_eq!(words(&line), expected, "{text}");
}

#[test]
fn every_command_of_every_branch_is_reported() {
    reads("a; b & c && d || e | f\ng", &["a", "b", "c", "d", "e", "f", "g"]);
    reads("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]);
    reads("while a; do b; done; until c; do d; done", &["a", "b", "c", "d"]);
    reads("( a; { b; } ) | c; ! d", &["a", "b", "c", "d"]);
    reads("for x in $(a); do b; done", &["a", "b"]);
    reads("a $(b `c`) <(d) \"$(e)\"", &["a … <> ?", "b …", "c", "d", "e"]);
    reads("a |& b; time c", &["a", "b", "c"]);
}

#[test]
fn quotes_and_escapes_are_removed() {
    reads("a 'b c' \"d e\" f\\ g h'i'\"j\"k", &["a b c d e f g hijk"]);
    reads("a \"\\$x \\\"q\\\" \\n\" '\\' '\"'", &["a $x \"q\" \\n \\ \""]);
    reads("l\\\ns a \\\n b", &["ls a b"]);
    reads("\"ls\" ''", &["ls "]);
    reads("a \"b\nc\"", &["a b\nc"]);
    reads("a b#c #d; e", &["a b#c"]);
    reads("a \"$\" \"x$|y$\" z$", &["a $ x$|y$ z$"]);
}

#[test]
fn values_are_known_if_every_way_to_the_use_assigns_them() {
    reads("x=a; b $x \"$x/c\" ${x}d", &["b a a/c ad"]);
    reads("for x in a b; do c \"$x\" $x.d; done", &["c a|b a.d|b.d"]);
    reads("for x in src/*.rs; do c \"$x\"; c $x; done", &["c *src/*.rs", "c …"]);
    reads("x=a && b $x; c $x", &["b a", "c a"]);
    reads("x='a b'; c $x \"$x\"", &["c … a b"]);
    reads("x='*'; c $x \"$x\"", &["c … *"]);
    reads("x=; c $x \"$x\"", &["c … "]);
    for text in [
        "if a; then x=b; fi; c $x",
        "(x=b); c $x",
        "x=b | a; c $x",
        "x=b & c $x",
        "a && x=b; c $x",
        "a || x=b; c $x",
        "x=b a; c $x",
        "x=b; read -r x; c $x",
        "x=b; unset x; c $x",
        "x=b; export x=d; c $x",
        "x=$(a); c $x",
        "c $x",
    ] {
        let words = words(&line(text));
        assert_eq!(words.last().map(String::as_str), Some("c …"), "{text}: {words:?}");
    }
}

#[test]
fn a_loop_does_not_change_a_value_that_it_has_used() {
    refused("x=a; while b; do c $x; x=d; done");
    refused("x=a; for y in 1 2; do c $x; read -r x; done");
    reads("x=a; while b; do c $x; done; x=d; c $x", &["b", "c a", "c d"]);
    reads("while b; do x=a; c $x; done", &["b", "c a"]);
}

#[test]
fn expansions_that_may_be_several_words_are_told_apart() {
    reads("a $x \"$x\" b$x \"b$x\"", &["a … ? b… b?"]);
    reads("a $? $$ $((1+2)) $!", &["a ? ? ? …"]);
    reads("a *.c b? [ab] '*' \\*", &["a **.c *b? *[ab] * *"]);
    reads("a 'x*'*", &["a *x\\**"]);
}

#[test]
fn braces_that_mean_themselves_are_read() {
    reads("find . -exec a {} ; b @{0} @{u} x{y}", &["find . -exec a {}", "b @{0} @{u} x{y}"]);
    refused("{a,b} c");
    refused("a {b,c");
    refused("a }");
}

#[test]
fn bash_alone_has_its_own_syntax() {
    reads_as_bash("a {b,c}d{e,f} {1..3} x{a..c}", &["a bde bdf cde cdf 1 2 3 xa xb xc"]);
    reads_as_bash("a $'b\\tc\\x41\\'\\101'", &["a b\tcA'A"]);
    reads_as_bash("[[ -d a && b == c* ]] && d", &["d"]);
    reads_as_bash("a &> b", &["a"]);
    reads_as_bash("a ==", &["a =="]);
    reads_as_bash("a =ls", &["a =ls"]);
    reads_as_bash("ls &>f id", &["ls id"]);
    for text in [
        "[[ -v a ]]",
        "[[ a -eq b ]]",
        "[[ a =~ b ]]",
        "[[ -R a ]]",
        "[[ a < b ]]",
        "[[ (a) ]]",
        "[[ a",
        "a {1..999}",
        "a $'\\0'",
        "a $'\\u0'",
    ] {
        refused(text);
    }
}

#[test]
fn files_that_a_condition_looks_at_are_redirects() {
    let line = read("[[ -d a && ! -e \"$x\" ]]", ShellSyntax::Bash).expect("a condition");
    let [command] = line.commands.as_slice() else { panic!("{line:?}") };
    assert!(command.words.is_empty());
    assert!(matches!(command.redirects.as_slice(), [one, other]
        if matches!(&one.kind, RedirectKind::Read(word) if word.text == WordText::Exact("a".to_owned()))
        && matches!(&other.kind, RedirectKind::Read(word) if matches!(word.text, WordText::Unknown { .. }))));
}

#[test]
fn here_documents_are_text_of_their_command() {
    let line = line("a <<'A' <<-B | c\n$x `y`\nA\n\tz\n\tB\nd");
    let bodies: Vec<_> = line.commands.iter().flat_map(|command| &command.redirects).collect();
    assert!(matches!(bodies.as_slice(), [one, other]
        if matches!(&one.kind, RedirectKind::HereDocument(body) if body.text == "$x `y`\n")
        && matches!(&other.kind, RedirectKind::HereDocument(body) if body.text == "z\n")));
    assert_eq!(words(&line), ["a", "c", "d"]);
}

#[test]
fn here_documents_that_shells_read_in_two_ways_are_refused() {
    for text in [
        "a <<E\nb",
        "a <<E\n$x\nE",
        "a <<E\n`x`\nE",
        "a <<E\n\\x\nE",
        "a $(b <<E)\nE",
        "a <<E $(b\n)\nE",
        "a <<E 'b\nc'\nE",
        "a <<E \\\nb\nE",
        "a `b <<E\nE\n`",
        "a $(b <<E\nE)\nE\n)",
        "a <<'E F'\nE F",
        "a <<$x\n$x",
        "a << \nE",
    ] {
        refused(text);
    }
}

#[test]
fn text_that_shells_read_in_two_ways_is_refused() {
    let mut accepted = Vec::new();
    for text in [
        // Differences that an oracle found.
        "a 2\\\n>b",
        "a {x}\\\n>b",
        "a >\\\n b",
        "ls 2&>x",
        "grep a [[ && b",
        "ls >&-id",
        "ls 52>&1",
        "> x",
        "cat <()",
        "ls <1-5>x",
        // Words.
        "a ~",
        "a ~/b",
        "a b=~",
        "a b:~",
        "x==ls a",
        "a !!",
        "!a",
        "a(b)",
        "a (b)",
        "a b<(c)",
        "a <(b)c",
        "'a",
        "\"a",
        "a \\",
        // Expansions.
        "a ${x:-b}",
        "a ${x@P}",
        "a ${!x}",
        "a ${x[0]}",
        "a $x[0]",
        "a \"$x[$(b)]\"",
        "a $@",
        "a $*",
        "a $1",
        "a $0",
        "a $#",
        "a $-",
        "a $\"b\"",
        "a $[1]",
        "a $((x))",
        "a $((1",
        "a $(",
        "a `b",
        "a $()",
        "a `b \\`c\\``",
        "a ${ b;}",
        "a $\\\nx",
        // Programs.
        "$x",
        "x$x",
        "$(a)",
        "a* b",
        "[a] b",
        "'' b",
        "- a",
        "-a",
        "a=b=c d=$(",
        "'a=b'",
        "a+=b c",
        "a[0]=b c",
        "\"if\" a",
        "X=rm; $X a",
        // Keywords and lists.
        "if a; then fi",
        "if a then b; fi",
        "if a; b; fi",
        "while a; done",
        "for x; do a; done",
        "for x in; do a; done",
        "for x in a; b",
        "for 1 in a; do b; done",
        "{ a }",
        "{ a; } b",
        "(a) b",
        "()",
        "( )",
        "a;;b",
        "; a",
        "& a",
        "| a",
        "a ||",
        "a &&",
        "! ! a",
        "a | ! b",
        "case a in a) b;& esac",
        "case a in a) b;;& esac",
        "case a in a) b;;; esac",
        "case a in esac",
        "case a in (esac) b;; esac",
        "case a in a) b",
        "case a in a) b;;",
        "case a in a b) c;; esac",
        "case a in a|| b) c;; esac",
        "case a in a|& b) c;; esac",
        "case a in |a) c;; esac",
        "case a in ) c;; esac",
        "case a in a) ;; b c;; esac",
        "case a b in a) c;; esac",
        "case a; in a) c;; esac",
        "case in a) c;; esac",
        "case a\nin a) c;; esac",
        "case a 'in' a) c;; esac",
        "case a in $x) c;; esac",
        "case a in \"$(b)\") c;; esac",
        "case a in `b`) c;; esac",
        "case a in '$x') c;; esac",
        "case a in @(a|b)) c;; esac",
        "case a in {a,b}) c;; esac",
        "case a in <(b)) c;; esac",
        "case <(b) in a) c;; esac",
        "case {a,b} in a) c;; esac",
        "case >x in a) c;; esac",
        "case a in 2>x) c;; esac",
        "case a in a&) c;; esac",
        "case a in a) c;; esac d",
        "time case a in a) c;; esac",
        "$(case a in a) c;; esac)",
        "echo \"$(case a in (a) c;; esac)\"",
        "`case a in a) c;; esac`",
        "esac",
        "a; esac",
        "case a in a) (b;; c) esac",
        "case a in a) if b;; c; fi esac",
        "case a in a) { b; esac; }",
        "function f { a; }",
        "f() { a; }",
        "f () { a; }",
        "select x in a; do b; done",
        "coproc a",
        "repeat 3 a",
        "foreach x (a) b; end",
        "nocorrect a",
        "noglob a",
        "time { a; }",
        "time ! a",
        "time x=y a",
        "time -p a",
        "((1))",
        "a;(b);((c))",
        // Comments and continuations.
        "a;#b",
        "a \\\n#b",
        "a &\\\n& b",
        "$(a #)\n)#",
        "`a # b`",
        // Redirects.
        "a >",
        "a > >b",
        "a >\nb",
        "a >&b",
        "a >&12",
        "a <&b",
        "a 12>b",
        "a >!b",
        "a <#b",
        "x=y > a",
        "a <<< $x",
        "a {x}>b",
        "a > {b,c}",
        // Nothing to run.
        "",
        "  ",
        "# a",
        "\n",
    ] {
        for syntax in [ShellSyntax::Sh, ShellSyntax::Bash] {
            if read(text, syntax).is_ok() {
                accepted.push((text, syntax));
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
}

#[test]
fn commands_that_change_the_meaning_of_later_words_are_refused() {
    for text in [
        "alias a=b",
        "unalias a",
        "eval a",
        ". a",
        "source a",
        "trap a EXIT",
        "shopt -s x",
        "setopt x",
        "emulate sh",
        "enable -f a b",
        "hash -p a b",
        "zmodload a",
        "let a=b",
        "declare a=b",
        "typeset a=b",
        "set -- a",
        "set -o noglob",
        "set -k",
        "set a",
        "IFS=/",
        "IFS=/ a",
        "path=a b",
        "for path in a; do b; done",
        "read -r path",
        "export IFS=a",
        "command eval a",
        "builtin . a",
        "command command eval a",
        "command -p eval a",
        "exec -a b c",
        "command $x",
        "PS4=a",
        "for IFS in a; do b; done",
        "RANDOM=a b",
        "unset IFS",
    ] {
        refused(text);
    }
    reads("IFS= read -r x; set -euo pipefail", &["read -r x", "set -euo pipefail"]);
}

#[test]
fn builtin_commands_that_evaluate_their_words_take_plain_ones() {
    for text in [
        "test -v 'a[$(id)]'",
        "[ -v a ]",
        "[ ! -v a ]",
        "[ -R a ]",
        "[ $x = a ]",
        "[ *.c = a ]",
        "[ \"$x\" \"$y\" ]",
        "[ a = b -o -v c ]",
        "[ a",
        "printf -v a b",
        "printf -va b",
        "printf \"$x\" a",
        "printf %n a",
        "printf '%s %n' a b",
        "read -a x",
        "read 'a[0]'",
        "read \"$x\"",
        "read 'x?y'",
        "read -p a b",
        "unset 'a[0]'",
        "unset -f a",
        "export 'a[0]=b'",
        "export \"$x\"",
        "export -f a",
        "readonly 'a[0]'",
        "exit a",
        "return 'a[$(id)]'",
        "break x",
        "shift x",
        "ulimit -n x",
        "wait -p x",
        "COLUMNS='a[$(id)]' ls",
        "LINES=x",
        "for LINES in a; do b; done",
        "mapfile -C a b",
        "readarray b",
        "getopts a b",
        "command printf -v a b",
        "builtin test -v a",
        "exec printf -v a b",
    ] {
        refused(text);
    }
    for text in ["[ a -eq 1 ]", "[ \"$x\" -gt 5 ]", "printf %d \"$x\"", "printf '%*s' \"$x\" a", "test a -lt b"] {
        assert!(read(text, ShellSyntax::Sh).is_err(), "{text:?} is read");
        assert!(read(text, ShellSyntax::Bash).is_ok(), "{text:?} is not read as bash");
    }
    reads("[ $? -eq 0 ] && [ 1 -lt 2 ]; c=$?; exit $c", &["[ ? -eq 0 ]", "[ 1 -lt 2 ]", "exit ?"]);
}

#[test]
fn control_and_invisible_characters_are_refused() {
    for text in [
        "a\rb",
        "a '\r'",
        "a \0",
        "a \u{1}",
        "a \u{7f}",
        "a \u{85}",
        "a \u{202e}b",
        "a '\u{2066}'",
        "a\u{2028}b",
        "a \u{a0}b",
        "a \u{200b}",
        "a \u{feff}b",
    ] {
        refused(text);
    }
    reads("a é 'x\u{200d}y' \"\u{a0}\"", &["a é x\u{200d}y \u{a0}"]);
}

#[test]
fn the_directory_may_not_change_in_a_loop_or_at_the_end_of_a_pipe() {
    refused("while a; do cd b; done");
    refused("for x in a b; do cd $x; done");
    refused("a | cd b");
    refused("time cd a && b");
    refused("for x in a b; do command cd $x; done");
    reads("for x in a b; do (cd $x; c); done; a | (cd b)", &["cd a|b", "c", "a", "cd b"]);
}

#[test]
fn steps_tell_where_directories_are_entered_and_left() {
    use LineStep::{Branch, EndLoop, Enter, Join, Leave, Loop, Pipe, Run};
    let (always, and, or) = (Connector::Always, Connector::And, Connector::Or);
    for (text, steps) in [
        ("a && b || c; d", vec![Run(0, always), Run(1, and), Run(2, or), Run(3, always)]),
        ("a && (b; c) && d", vec![Run(0, always), Enter, Run(1, and), Run(2, always), Leave, Run(3, and)]),
        ("a || (b) && c", vec![Run(0, always), Enter, Run(1, or), Leave, Run(2, always)]),
        ("a | b && c", vec![Enter, Run(0, always), Leave, Pipe, Enter, Run(1, always), Leave, Run(2, and)]),
        ("! a && b", vec![Branch, Run(0, always), Join, Run(1, always)]),
        // zsh runs `a` in the shell itself.
        ("a && b & c", vec![Branch, Run(0, always), Run(1, and), Join, Run(2, always)]),
        ("a & b", vec![Enter, Run(0, always), Leave, Run(1, always)]),
        ("a $(b)", vec![Enter, Run(1, always), Leave, Run(0, always)]),
        ("{ a; } > x", vec![Run(1, always), Run(0, always)]),
        ("{ a; } || b && c", vec![Run(0, always), Run(1, always), Run(2, always)]),
        ("if a; then b; else c; fi", vec![Run(0, always), Branch, Run(1, always), Join, Branch, Run(2, always), Join]),
        ("while a; do b; done", vec![Loop, Run(0, always), Branch, Run(1, always), Join, EndLoop]),
        ("for x in a; do b; done", vec![Run(0, always), Loop, Branch, Run(1, always), Join, EndLoop]),
    ] {
        assert_eq!(line(text).steps, steps, "{text}");
    }
}

#[test]
fn depth_length_and_number_of_words_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".to_owned() + &" (".repeat(depth - 1), ")".repeat(depth));
    assert!(read(&nested(MAX_DEPTH), ShellSyntax::Sh).is_ok());
    assert!(read(&nested(MAX_DEPTH + 1), ShellSyntax::Sh).is_err());
    assert!(read(&format!("a{}", " b".repeat(MAX_WORDS - 1)), ShellSyntax::Sh).is_ok());
    assert!(read(&format!("a{}", " b".repeat(MAX_WORDS)), ShellSyntax::Sh).is_err());
    assert!(read(&format!("a {}", "b".repeat(MAX_BYTES - 2)), ShellSyntax::Sh).is_ok());
    assert!(read(&format!("a {}", "b".repeat(MAX_BYTES)), ShellSyntax::Sh).is_err());
}

#[test]
fn hostile_lines_of_full_length_end() {
    let pieces = [
        "(",
        "( ",
        "{ ",
        "if ",
        "while ",
        "for x in ",
        "$(",
        "`",
        "\"$(",
        "<(",
        "'",
        "\"",
        "\\",
        "\n",
        "\\\n",
        " ",
        ";",
        "&",
        "|",
        "||",
        "&&",
        "<",
        ">",
        "<<E ",
        "<<E\n",
        "${",
        "$((",
        "$",
        "$x",
        "*",
        "?",
        "[",
        "]",
        "{",
        "}",
        "{a,",
        "{a,b}",
        "~",
        "#",
        "!",
        "=",
        "a=",
        "a=$a;",
        "x ",
        "x;",
        "x|",
        "x&",
        "x&&",
        "x||",
        "(x)\n",
        "{ x; }\n",
        "x=a;",
        "x=$x$x;",
        "x=\"$x$x\";",
        "for x in a b; do y $x; done;",
        "$(x) ",
        "! ",
        "time ",
        "[[ ",
        "[ a ];",
        "x <<E\nE\n",
        "é",
        "'é'",
        "x >a;",
        "case ",
        ")",
        "fi;",
        "read x;",
        "`x` ",
        "y $x$x$x;",
    ];
    for piece in pieces {
        for prefix in ["", "x ", "x=a; ", "for x in a b c d; do y \"$x$x$x$x$x$x\"; done; "] {
            let text = format!("{prefix}{}", piece.repeat((MAX_BYTES - prefix.len()) / piece.len()));
            for syntax in [ShellSyntax::Sh, ShellSyntax::Bash] {
                if let Ok(line) = read(&text, syntax) {
                    let size: usize = line
                        .commands
                        .iter()
                        .flat_map(|command| &command.words)
                        .map(|word| match &word.text {
                            WordText::Exact(text) | WordText::Glob(text) => text.len(),
                            WordText::OneOf(texts) => texts.iter().map(String::len).sum(),
                            WordText::Unknown { prefix, .. } => prefix.len(),
                            WordText::Stream => 0,
                        })
                        .sum();
                    assert!(size <= 8 * MAX_BYTES, "{piece}: {size} bytes of words");
                    assert!(line.steps.len() <= 4 * MAX_WORDS, "{piece}: {} steps", line.steps.len());
                }
            }
        }
    }
}

#[test]
fn the_place_of_a_refusal_is_told_and_no_text_of_the_line() {
    let refusal = read("ls; secret ${token:-x}", ShellSyntax::Sh).expect_err("an expansion");
    assert_eq!(refusal.to_string(), "byte 11: an expansion other than `${NAME}`; write its value");
}

#[test]
fn a_vector_is_one_command_of_its_words() {
    let line = read_vector(&["bash", "-lc", "ls | id", ""]).expect("a vector");
    assert_eq!(words(&line), ["bash -lc ls | id "]);
    for vector in [&[][..], &[""], &["", "a"], &["a", "b\0"]] {
        assert!(read_vector(vector).is_err(), "{vector:?}");
    }
    assert!(read_vector(&vec!["a"; MAX_WORDS + 1]).is_err());
    assert!(read_vector(&[&"a".repeat(MAX_BYTES + 1)]).is_err());
}
