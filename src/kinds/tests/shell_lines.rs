//! Shell lines that coding agents write: read, read as bash alone, or refused with a reason.

#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_kinds::command::{ShellSyntax, read};

/// Returns the lines of a file. A line in double quotes is a JSON string.
fn lines(file: &str) -> Vec<String> {
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| match line.strip_suffix('"') {
            Some(_) if line.starts_with('"') => serde_json::from_str(line).unwrap_or_else(|_| line.to_owned()),
            _ => line.to_owned(),
        })
        .collect()
}

#[test]
fn lines_of_coding_agents_are_read() {
    let mut lines = lines(include_str!("lines/agents.txt"));
    let not_allowed = include_str!("lines/agents_not_allowed.txt").lines().filter_map(|row| row.split('\t').next());
    lines.extend(self::lines(&not_allowed.collect::<Vec<_>>().join("\n")));
    assert!(lines.len() > 300, "{} lines", lines.len());
    let mut refused = Vec::new();
    for line in &lines {
        match read(line, ShellSyntax::Sh) {
            Ok(common) => assert_eq!(Ok(common), read(line, ShellSyntax::Bash), "{line}"),
            Err(refusal) => refused.push(format!("{line}\n    {refusal}")),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn lines_of_bash_are_refused_unless_bash_is_declared() {
    for line in lines(include_str!("lines/bash.txt")) {
        let read_by_bash = read(&line, ShellSyntax::Bash);
        assert!(
            read_by_bash.is_ok(),
            "{line}: {}",
            read_by_bash.err().map(|refusal| refusal.to_string()).unwrap_or_default()
        );
        assert!(read(&line, ShellSyntax::Sh).is_err(), "{line}");
    }
}

#[test]
fn lines_that_shells_read_in_two_ways_are_refused_with_a_reason() {
    let page = include_str!("../../../docs/reference/shell-lines.md");
    for row in lines(include_str!("lines/refused.txt")) {
        let (line, reason) = row.split_once('\t').expect("a line and its reason");
        assert!(page.contains(reason), "docs/reference/shell-lines.md lacks: {reason}");
        for syntax in [ShellSyntax::Sh, ShellSyntax::Bash] {
            assert_eq!(read(line, syntax).map_err(|refusal| refusal.reason), Err(reason), "{line}");
        }
    }
}
