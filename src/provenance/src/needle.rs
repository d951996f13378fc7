//! A value that is searched for.

use callgate_json::Value;

use crate::{Decimal, normal};

/// The minimum characters of a string that is searched for inside of texts. A shorter one must be a whole value.
const MIN_SEARCHED: usize = 3;

/// A value that is searched for, in normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Needle {
    pub(crate) text: String,
    pub(crate) number: Option<Decimal>,
    /// True if only a whole value equals it.
    pub(crate) is_exact: bool,
}

// === impl Needle ===

impl Needle {
    /// Takes a string, a number or a boolean. `null`, the empty string and invisible ones have nothing to search for; arrays and
    /// objects are searched for leaf by leaf.
    #[must_use]
    pub fn of(value: &Value) -> Option<Needle> {
        match value {
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            Value::Bool(value) => Some(Needle { text: value.to_string(), number: None, is_exact: true }),
            Value::Number(number) => {
                let text = number.to_string();
                Some(Needle { number: Decimal::parse(&text), text, is_exact: false })
            }
            Value::String(text) => Needle::text(text),
        }
    }

    /// Takes a string.
    #[must_use]
    pub fn text(text: &str) -> Option<Needle> {
        let text = normal(text);
        if text.is_empty() {
            return None;
        }
        let number = Decimal::parse(&text);
        let is_short = text.chars().nth(MIN_SEARCHED - 1).is_none();
        Some(Needle { is_exact: is_short && number.is_none(), text, number })
    }

    /// Lets the value equal whole values only. It serves values of an enumeration.
    #[must_use]
    pub fn exact(self) -> Needle {
        Needle { is_exact: true, ..self }
    }
}
