//! Formats of `printf`. In some shells a numeric conversion evaluates its argument, which may run a command.

/// Refuses a format with other conversions than text, unless all arguments are numbers.
pub(in super::super) fn check(format: &str, are_numbers: bool) -> Result<(), &'static str> {
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        match letters.find(|c| !matches!(c, '0'..='9' | '.' | '-' | '+' | ' ' | '#')) {
            Some('%' | 's' | 'b' | 'q') => {}
            Some('d' | 'i' | 'u' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G') if are_numbers => {}
            _ => return Err("a format that some shells evaluate; write `%s`"),
        }
    }
    Ok(())
}
