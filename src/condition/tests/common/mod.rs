//! An environment as a contract has it, and calls.

use callgate_condition::{Condition, ConditionError, Environment, Fact, Facts, Member, ObjectType, Timestamp, Type};
use callgate_json::Value;

/// The facts of the tests: `args`, the caller, and a conversation in which `search` was called twice.
pub(crate) fn environment() -> Environment {
    let item = ObjectType::new([
        ("sku".to_owned(), Member::required(Type::Text)),
        ("count".to_owned(), Member::required(Type::Int)),
        ("note".to_owned(), Member::optional(Type::Text)),
    ]);
    let args = ObjectType::new([
        ("amount".to_owned(), Member::required(Type::Number)),
        ("count".to_owned(), Member::required(Type::Int)),
        ("whole".to_owned(), Member::required(Type::Int)),
        ("name".to_owned(), Member::required(Type::Text)),
        ("urgent".to_owned(), Member::required(Type::Bool)),
        ("note".to_owned(), Member::optional(Type::Text)),
        ("parent".to_owned(), Member::required(Type::Text).or_null()),
        ("due".to_owned(), Member::optional(Type::Text).or_null()),
        ("package".to_owned(), Member::optional(Type::Text)),
        ("user-id".to_owned(), Member::required(Type::Text)),
        ("any".to_owned(), Member::optional(Type::Opaque)),
        ("tags".to_owned(), Member::required(Type::list(Member::required(Type::Text), Some(10)))),
        ("items".to_owned(), Member::required(Type::list(Member::required(Type::object(item)), Some(50)))),
        ("free".to_owned(), Member::required(Type::list(Member::required(Type::Int), None))),
        (
            "to".to_owned(),
            Member::optional(Type::object(ObjectType::new([
                ("email".to_owned(), Member::required(Type::Text)),
                ("name".to_owned(), Member::optional(Type::Text)),
            ]))),
        ),
    ]);
    let names = ["search", "other"].map(str::to_owned).into();
    Environment::default()
        .fact("args", Member::required(Type::object(args)))
        .fact("caller.role", Member::required(Type::Text))
        .fact("caller.claims.team", Member::optional(Type::Text))
        .fact("now", Member::required(Type::Timestamp))
        .fact("conversation.tainted", Member::required(Type::Bool))
        .function_of_names("conversation.called", names, Type::Bool)
        .function("conversation.count", &[Type::Text], Type::Int)
}

/// One call.
pub(crate) struct Call {
    pub(crate) args: Value,
    pub(crate) team: Option<&'static str>,
}

impl Facts for Call {
    fn fact(&self, index: usize) -> Option<Fact<'_>> {
        match index {
            0 => Some(Fact::Json(&self.args)),
            1 => Some(Fact::Text("clerk".into())),
            2 => self.team.map(|team| Fact::Text(team.into())),
            // A Friday.
            3 => Timestamp::parse("2026-11-27T12:30:45Z").map(Fact::Timestamp),
            4 => Some(Fact::Bool(false)),
            _ => None,
        }
    }

    fn ask(&self, function: usize, arguments: &[Fact<'_>]) -> Option<Fact<'_>> {
        let [Fact::Text(name)] = arguments else { return None };
        let count = if name == "search" { 2 } else { 0 };
        Some(if function == 0 { Fact::Bool(count > 0) } else { Fact::Int(count) })
    }
}

/// The arguments of most tests.
pub(crate) fn args() -> Value {
    let text = r#"{
        "amount": 99.5, "count": 7, "whole": 2.0, "name": "Zoë", "urgent": true, "parent": null,
        "package": "p", "user-id": "u",
        "tags": ["a", "b"], "free": [1],
        "items": [{"sku": "A-1", "count": 1}, {"sku": "B-2", "count": 5, "note": "gift"}],
        "to": {"email": "x@example.org"}
    }"#;
    callgate_json::read(text.as_bytes()).unwrap()
}

pub(crate) fn compile(source: &str) -> Result<Condition, ConditionError> {
    Condition::compile(source, &environment())
}
