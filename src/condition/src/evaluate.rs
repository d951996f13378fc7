//! Evaluates a checked condition with a bound on steps.
//!
//! `&&` and `||` take errors as CEL does: a decisive operand wins over an error of the other one.

use std::borrow::Cow;

use callgate_json::Value;

use crate::program::{Macro, NamePart, Op, TextTest};
use crate::syntax::Arithmetic;
use crate::value::{Fact, Val, compare};
use crate::{Duration, EvalError, MAX_STEPS, Timestamp};

/// The facts of one call.
pub trait Facts {
    /// Returns the fact with this position in the environment; `None` if it is absent.
    fn fact(&self, index: usize) -> Option<Fact<'_>>;

    /// Answers the function with this position in the environment; `None` if it has no answer.
    fn ask(&self, _function: usize, _arguments: &[Fact<'_>]) -> Option<Fact<'_>> {
        None
    }
}

/// One evaluation.
pub(crate) struct Evaluation<'f> {
    facts: &'f dyn Facts,
    /// The variables of macros, and the position of each in its list.
    locals: Vec<(Val<'f>, usize)>,
    steps: u64,
}

type Result<T> = std::result::Result<T, EvalError>;

// === impl Evaluation ===

impl<'f> Evaluation<'f> {
    pub(crate) fn new(facts: &'f dyn Facts) -> Evaluation<'f> {
        Evaluation { facts, locals: Vec::new(), steps: MAX_STEPS }
    }

    /// Pays for one operation on so many bytes of text.
    fn pay(&mut self, bytes: usize) -> Result<()> {
        let steps = u64::try_from(bytes / 64).unwrap_or(u64::MAX).saturating_add(1);
        self.steps = self.steps.checked_sub(steps).ok_or(EvalError::Steps)?;
        Ok(())
    }

    pub(crate) fn evaluate<'o>(&mut self, op: &'o Op) -> Result<Val<'f>>
    where
        'o: 'f,
    {
        self.pay(0)?;
        Ok(match op {
            Op::Null => Val::Null,
            Op::Bool(value) => Val::Bool(*value),
            Op::Int(number) => Val::Int(*number),
            Op::Double(number) => Val::Double(*number),
            Op::Text(text) => Val::Text(Cow::Borrowed(text)),
            Op::ItemName(parts) => Val::Text(Cow::Owned(self.item_name(parts)?)),
            Op::Timestamp(time) => Val::Timestamp(*time),
            Op::Duration(time) => Val::Duration(*time),
            Op::List(items) => Val::List(items.iter().map(|item| self.evaluate(item)).collect::<Result<_>>()?),
            Op::Fact(index) => Val::of_fact(self.facts.fact(*index).ok_or(EvalError::Absent)?)?,
            Op::HasFact(index) => Val::Bool(self.facts.fact(*index).is_some()),
            Op::Local(index) => self.locals.get(*index).ok_or(EvalError::Absent)?.0.clone(),
            Op::Member(of, name) => match self.evaluate(of)? {
                Val::Json(Value::Object(members)) => Val::of(members.get(name).ok_or(EvalError::Absent)?)?,
                _ => return Err(EvalError::Absent),
            },
            Op::HasMember(of, name) => match self.evaluate(of)? {
                Val::Json(Value::Object(members)) => Val::Bool(members.contains_key(name)),
                _ => return Err(EvalError::Absent),
            },
            Op::Not(of) => Val::Bool(!self.evaluate(of)?.bool()?),
            Op::Negate(of) => self.negate(of)?,
            Op::Or(sides) => Val::Bool(self.either(sides, true)?),
            Op::And(sides) => Val::Bool(self.either(sides, false)?),
            Op::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                let branch = if self.evaluate(condition)?.bool()? { then } else { otherwise };
                self.evaluate(branch)?
            }
            Op::Compare(comparison, sides) => {
                let (a, b) = self.both(sides)?;
                self.pay(a.bytes().min(b.bytes()))?;
                Val::Bool(compare(*comparison, &a, &b))
            }
            Op::In(sides) => Val::Bool(self.is_in(sides)?),
            Op::IntArithmetic(arithmetic, sides) => {
                let (Val::Int(a), Val::Int(b)) = self.both(sides)? else { return Err(EvalError::Absent) };
                Val::Int(of_ints(*arithmetic, a, b)?)
            }
            Op::DoubleArithmetic(arithmetic, sides) => {
                let (a, b) = self.both(sides)?;
                Val::Double(of_doubles(*arithmetic, double(&a)?, double(&b)?)?)
            }
            Op::TimeArithmetic(arithmetic, sides) => {
                let (a, b) = self.both(sides)?;
                of_times(*arithmetic, &a, &b)?
            }
            Op::Join(sides) => {
                let (a, b) = self.both(sides)?;
                self.pay(a.bytes().saturating_add(b.bytes()))?;
                Val::Text(Cow::Owned([a.text()?, b.text()?].concat()))
            }
            Op::Size(of) => self.size(of)?,
            Op::Test(test, sides) => {
                let (text, part) = self.both(sides)?;
                self.pay(text.bytes())?;
                let (text, part) = (text.text()?, part.text()?);
                Val::Bool(match test {
                    TextTest::StartsWith => text.starts_with(part),
                    TextTest::EndsWith => text.ends_with(part),
                    TextTest::Contains => text.contains(part),
                })
            }
            Op::Matches(of, pattern) => {
                let text = self.evaluate(of)?;
                // A pattern costs more a byte than a comparison.
                self.pay(text.bytes().saturating_mul(8))?;
                Val::Bool(pattern.is_match(text.text()?))
            }
            Op::Each(which, parts) => self.each(*which, parts)?,
            Op::ReadTimestamp(of) => {
                Val::Timestamp(Timestamp::parse(self.evaluate(of)?.text()?).ok_or(EvalError::Time)?)
            }
            Op::ReadDuration(of) => Val::Duration(Duration::parse(self.evaluate(of)?.text()?).ok_or(EvalError::Time)?),
            Op::TimeField(field, offset, of) => match self.evaluate(of)? {
                Val::Timestamp(time) => Val::Int(time.field(*field, *offset)),
                _ => return Err(EvalError::Absent),
            },
            Op::Ask(function, arguments) => {
                let values = arguments.iter().map(|argument| self.evaluate(argument)).collect::<Result<Vec<_>>>()?;
                let facts = values.into_iter().map(fact).collect::<Result<Vec<_>>>()?;
                Val::of_fact(self.facts.ask(*function, &facts).ok_or(EvalError::Absent)?)?
            }
        })
    }

    /// Writes the name of an item.
    fn item_name(&mut self, parts: &[NamePart]) -> Result<String> {
        let mut name = String::new();
        for part in parts {
            match part {
                NamePart::Text(text) => name.push_str(text),
                NamePart::Item(local) => {
                    let (_, position) = self.locals.get(*local).ok_or(EvalError::Absent)?;
                    name.push_str(&format!("[{position}]"));
                }
            }
        }
        self.pay(name.len())?;
        Ok(name)
    }

    fn both<'o>(&mut self, sides: &'o [Op; 2]) -> Result<(Val<'f>, Val<'f>)>
    where
        'o: 'f,
    {
        let [a, b] = sides;
        Ok((self.evaluate(a)?, self.evaluate(b)?))
    }

    /// `||` if `decisive` is true, `&&` if it is false: one operand with this value decides.
    fn either<'o>(&mut self, sides: &'o [Op; 2], decisive: bool) -> Result<bool>
    where
        'o: 'f,
    {
        let [a, b] = sides;
        match self.evaluate(a).and_then(|value| value.bool()) {
            Ok(value) if value == decisive => Ok(decisive),
            Ok(_) => self.evaluate(b)?.bool(),
            Err(EvalError::Steps) => Err(EvalError::Steps),
            Err(error) => match self.evaluate(b)?.bool()? {
                value if value == decisive => Ok(decisive),
                _ => Err(error),
            },
        }
    }

    fn negate<'o>(&mut self, of: &'o Op) -> Result<Val<'f>>
    where
        'o: 'f,
    {
        Ok(match self.evaluate(of)? {
            Val::Int(number) => Val::Int(number.checked_neg().ok_or(EvalError::Overflow)?),
            Val::Double(number) => Val::Double(-number),
            Val::Duration(time) => Val::Duration(time.negated().ok_or(EvalError::Overflow)?),
            _ => return Err(EvalError::Absent),
        })
    }

    fn is_in<'o>(&mut self, sides: &'o [Op; 2]) -> Result<bool>
    where
        'o: 'f,
    {
        let (wanted, list) = self.both(sides)?;
        for position in 0..list.items().ok_or(EvalError::Absent)? {
            let item = list.item(position)?;
            self.pay(wanted.bytes().min(item.bytes()))?;
            if compare(crate::syntax::Comparison::Equal, &wanted, &item) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn size<'o>(&mut self, of: &'o Op) -> Result<Val<'f>>
    where
        'o: 'f,
    {
        let value = self.evaluate(of)?;
        self.pay(value.bytes())?;
        let size = match value.items() {
            Some(items) => items,
            None => value.text()?.chars().count(),
        };
        i64::try_from(size).map(Val::Int).map_err(|_| EvalError::Overflow)
    }

    fn each<'o>(&mut self, which: Macro, parts: &'o [Op; 2]) -> Result<Val<'f>>
    where
        'o: 'f,
    {
        let [list, body] = parts;
        let list = self.evaluate(list)?;
        let (mut kept, mut failed) = (Vec::new(), None);
        for position in 0..list.items().ok_or(EvalError::Absent)? {
            let item = list.item(position)?;
            self.locals.push((item.clone(), position));
            let holds = self.evaluate(body).and_then(|value| value.bool());
            self.locals.pop();
            match (holds, which) {
                (Ok(true), Macro::Exists) => return Ok(Val::Bool(true)),
                (Ok(false), Macro::All) => return Ok(Val::Bool(false)),
                (Ok(true), Macro::Filter) => kept.push(item),
                (Ok(_), _) => {}
                (Err(error), Macro::Filter) | (Err(error @ EvalError::Steps), _) => return Err(error),
                // A later item may decide alone.
                (Err(error), Macro::All | Macro::Exists) => failed = failed.or(Some(error)),
            }
        }
        match (failed, which) {
            (Some(error), _) => Err(error),
            (None, Macro::Filter) => Ok(Val::List(kept)),
            (None, Macro::All) => Ok(Val::Bool(true)),
            (None, Macro::Exists) => Ok(Val::Bool(false)),
        }
    }
}

fn fact(value: Val<'_>) -> Result<Fact<'_>> {
    Ok(match value {
        Val::Bool(value) => Fact::Bool(value),
        Val::Int(number) => Fact::Int(number),
        Val::Text(text) => Fact::Text(text),
        Val::Timestamp(time) => Fact::Timestamp(time),
        Val::Json(json) => Fact::Json(json),
        Val::Null | Val::Double(_) | Val::Duration(_) | Val::List(_) => return Err(EvalError::Absent),
    })
}

fn of_ints(arithmetic: Arithmetic, a: i64, b: i64) -> Result<i64> {
    if b == 0 && matches!(arithmetic, Arithmetic::Divide | Arithmetic::Remainder) {
        return Err(EvalError::DivisionByZero);
    }
    match arithmetic {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Remainder => a.checked_rem(b),
    }
    .ok_or(EvalError::Overflow)
}

/// The double of a number, if it is exact.
fn double(value: &Val<'_>) -> Result<f64> {
    match value {
        Val::Double(number) => Ok(*number),
        Val::Int(number) => {
            #[expect(clippy::cast_precision_loss, reason = "compared by value next")]
            let double = *number as f64;
            match compare(crate::syntax::Comparison::Equal, &Val::Double(double), value) {
                true => Ok(double),
                false => Err(EvalError::Overflow),
            }
        }
        _ => Err(EvalError::Absent),
    }
}

/// Infinite results are errors: no condition means them.
fn of_doubles(arithmetic: Arithmetic, a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && arithmetic == Arithmetic::Divide {
        return Err(EvalError::DivisionByZero);
    }
    let result = match arithmetic {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => return Err(EvalError::Absent),
    };
    if result.is_finite() { Ok(result) } else { Err(EvalError::Overflow) }
}

fn of_times<'a>(arithmetic: Arithmetic, a: &Val<'_>, b: &Val<'_>) -> Result<Val<'a>> {
    use Arithmetic::{Add, Subtract};
    let result = match (arithmetic, a, b) {
        (Add, Val::Timestamp(time), Val::Duration(by)) | (Add, Val::Duration(by), Val::Timestamp(time)) => {
            time.plus(*by).map(Val::Timestamp)
        }
        (Add, Val::Duration(a), Val::Duration(b)) => a.plus(*b).map(Val::Duration),
        (Subtract, Val::Timestamp(a), Val::Timestamp(b)) => a.since(*b).map(Val::Duration),
        (Subtract, Val::Timestamp(time), Val::Duration(by)) => {
            by.negated().and_then(|by| time.plus(by)).map(Val::Timestamp)
        }
        (Subtract, Val::Duration(a), Val::Duration(b)) => b.negated().and_then(|b| a.plus(b)).map(Val::Duration),
        _ => return Err(EvalError::Absent),
    };
    result.ok_or(EvalError::Overflow)
}
