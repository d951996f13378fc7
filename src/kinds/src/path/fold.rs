//! Wide comparison of names: two names that any common file system takes for one fold to the same text.
//!
//! File systems that ignore case also fold `ß`, ligatures and a few other letters to ASCII ones; some Windows programs fold full-width
//! letters. A name that a rule forbids is ASCII, so these few letters are enough and no Unicode table is needed.

/// Returns the name in lower case.
pub(super) fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.chars() {
        push(c, &mut |c| folded.push(c));
    }
    folded
}

/// Hands over the folded form of a character: one character, or the two or three letters of a ligature.
pub(super) fn push(c: char, to: &mut impl FnMut(char)) {
    let letters = match c {
        // The lower case of one and the upper case of the other are ASCII.
        '\u{130}' | '\u{131}' => "i",
        '\u{17f}' => "s",
        '\u{212a}' => "k",
        '\u{df}' | '\u{1e9e}' => "ss",
        '\u{fb00}' => "ff",
        '\u{fb01}' => "fi",
        '\u{fb02}' => "fl",
        '\u{fb03}' => "ffi",
        '\u{fb04}' => "ffl",
        '\u{fb05}' | '\u{fb06}' => "st",
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
            return to(ascii.to_ascii_lowercase());
        }
        c => return to(c.to_ascii_lowercase()),
    };
    letters.chars().for_each(to);
}
