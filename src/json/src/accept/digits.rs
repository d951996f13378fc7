//! Numbers in a text that arrives in pieces: a piece may end within a number.

/// The part of a number (RFC 8259, section 6) that was read last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    Begin,
    Minus,
    /// A leading zero, after which no digit comes.
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

// === impl Digits ===

impl Digits {
    /// Reads more of a number from `at`. Returns the place after the bytes that are part of it, and `None` if they are no number.
    pub(super) fn read_on(mut self, text: &[u8], mut at: usize) -> Option<(usize, Digits)> {
        while let Some(byte) = text.get(at) {
            match self.after(*byte) {
                Some(next) => self = next,
                None if self.may_end() => break,
                None => return None,
            }
            at += 1;
        }
        Some((at, self))
    }

    fn after(self, byte: u8) -> Option<Digits> {
        Some(match (self, byte) {
            (Digits::Begin, b'-') => Digits::Minus,
            (Digits::Begin | Digits::Minus, b'0') => Digits::Zero,
            (Digits::Begin | Digits::Minus, b'1'..=b'9') | (Digits::Whole, b'0'..=b'9') => Digits::Whole,
            (Digits::Zero | Digits::Whole, b'.') => Digits::Point,
            (Digits::Point | Digits::Fraction, b'0'..=b'9') => Digits::Fraction,
            (Digits::Zero | Digits::Whole | Digits::Fraction, b'e' | b'E') => Digits::Exponent,
            (Digits::Exponent, b'+' | b'-') => Digits::Sign,
            (Digits::Exponent | Digits::Sign | Digits::Power, b'0'..=b'9') => Digits::Power,
            _ => return None,
        })
    }

    /// Returns true if the number may end here. After a leading zero a digit is left, which no reader takes for the next thing.
    fn may_end(self) -> bool {
        matches!(self, Digits::Zero | Digits::Whole | Digits::Fraction | Digits::Power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::number;

    #[test]
    fn a_number_in_pieces_ends_where_a_whole_one_does() {
        for literal in [
            "0", "-0", "12", "-1.50", "0.1e5", "1E+2", "1e-2", "10", "007", "-", "1.", "1e", "1e+", "+1", ".5", "1.e2",
            "--1",
        ] {
            for after in ["", ",", "]", " ", "x", "."] {
                let text = format!("{literal}{after}").into_bytes();
                for cut in 0..=text.len() {
                    let whole = Digits::Begin.read_on(&text, 0);
                    let first = Digits::Begin.read_on(&text[..cut], 0);
                    let pieces = first
                        .and_then(|(at, state)| if at < cut { Some((at, state)) } else { state.read_on(&text, at) });
                    assert!(pieces == whole, "{literal}{after} {cut}");
                    let end = whole.filter(|(_, state)| state.may_end()).map(|(end, _)| end);
                    // Here a number ends at a digit after a leading zero; the whole reader refuses it at once.
                    assert!(end == number(&text, 0) || literal == "007", "{literal}{after}");
                }
            }
        }
    }
}
