//! Values during an evaluation. They borrow from the call.

use std::borrow::Cow;
use std::cmp::Ordering;

use callgate_json::Value;

use crate::syntax::Comparison;
use crate::{Duration, EvalError, Timestamp};

/// The value of a fact.
#[derive(Debug, Clone)]
pub enum Fact<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Cow<'a, str>),
    /// A point in time.
    Timestamp(Timestamp),
    /// JSON: an object, a list, or a scalar.
    Json(&'a Value),
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Timestamp(Timestamp),
    Duration(Duration),
    List(Vec<Val<'a>>),
    /// An object or a list.
    Json(&'a Value),
}

// === impl Val ===

impl<'a> Val<'a> {
    /// The value of a JSON value.
    pub(crate) fn of(json: &'a Value) -> Result<Val<'a>, EvalError> {
        Ok(match json {
            Value::Null => Val::Null,
            Value::Bool(value) => Val::Bool(*value),
            Value::String(text) => Val::Text(Cow::Borrowed(text)),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Val::Int(number),
                // The strict reader accepts it, but a double would round it.
                (None, _) if number.is_u64() => return Err(EvalError::Overflow),
                // JSON Schema counts 2.0 as an integer, so it is one here too.
                (None, Some(number)) => whole(number).map_or(Val::Double(number), Val::Int),
                (None, None) => return Err(EvalError::Overflow),
            },
            Value::Array(_) | Value::Object(_) => Val::Json(json),
        })
    }

    pub(crate) fn of_fact(fact: Fact<'a>) -> Result<Val<'a>, EvalError> {
        Ok(match fact {
            Fact::Bool(value) => Val::Bool(value),
            Fact::Int(number) => Val::Int(number),
            Fact::Text(text) => Val::Text(text),
            Fact::Timestamp(time) => Val::Timestamp(time),
            Fact::Json(json) => return Val::of(json),
        })
    }

    pub(crate) fn bool(&self) -> Result<bool, EvalError> {
        if let Val::Bool(value) = self { Ok(*value) } else { Err(EvalError::Absent) }
    }

    pub(crate) fn text(&self) -> Result<&str, EvalError> {
        if let Val::Text(text) = self { Ok(text) } else { Err(EvalError::Absent) }
    }

    /// The bytes of text in it.
    pub(crate) fn bytes(&self) -> usize {
        if let Val::Text(text) = self { text.len() } else { 0 }
    }

    /// The number of items of a list.
    pub(crate) fn items(&self) -> Option<usize> {
        match self {
            Val::List(items) => Some(items.len()),
            Val::Json(Value::Array(items)) => Some(items.len()),
            _ => None,
        }
    }

    /// One item of a list.
    pub(crate) fn item(&self, position: usize) -> Result<Val<'a>, EvalError> {
        match self {
            Val::List(items) => items.get(position).cloned().ok_or(EvalError::Absent),
            Val::Json(Value::Array(items)) => Val::of(items.get(position).ok_or(EvalError::Absent)?),
            _ => Err(EvalError::Absent),
        }
    }
}

/// Compares two values; `None` for different kinds, and for numbers without an order.
fn order(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    match (a, b) {
        (Val::Null, Val::Null) => Some(Ordering::Equal),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
        (Val::Int(a), Val::Double(b)) => int_with_double(*a, *b),
        (Val::Double(a), Val::Int(b)) => int_with_double(*b, *a).map(Ordering::reverse),
        // By code point, as CEL says; in UTF-8 that is the order of bytes.
        (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
        (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Compares by value, without rounding.
fn int_with_double(int: i64, double: f64) -> Option<Ordering> {
    /// 2^63: the least double over every `i64`.
    const OVER: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= OVER {
        return Some(Ordering::Less);
    }
    if double < -OVER {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is in the range of i64")]
    let whole = double.trunc() as i64;
    Some(int.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(double.fract() + 0.0))))
}

/// Applies a comparison.
pub(crate) fn compare(comparison: Comparison, a: &Val<'_>, b: &Val<'_>) -> bool {
    let order = order(a, b);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// The whole number of a double without a fraction, if each whole number near it has a double of its own.
fn whole(double: f64) -> Option<i64> {
    /// 2 to the power of 53.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range of i64")]
    (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
}
