//! Checks a syntax tree against an environment, and writes its operations.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::guards::{Guards, Implied, Proof};
use crate::program::{LiteralArgument, Macro, NamePart, Op, TextTest, at};
use crate::syntax::{Arithmetic, Comparison, Expr, ExprKind, Literal, Operator};
use crate::time::{self, Field};
use crate::types::ListType;
use crate::{ConditionError, Duration, Member, Place, Problem, Timestamp, Type};

mod calls;

/// A checked expression.
pub(crate) struct Checked {
    pub(crate) op: Op,
    pub(crate) kind: Type,
    /// It may be null.
    pub(crate) nullable: bool,
    /// The steps of the worst case.
    pub(crate) cost: u64,
    pub(crate) implied: Implied,
}

/// The variable of a macro.
struct Local {
    name: String,
    member: Member,
    /// The parts of its list's dotted name; `None` if the list has none.
    list: Option<Vec<NamePart>>,
}

type Result<T> = std::result::Result<T, ConditionError>;

/// The check of one condition.
pub(crate) struct Checker<'e> {
    environment: &'e Environment,
    /// The variables of the macros around the place of the check.
    locals: Vec<Local>,
    /// The facts proven at the place of the check.
    guards: Guards,
    facts: BTreeSet<usize>,
    functions: BTreeSet<usize>,
    /// The literal arguments of methods of named texts, each with its function.
    literals: Vec<LiteralArgument>,
}

// === impl Checked ===

impl Checked {
    fn new(op: Op, kind: Type, cost: u64) -> Checked {
        Checked { op, kind, nullable: false, cost: cost.saturating_add(1), implied: Implied::default() }
    }
}

// === impl Checker ===

impl<'e> Checker<'e> {
    pub(crate) fn new(environment: &'e Environment) -> Checker<'e> {
        Checker {
            environment,
            locals: Vec::new(),
            guards: Guards::default(),
            facts: BTreeSet::new(),
            functions: BTreeSet::new(),
            literals: Vec::new(),
        }
    }

    /// Returns the used facts and functions, and the literals of methods.
    pub(crate) fn into_used(self) -> (Vec<usize>, Vec<usize>, Vec<LiteralArgument>) {
        (self.facts.into_iter().collect(), self.functions.into_iter().collect(), self.literals)
    }

    pub(crate) fn check(&mut self, expr: &Expr) -> Result<Checked> {
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(constant(literal)),
            ExprKind::List(items) => self.list(items),
            ExprKind::Name(_) | ExprKind::Select(..) => self.value(expr),
            ExprKind::Call { receiver, name, arguments } => self.call(expr, receiver.as_deref(), name, arguments),
            ExprKind::Not(of) => {
                let of = self.expect(of, &Type::Bool)?;
                let implied = of.implied.not();
                Ok(Checked { implied, ..Checked::new(Op::Not(Box::new(of.op)), Type::Bool, of.cost) })
            }
            ExprKind::Negate(of) => {
                let of_place = of.place;
                let checked = self.present(of)?;
                match checked.kind {
                    Type::Int | Type::Number | Type::Duration => {
                        Ok(Checked::new(Op::Negate(Box::new(checked.op)), checked.kind, checked.cost))
                    }
                    found => wrong(of_place, "a number", &found),
                }
            }
            ExprKind::Binary(Operator::And, left, right) => self.junction(left, right, true),
            ExprKind::Binary(Operator::Or, left, right) => self.junction(left, right, false),
            ExprKind::Binary(Operator::Compare(comparison), left, right) => {
                self.compare(expr, *comparison, left, right)
            }
            ExprKind::Binary(Operator::In, left, right) => self.is_in(expr, left, right),
            ExprKind::Binary(Operator::Arithmetic(arithmetic), left, right) => {
                self.arithmetic(expr, *arithmetic, left, right)
            }
            ExprKind::Conditional(parts) => self.conditional(parts),
        }
    }

    /// Checks a used value: it is not null.
    fn present(&mut self, expr: &Expr) -> Result<Checked> {
        let checked = self.check(expr)?;
        if checked.nullable {
            return at(expr.place, Problem::Nullable { name: expr.shown() });
        }
        if checked.kind == Type::Opaque {
            return at(expr.place, Problem::Opaque { name: expr.shown() });
        }
        Ok(checked)
    }

    /// Checks a value of this type.
    fn expect(&mut self, expr: &Expr, kind: &Type) -> Result<Checked> {
        let checked = self.present(expr)?;
        if checked.kind == *kind { Ok(checked) } else { wrong(expr.place, &kind.to_string(), &checked.kind) }
    }

    /// Checks under further proven facts.
    fn under<T>(&mut self, guards: &Guards, check: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::take(&mut self.guards);
        self.guards = before.and(guards);
        let result = check(self);
        self.guards = before;
        result
    }

    /// A list literal: its items have one type.
    fn list(&mut self, items: &[Expr]) -> Result<Checked> {
        let (mut ops, mut cost, mut kind) = (Vec::new(), 0_u64, None::<Type>);
        for item in items {
            let checked = self.present(item)?;
            let both = match &kind {
                None => Some(checked.kind.clone()),
                Some(kind) => common(kind, &checked.kind),
            };
            let Some(both) = both.filter(Type::is_scalar) else {
                let expected = kind.as_ref().map_or_else(|| "a scalar".to_owned(), Type::to_string);
                return wrong(item.place, &expected, &checked.kind);
            };
            kind = Some(both);
            cost = cost.saturating_add(checked.cost);
            ops.push(checked.op);
        }
        let max = u32::try_from(items.len()).ok();
        let list = Type::list(Member::required(kind.unwrap_or(Type::Null)), max);
        Ok(Checked::new(Op::List(ops), list, cost))
    }

    /// A variable, a fact, or a member of one.
    fn value(&mut self, expr: &Expr) -> Result<Checked> {
        let path = expr.path();
        if let ExprKind::Name(name) = &expr.kind
            && let Some(local) = self.local(name)
        {
            let (position, member) = local;
            return Ok(self.read(Op::Local(position), &member, Some(name), 0));
        }
        if let Some(path) = path.as_deref().filter(|path| !self.is_local(path))
            && let Some((index, member)) = self.environment.find_fact(path)
        {
            self.facts.insert(index);
            if member.optional && !self.guards.prove(Proof::Present, path) {
                return at(expr.place, Problem::Unguarded { name: path.to_owned() });
            }
            return Ok(self.read(Op::Fact(index), &member.clone(), Some(path), 0));
        }
        match &expr.kind {
            ExprKind::Select(of, name) => {
                let (of, member) = self.member(expr.place, of, name)?;
                if member.optional && !path.as_deref().is_some_and(|path| self.guards.prove(Proof::Present, path)) {
                    return at(expr.place, Problem::Unguarded { name: expr.shown() });
                }
                let op = Op::Member(Box::new(of.op), name.clone());
                Ok(self.read(op, &member, path.as_deref(), of.cost))
            }
            _ => at(expr.place, Problem::UnknownName { name: expr.shown(), known: self.environment.names() }),
        }
    }

    fn read(&self, op: Op, member: &Member, path: Option<&str>, cost: u64) -> Checked {
        let proven = path.is_some_and(|path| self.guards.prove(Proof::NotNull, path));
        Checked { nullable: member.nullable && !proven, ..Checked::new(op, member.kind.clone(), cost) }
    }

    /// Finds a member of an object.
    fn member(&mut self, place: Place, of: &Expr, name: &str) -> Result<(Checked, Member)> {
        if let Some(path) = of.path().filter(|path| !self.is_local(path) && self.environment.find_fact(path).is_none())
            && self.environment.begins(&path)
        {
            let name = format!("{path}.{name}");
            return at(place, Problem::UnknownName { name, known: self.environment.names() });
        }
        let checked = self.present(of)?;
        let Type::Object(object) = &checked.kind else { return wrong(of.place, "an object", &checked.kind) };
        match object.member(name).cloned() {
            Some(member) => Ok((checked, member)),
            None => at(place, Problem::UnknownMember { of: of.shown(), name: name.to_owned(), known: object.names() }),
        }
    }

    fn local(&self, name: &str) -> Option<(usize, Member)> {
        let position = self.locals.iter().position(|local| local.name == name)?;
        self.locals.get(position).map(|local| (position, local.member.clone()))
    }

    /// Returns true if a path begins with the variable of a macro.
    fn is_local(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or_default();
        self.locals.iter().any(|local| local.name == first)
    }

    /// `&&` if `and` is true, else `||`. The right side is checked under the facts proven by the left side.
    fn junction(&mut self, left: &Expr, right: &Expr, and: bool) -> Result<Checked> {
        let left = self.expect(left, &Type::Bool)?;
        let proven = if and { left.implied.when_true.clone() } else { left.implied.when_false.clone() };
        let right = self.under(&proven, |checker| checker.expect(right, &Type::Bool))?;
        let (a, b) = (left.implied, right.implied);
        let implied = if and {
            Implied { when_true: a.when_true.and(&b.when_true), when_false: a.when_false.or(&b.when_false) }
        } else {
            Implied { when_true: a.when_true.or(&b.when_true), when_false: a.when_false.and(&b.when_false) }
        };
        let sides = Box::new([left.op, right.op]);
        let op = if and { Op::And(sides) } else { Op::Or(sides) };
        Ok(Checked { implied, ..Checked::new(op, Type::Bool, left.cost.saturating_add(right.cost)) })
    }

    fn conditional(&mut self, [condition, then, otherwise]: &[Expr; 3]) -> Result<Checked> {
        let condition = self.expect(condition, &Type::Bool)?;
        let proven = condition.implied;
        let then = self.under(&proven.when_true, |checker| checker.check(then))?;
        let place = otherwise.place;
        let otherwise = self.under(&proven.when_false, |checker| checker.check(otherwise))?;
        let Some(kind) = common(&then.kind, &otherwise.kind) else {
            return wrong(place, &then.kind.to_string(), &otherwise.kind);
        };
        let implied = Implied {
            when_true: proven
                .when_true
                .and(&then.implied.when_true)
                .or(&proven.when_false.and(&otherwise.implied.when_true)),
            when_false: proven
                .when_true
                .and(&then.implied.when_false)
                .or(&proven.when_false.and(&otherwise.implied.when_false)),
        };
        let nullable = then.nullable || otherwise.nullable;
        let cost = condition.cost.saturating_add(then.cost.max(otherwise.cost));
        let op = Op::Conditional(Box::new([condition.op, then.op, otherwise.op]));
        Ok(Checked { implied, nullable, ..Checked::new(op, kind, cost) })
    }

    fn compare(&mut self, expr: &Expr, comparison: Comparison, left: &Expr, right: &Expr) -> Result<Checked> {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        // Null equals null alone, so equality needs no guard against it.
        let (a, b) = if is_equality {
            (self.check(left)?, self.check(right)?)
        } else {
            (self.present(left)?, self.present(right)?)
        };
        let fits = if is_equality {
            let null = |one: &Checked, other: &Checked| one.kind == Type::Null && other.nullable;
            null(&a, &b) || null(&b, &a) || common(&a.kind, &b.kind).is_some_and(|kind| kind.is_scalar())
        } else {
            let has_order =
                |kind: &Type| kind.is_number() || matches!(kind, Type::Text | Type::Timestamp | Type::Duration);
            common(&a.kind, &b.kind).as_ref().is_some_and(has_order)
        };
        if !fits {
            if let Some((opaque, _)) = [(left, &a), (right, &b)].into_iter().find(|(_, side)| side.kind == Type::Opaque)
            {
                return at(opaque.place, Problem::Opaque { name: opaque.shown() });
            }
            return operands(expr, Operator::Compare(comparison), &a.kind, &b.kind);
        }
        let guarded = match (&a.kind, &b.kind) {
            (Type::Null, _) => right.path(),
            (_, Type::Null) => left.path(),
            _ => None,
        };
        let proves = guarded.map(|path| Implied::proves(Guards::of(Proof::NotNull, path))).unwrap_or_default();
        let implied = if comparison == Comparison::NotEqual { proves } else { proves.not() };
        let cost = a.cost.saturating_add(b.cost);
        Ok(Checked { implied, ..Checked::new(Op::Compare(comparison, Box::new([a.op, b.op])), Type::Bool, cost) })
    }

    fn is_in(&mut self, expr: &Expr, left: &Expr, right: &Expr) -> Result<Checked> {
        let wanted = self.check(left)?;
        let list = self.present(right)?;
        let Type::List(items) = &list.kind else { return wrong(right.place, "a list", &list.kind) };
        // Nothing is in the empty list, and anything may be asked for.
        let fits = items.max == Some(0) || common(&wanted.kind, &items.item.kind).is_some_and(|kind| kind.is_scalar());
        if !fits {
            return operands(expr, Operator::In, &wanted.kind, &list.kind);
        }
        let max = bound(items, right)?;
        let cost = wanted.cost.saturating_add(list.cost).saturating_add(max);
        Ok(Checked::new(Op::In(Box::new([wanted.op, list.op])), Type::Bool, cost))
    }

    fn arithmetic(&mut self, expr: &Expr, arithmetic: Arithmetic, left: &Expr, right: &Expr) -> Result<Checked> {
        use Arithmetic::{Add, Remainder, Subtract};
        let (a, b) = (self.present(left)?, self.present(right)?);
        let (kinds, cost) = ((a.kind, b.kind), a.cost.saturating_add(b.cost));
        let sides = Box::new([a.op, b.op]);
        let (op, kind) = match (&kinds.0, &kinds.1) {
            (Type::Int, Type::Int) => (Op::IntArithmetic(arithmetic, sides), Type::Int),
            (a, b) if a.is_number() && b.is_number() && arithmetic != Remainder => {
                (Op::DoubleArithmetic(arithmetic, sides), Type::Number)
            }
            (Type::Text, Type::Text) if arithmetic == Add => (Op::Join(sides), Type::Text),
            (Type::Timestamp, Type::Duration) if matches!(arithmetic, Add | Subtract) => {
                (Op::TimeArithmetic(arithmetic, sides), Type::Timestamp)
            }
            (Type::Duration, Type::Timestamp) if arithmetic == Add => {
                (Op::TimeArithmetic(arithmetic, sides), Type::Timestamp)
            }
            (Type::Timestamp, Type::Timestamp) if arithmetic == Subtract => {
                (Op::TimeArithmetic(arithmetic, sides), Type::Duration)
            }
            (Type::Duration, Type::Duration) if matches!(arithmetic, Add | Subtract) => {
                (Op::TimeArithmetic(arithmetic, sides), Type::Duration)
            }
            (a, b) => return operands(expr, Operator::Arithmetic(arithmetic), a, b),
        };
        Ok(Checked::new(op, kind, cost))
    }
}

fn constant(literal: &Literal) -> Checked {
    let (op, kind) = match literal {
        Literal::Null => (Op::Null, Type::Null),
        Literal::Bool(value) => (Op::Bool(*value), Type::Bool),
        Literal::Int(number) => (Op::Int(*number), Type::Int),
        Literal::Double(number) => (Op::Double(*number), Type::Number),
        Literal::Text(text) => (Op::Text(text.clone()), Type::Text),
    };
    Checked::new(op, kind, 0)
}

/// The type of the values of both.
fn common(a: &Type, b: &Type) -> Option<Type> {
    if a.is_number() && b.is_number() {
        return Some(if a == b { a.clone() } else { Type::Number });
    }
    (a == b).then(|| a.clone())
}

/// The maximum number of items of a list.
fn bound(list: &ListType, of: &Expr) -> Result<u64> {
    match list.max {
        Some(max) => Ok(u64::from(max)),
        None => at(of.place, Problem::Unbounded { name: of.shown() }),
    }
}

fn wrong<T>(place: Place, expected: &str, found: &Type) -> Result<T> {
    at(place, Problem::Type { expected: expected.to_owned(), found: found.to_string() })
}

fn operands<T>(expr: &Expr, operator: Operator, left: &Type, right: &Type) -> Result<T> {
    let operator = operator.symbol();
    at(expr.place, Problem::Operands { operator, left: left.to_string(), right: right.to_string() })
}
