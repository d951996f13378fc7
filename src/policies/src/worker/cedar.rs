//! Cedar, by `cedar-policy`.
//!
//! | Cedar | is |
//! |---|---|
//! | `principal` | `Role::"clerk"`, the caller's role |
//! | `action` | `Action::"call"` |
//! | `resource` | `Tool::"send_invoice"` |
//! | `context` | the other members of the input; `context.caller.tenant`, `context.arguments.amount` |
//!
//! Cedar has no `null` and no fractions of more than four digits. A member that is `null` is left out, and a list with `null` has no answer. A number with a fraction is a
//! `decimal`. A number that is neither a whole one of 64 bits nor a `decimal` has no answer. Lists are sets.
//!
//! Values are put together here, never read from Cedar's own JSON: there an object of the arguments could pass for an entity.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, ParseErrors, PolicySet, Request,
    RestrictedExpression,
};
use miette::Diagnostic as _;
use serde_json::{Map, Value};

use super::rules::Flaw;
use crate::message::{PolicyAnswer, PolicyFile};

/// One set of policies.
pub(super) struct Cedar {
    policies: PolicySet,
    entities: Entities,
    types: Types,
    call: EntityUid,
}

struct Types {
    role: EntityTypeName,
    tool: EntityTypeName,
}

// === impl Cedar ===

impl Cedar {
    pub(super) fn load(file: &PolicyFile, entities: Option<&PolicyFile>) -> Result<Self, Flaw> {
        let policies: PolicySet = file.text.parse().map_err(|errors| syntax(file, &errors))?;
        if policies.is_empty() {
            return Err(Flaw::of(file, "has no policy, and would deny every call"));
        }
        let entities = match entities {
            Some(file) => {
                Flaw::unless_json(file)?;
                Entities::from_json_str(&file.text, None).map_err(|error| Flaw::of(file, described(&error)))?
            }
            None => Entities::empty(),
        };
        let named = |text: &str| text.parse().map_err(|error| Flaw::of(file, error));
        let types = Types { role: named("Role")?, tool: named("Tool")? };
        let call = EntityUid::from_type_name_and_id(named("Action")?, EntityId::new("call"));
        Ok(Self { policies, entities, types, call })
    }

    pub(super) fn evaluate(&self, document: &str) -> PolicyAnswer {
        match self.allows(document) {
            Some(true) => PolicyAnswer::Allow,
            Some(false) => PolicyAnswer::Deny,
            None => PolicyAnswer::Error,
        }
    }

    /// Returns nothing without an answer.
    fn allows(&self, document: &str) -> Option<bool> {
        let document: Value = serde_json::from_str(document).ok()?;
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let uid = |of: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id));
        let role = uid(&self.types.role, text("/caller/role")?);
        let tool = uid(&self.types.tool, text("/tool")?);
        let context = Context::from_pairs(members(document.as_object()?)?).ok()?;
        let request = Request::new(role, self.call.clone(), tool, context, None).ok()?;
        let response = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        // Cedar skips a policy with an error. It might be the one that forbids.
        if response.diagnostics().errors().next().is_some() {
            return None;
        }
        Some(response.decision() == Decision::Allow)
    }
}

fn members(object: &Map<String, Value>) -> Option<Vec<(String, RestrictedExpression)>> {
    let given = object.iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| Some((name.clone(), expression(value)?))).collect()
}

fn expression(value: &Value) -> Option<RestrictedExpression> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => RestrictedExpression::new_bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => RestrictedExpression::new_long(number),
            None if number.is_f64() => RestrictedExpression::new_decimal(number.to_string()),
            None => return None,
        },
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Array(items) => RestrictedExpression::new_set(items.iter().map(expression).collect::<Option<Vec<_>>>()?),
        Value::Object(object) => RestrictedExpression::new_record(members(object)?).ok()?,
    })
}

/// The first error of a file.
fn syntax(file: &PolicyFile, errors: &ParseErrors) -> Flaw {
    let at = errors.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    match at {
        Some(offset) => Flaw::at(file, offset, described(errors)),
        None => Flaw::of(file, described(errors)),
    }
}

/// An error with its causes, on one line.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
