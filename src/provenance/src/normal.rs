//! The normal form: two texts that people take for the same are the same text in it.
//!
//! 1. Compatibility composition (NFKC, UAX #15), without characters that show nothing (Default_Ignorable_Code_Point) and without
//!    controls of the writing direction.
//! 2. Full case folding (Unicode, section 3.13), and composition again.
//! 3. White space becomes one space between words, and none at the ends.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Returns the normal form of a text. The normal form of a normal form is itself.
#[must_use]
pub fn normal(text: &str) -> String {
    if text.is_ascii() {
        return words(text.bytes().map(|byte| char::from(byte.to_ascii_lowercase())), text.len());
    }
    // Folding may bring up characters that compose, and composing may bring up invisible ones.
    let folded = fold(text);
    let again = fold(&folded);
    words(again.chars(), again.len())
}

fn fold(text: &str) -> String {
    let visible = |letter: &char| !is_invisible(*letter);
    text.chars().filter(visible).nfkc().filter(visible).default_case_fold().nfkc().filter(visible).collect()
}

/// Writes words with one space between them. Control characters separate words, as white space does.
fn words(letters: impl Iterator<Item = char>, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity);
    let mut space = false;
    for letter in letters {
        if letter.is_whitespace() || letter.is_control() {
            space = !out.is_empty();
            continue;
        }
        if space {
            out.push(' ');
            space = false;
        }
        out.push(letter);
    }
    out
}

/// Returns true for a code point that shows nothing: Default_Ignorable_Code_Point, which has the controls of direction.
#[must_use]
pub fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
