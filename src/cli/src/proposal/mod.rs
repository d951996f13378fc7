//! Drafts of contracts from what requests, lists of tools and logs say. `callgate init` and `callgate learn` share it.
//!
//! 1. [`read`] collects the declared tools, the calls and the results.
//!    [`served`] reads the tools of MCP servers that the executor calls.
//! 2. [`draft`] guesses effects, egress and trust, and makes the schemas such that a contract takes them.

mod declared;
pub(crate) mod draft;
pub(crate) mod error;
mod observed;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod served;
pub(crate) mod sketch;
pub(crate) mod yaml;

/// Appends a text as comments. Lines are cut at spaces; characters that end a line become spaces.
pub(crate) fn comment(out: &mut String, indent: usize, text: &str) {
    /// The longest line.
    const WIDTH: usize = 120;
    let is_end = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}');
    let text: String = text.chars().map(|letter| if is_end(letter) { ' ' } else { letter }).collect();
    let margin = " ".repeat(indent);
    let mut line = format!("{margin}#");
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if line.len() + word.len() + 1 > WIDTH && line.len() > indent + 1 {
            out.push_str(&line);
            out.push('\n');
            line = format!("{margin}#  ");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
