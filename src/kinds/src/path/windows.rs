//! Names that Windows reads as something else than a file of that name.

use crate::Refusal;

/// Devices that exist in every directory, with any extension.
const DEVICES: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// Refuses a name.
///
/// # Errors
///
/// The name ends in a dot or a blank, is a device, or has the shape of a short name.
pub(super) fn check_name(name: &str, at: usize) -> Result<(), Refusal> {
    if name.ends_with(['.', ' ']) {
        return Err(Refusal::byte(at, "has a name that ends in a dot or a blank, which Windows drops"));
    }
    if is_device(name) {
        return Err(Refusal::byte(at, "names a device"));
    }
    if is_short_name(name) {
        return Err(Refusal::byte(at, "has the short name of another file"));
    }
    Ok(())
}

/// Returns true for `CON`, `nul.txt`, `COM1`, `LPT²` and their like.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let mut letters = stem.chars();
    let port: String = letters.by_ref().take(3).map(|c| c.to_ascii_lowercase()).collect();
    let is_number = matches!(letters.next(), Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'));
    (port == "com" || port == "lpt") && is_number && letters.next().is_none()
}

/// Returns true for the shape of a name that Windows makes up: at most eight characters with `~` and digits at their end, and at most three
/// after a dot. `GIT~1` is `.git` on many volumes.
pub(super) fn is_short_name(name: &str) -> bool {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let is_numbered = stem.rsplit_once('~').is_some_and(|(head, digits)| {
        !head.is_empty() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    is_numbered && stem.chars().count() <= 8 && extension.chars().count() <= 3
}
