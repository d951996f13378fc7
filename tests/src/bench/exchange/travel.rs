//! The texts of the usual exchange: a request of 1.5 KB that declares two tools, and an answer of 1 KB that calls both.

/// The body of the request.
pub(super) const REQUEST: &str = include_str!("../../../apis/measured/request.json");

/// The body of the answer.
pub(super) const ANSWER: &str = include_str!("../../../apis/measured/answer.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_has_the_sizes_it_is_named_for() {
        assert!((1450..1550).contains(&REQUEST.len()), "{}", REQUEST.len());
        assert!((980..1070).contains(&ANSWER.len()), "{}", ANSWER.len());
        for text in [REQUEST, ANSWER] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }
}
