//! The obligations of the reader of shell lines.

use callgate_kinds::command::{LineStep, MAX_BYTES, ShellLine, ShellSyntax, Span, WordText, read};

/// Reads a line as each syntax, and checks what is accepted.
///
/// # Panics
///
/// A reading breaks an obligation.
pub fn check(line: &str) {
    let common = read(line, ShellSyntax::Sh);
    let bash = read(line, ShellSyntax::Bash);
    if let Ok(reading) = &bash {
        check_reading(line, reading);
    }
    if let Ok(reading) = common {
        assert_eq!(Ok(reading), bash, "bash reads the common subset as all shells do");
    }
}

fn check_reading(line: &str, reading: &ShellLine) {
    let mut runs = vec![0_u32; reading.commands.len()];
    let mut open = Vec::new();
    for step in &reading.steps {
        match step {
            LineStep::Run(at, _) => runs[*at as usize] += 1,
            LineStep::Enter => open.push(LineStep::Leave),
            LineStep::Branch => open.push(LineStep::Join),
            LineStep::Loop => open.push(LineStep::EndLoop),
            LineStep::Leave | LineStep::Join | LineStep::EndLoop => {
                assert_eq!(open.pop(), Some(*step), "steps are nested")
            }
            LineStep::Pipe => {}
        }
    }
    assert!(open.is_empty(), "every step that enters leaves");
    assert!(runs.iter().all(|count| *count == 1), "every command runs in one step");
    let mut size = 0;
    for command in &reading.commands {
        check_span(line, command.span);
        if let Some(program) = command.words.first() {
            assert!(matches!(&program.text, WordText::Exact(name) if !name.is_empty()), "a program's name is exact");
        }
        for word in &command.words {
            check_span(line, word.span);
            size += match &word.text {
                WordText::Exact(text) | WordText::Glob(text) => text.len(),
                WordText::OneOf(texts) => {
                    assert!((2..=32).contains(&texts.len()), "one of a few texts");
                    texts.iter().map(String::len).sum()
                }
                WordText::Unknown { prefix, .. } => prefix.len(),
                WordText::Stream => 0,
            };
        }
    }
    assert!(size <= 8 * MAX_BYTES, "words take no more than a few times the line");
}

fn check_span(line: &str, span: Span) {
    assert!(line.get(span.start as usize..span.end as usize).is_some(), "a span is a part of the line");
}
