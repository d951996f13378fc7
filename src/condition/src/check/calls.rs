//! Functions, methods and macros.

use std::sync::Arc;

use super::*;
use crate::environment::{Signature, Takes};
use crate::patterns::Patterns;
use crate::types::list;

// === impl Checker ===

impl<'e> Checker<'e> {
    pub(super) fn call(
        &mut self,
        expr: &Expr,
        receiver: Option<&Expr>,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Checked> {
        // A function of the environment may have dots in its name.
        let path = match receiver {
            None => Some(name.to_owned()),
            Some(of) => of.path().filter(|path| !self.is_local(path)).map(|path| format!("{path}.{name}")),
        };
        let environment = self.environment;
        if let Some(path) = path.as_deref() {
            if let Some((index, signature)) = environment.find_function(path) {
                return self.ask(expr, path, index, signature, &arguments.iter().collect::<Vec<_>>());
            }
            let holder = path.rsplit_once('.').map_or("", |(holder, _)| holder);
            if environment.find_fact(holder).is_none() && environment.begins(holder) {
                let problem = Problem::UnknownName { name: path.to_owned(), known: environment.names() };
                return at(expr.place, problem);
            }
        }
        if let Some((of, index, signature)) = receiver.and_then(|of| self.method_of_named(of, name)) {
            let all: Vec<&Expr> = of.iter().chain(arguments).collect();
            return self.ask(expr, name, index, signature, &all);
        }
        match receiver {
            None => self.function(expr, name, arguments),
            Some(of) => self.method(expr, of, name, arguments),
        }
    }

    fn ask(
        &mut self,
        expr: &Expr,
        name: &str,
        index: usize,
        signature: &Signature,
        arguments: &[&Expr],
    ) -> Result<Checked> {
        let Signature { parameters, result, takes } = signature;
        if parameters.len() != arguments.len() {
            let (expected, found) = (parameters.len(), arguments.len());
            return at(expr.place, Problem::Arguments { name: name.to_owned(), expected, found });
        }
        self.functions.insert(index);
        let (mut ops, mut cost) = (Vec::new(), 0_u64);
        for (position, (argument, kind)) in arguments.iter().zip(parameters).enumerate() {
            let checked = self.expect(argument, kind)?;
            cost = cost.saturating_add(checked.cost);
            ops.push(match takes {
                Takes::Values => checked.op,
                Takes::Names(names) => {
                    known_name(argument, name, names)?;
                    checked.op
                }
                Takes::Named(names) if position == 0 => self.named(argument, name, names)?,
                Takes::Named(_) => self.literal(argument, name, index)?,
            });
        }
        Ok(Checked::new(Op::Ask(index, ops), result.clone(), cost))
    }

    /// Finds the method of a function of a named text: `path(args.p).within`.
    fn method_of_named<'a>(&self, of: &'a Expr, method: &str) -> Option<(&'a [Expr], usize, &'e Signature)> {
        let ExprKind::Call { receiver: None, name, arguments } = &of.kind else { return None };
        let (index, signature) = self.environment.find_function(&format!("{name}().{method}"))?;
        Some((arguments.as_slice(), index, signature))
    }

    /// Returns the name of an argument, which must be one of those that the function knows.
    fn named(&self, argument: &Expr, function: &str, names: &[String]) -> Result<Op> {
        let parts = self.parts(argument).filter(|parts| names.contains(&pattern_of(parts)));
        match parts.as_deref() {
            Some([NamePart::Text(path)]) => Ok(Op::Text(path.clone())),
            Some(parts) => Ok(Op::ItemName(parts.to_vec())),
            None => {
                let known = list(names.iter().map(String::as_str));
                let (function, name) = (function.to_owned(), argument.shown());
                at(argument.place, Problem::UnknownArgument { function, name, known })
            }
        }
    }

    /// Returns the parts of a dotted name. A variable is an item of its list.
    fn parts(&self, of: &Expr) -> Option<Vec<NamePart>> {
        let path = of.path()?;
        let (first, rest) = path.split_once('.').map_or((path.as_str(), ""), |(first, _)| path.split_at(first.len()));
        let Some(position) = self.locals.iter().position(|local| local.name == first) else {
            return Some(vec![NamePart::Text(path)]);
        };
        let mut parts = self.locals.get(position)?.list.clone()?;
        parts.push(NamePart::Item(position));
        if !rest.is_empty() {
            parts.push(NamePart::Text(rest.to_owned()));
        }
        Some(parts)
    }

    /// Returns a literal text, and remembers it.
    fn literal(&mut self, argument: &Expr, function: &str, index: usize) -> Result<Op> {
        let ExprKind::Literal(Literal::Text(text)) = &argument.kind else {
            return at(argument.place, Problem::NameLiteral { function: function.to_owned() });
        };
        self.literals.push(LiteralArgument { function: index, place: argument.place, text: text.clone() });
        Ok(Op::Text(text.clone()))
    }

    fn function(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Result<Checked> {
        match name {
            "has" => self.has(one(expr, name, arguments)?),
            "size" => self.size(one(expr, name, arguments)?),
            "timestamp" => {
                let of = one(expr, name, arguments)?;
                if let ExprKind::Literal(Literal::Text(text)) = &of.kind {
                    let Some(time) = Timestamp::parse(text) else {
                        return at(of.place, Problem::Time("expected a time such as 2026-01-31T12:00:00Z (RFC 3339)"));
                    };
                    return Ok(Checked::new(Op::Timestamp(time), Type::Timestamp, 0));
                }
                let of = self.expect(of, &Type::Text)?;
                Ok(Checked::new(Op::ReadTimestamp(Box::new(of.op)), Type::Timestamp, of.cost))
            }
            "duration" => {
                let of = one(expr, name, arguments)?;
                if let ExprKind::Literal(Literal::Text(text)) = &of.kind {
                    let Some(time) = Duration::parse(text) else {
                        return at(of.place, Problem::Time("expected a duration such as 1h30m, 90s or 100ms"));
                    };
                    return Ok(Checked::new(Op::Duration(time), Type::Duration, 0));
                }
                let of = self.expect(of, &Type::Text)?;
                Ok(Checked::new(Op::ReadDuration(Box::new(of.op)), Type::Duration, of.cost))
            }
            _ => at(expr.place, Problem::UnknownFunction { name: name.to_owned(), of: "here".to_owned() }),
        }
    }

    fn method(&mut self, expr: &Expr, of: &Expr, name: &str, arguments: &[Expr]) -> Result<Checked> {
        match name {
            "all" => return self.each(expr, Macro::All, of, name, arguments),
            "exists" => return self.each(expr, Macro::Exists, of, name, arguments),
            "filter" => return self.each(expr, Macro::Filter, of, name, arguments),
            "size" if arguments.is_empty() => return self.size(of),
            _ => {}
        }
        let test = match name {
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            _ => None,
        };
        if let Some(test) = test {
            let text = self.expect(of, &Type::Text)?;
            let part = self.expect(one(expr, name, arguments)?, &Type::Text)?;
            let cost = text.cost.saturating_add(part.cost);
            return Ok(Checked::new(Op::Test(test, Box::new([text.op, part.op])), Type::Bool, cost));
        }
        if name == "matches" {
            let text = self.expect(of, &Type::Text)?;
            let pattern = pattern(one(expr, name, arguments)?, &self.environment.patterns)?;
            return Ok(Checked::new(Op::Matches(Box::new(text.op), pattern), Type::Bool, text.cost));
        }
        if let Some(field) = Field::of(name) {
            return self.field(expr, field, of, name, arguments);
        }
        let kind = self.present(of)?.kind;
        at(expr.place, Problem::UnknownFunction { name: name.to_owned(), of: format!("of {kind}") })
    }

    /// `has(a.b)`: true if the member is there.
    fn has(&mut self, of: &Expr) -> Result<Checked> {
        let ExprKind::Select(holder, name) = &of.kind else { return at(of.place, Problem::Has) };
        let path = of.path().ok_or(ConditionError { place: of.place, problem: Problem::Has })?;
        let fact = self.environment.find_fact(&path).map(|(index, _)| index).filter(|_| !self.is_local(&path));
        let (op, cost) = match fact {
            Some(index) => {
                self.facts.insert(index);
                (Op::HasFact(index), 0)
            }
            None => {
                let (holder, _) = self.member(of.place, holder, name)?;
                (Op::HasMember(Box::new(holder.op), name.clone()), holder.cost)
            }
        };
        let implied = Implied::proves(Guards::of(Proof::Present, path));
        Ok(Checked { implied, ..Checked::new(op, Type::Bool, cost) })
    }

    fn size(&mut self, of: &Expr) -> Result<Checked> {
        let checked = self.present(of)?;
        match checked.kind {
            Type::Text | Type::List(_) => Ok(Checked::new(Op::Size(Box::new(checked.op)), Type::Int, checked.cost)),
            found => wrong(of.place, "a string or a list", &found),
        }
    }

    /// A macro over a list: the variable is a new name, known in the body alone.
    fn each(&mut self, expr: &Expr, which: Macro, of: &Expr, name: &str, arguments: &[Expr]) -> Result<Checked> {
        let [variable, body] = arguments else {
            let name = name.to_owned();
            return at(expr.place, Problem::Arguments { name, expected: 2, found: arguments.len() });
        };
        let ExprKind::Name(local) = &variable.kind else {
            return at(variable.place, Problem::MacroName { macro_name: name.to_owned() });
        };
        let is_known =
            self.is_local(local) || self.environment.find_fact(local).is_some() || self.environment.begins(local);
        if is_known {
            return at(variable.place, Problem::MacroName { macro_name: name.to_owned() });
        }
        let list = self.present(of)?;
        let Type::List(items) = &list.kind else { return wrong(of.place, "a list", &list.kind) };
        let max = bound(items, of)?;
        self.locals.push(Local { name: local.clone(), member: items.item.clone(), list: self.parts(of) });
        let body = self.under(&Guards::default(), |checker| checker.expect(body, &Type::Bool));
        self.locals.pop();
        let body = body?;
        let cost = list.cost.saturating_add(max.saturating_mul(body.cost.saturating_add(1)));
        let kind = if which == Macro::Filter { list.kind.clone() } else { Type::Bool };
        Ok(Checked::new(Op::Each(which, Box::new([list.op, body.op])), kind, cost))
    }

    /// A field of a timestamp, in UTC or at a literal offset.
    fn field(&mut self, expr: &Expr, field: Field, of: &Expr, name: &str, arguments: &[Expr]) -> Result<Checked> {
        let checked = self.expect(of, &Type::Timestamp)?;
        let offset = match arguments {
            [] => 0,
            [zone] => {
                let literal =
                    if let ExprKind::Literal(Literal::Text(text)) = &zone.kind { time::zone(text) } else { None };
                let problem = Problem::Time("expected a literal time zone: \"UTC\" or an offset such as \"+01:00\"");
                literal.ok_or(ConditionError { place: zone.place, problem })?
            }
            _ => {
                let name = name.to_owned();
                return at(expr.place, Problem::Arguments { name, expected: 1, found: arguments.len() });
            }
        };
        Ok(Checked::new(Op::TimeField(field, offset, Box::new(checked.op)), Type::Int, checked.cost))
    }
}

fn one<'a>(expr: &Expr, name: &str, arguments: &'a [Expr]) -> Result<&'a Expr> {
    let [argument] = arguments else {
        return at(expr.place, Problem::Arguments { name: name.to_owned(), expected: 1, found: arguments.len() });
    };
    Ok(argument)
}

/// Returns a dotted name with `[]` for each item: `args.files[].path`.
fn pattern_of(parts: &[NamePart]) -> String {
    parts.iter().fold(String::new(), |name, part| match part {
        NamePart::Text(text) => name + text,
        NamePart::Item(_) => name + "[]",
    })
}

/// Checks that an argument is a literal and one of the names that a function takes.
fn known_name(argument: &Expr, function: &str, names: &[String]) -> Result<()> {
    let ExprKind::Literal(Literal::Text(text)) = &argument.kind else {
        return at(argument.place, Problem::NameLiteral { function: function.to_owned() });
    };
    if names.iter().any(|name| name == text) {
        return Ok(());
    }
    let known = list(names.iter().map(String::as_str));
    at(argument.place, Problem::UnknownArgument { function: function.to_owned(), name: text.clone(), known })
}

/// Compiles a literal pattern of RE2's kind: linear in the text.
fn pattern(of: &Expr, patterns: &Patterns) -> Result<Arc<regex::Regex>> {
    /// The maximum size of a compiled pattern in bytes.
    const SIZE: usize = 1 << 18;
    let ExprKind::Literal(Literal::Text(text)) = &of.kind else { return at(of.place, Problem::PatternLiteral) };
    let built = || regex::RegexBuilder::new(text).size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(64).build();
    patterns.get(text, built).map_err(|error| {
        let reason = match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            _ => "it does not follow RE2's syntax".to_owned(),
        };
        ConditionError { place: of.place, problem: Problem::Pattern { reason } }
    })
}
