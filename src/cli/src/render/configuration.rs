//! The filter's own configuration: one JSON object with the contract inside.

use serde_json::{Map, Number, Value, json};

use super::args::{IdentityOption, IstioForm, OutputLimitMember, Target, Tools};
use super::error::RenderError;
use super::options::{Options, in_units};

/// Returns the JSON object the filter reads when Envoy loads it.
pub(super) fn plugin(options: &Options<'_>) -> Result<Value, RenderError> {
    let contract: Value = serde_json::from_str(options.contract.canonical())?;
    if options.target == Target::Istio && options.form == IstioForm::Wasmplugin {
        exact_in_a_struct(&contract, "")?;
    }
    let arguments = options.arguments;
    let mut plugin = Map::new();
    plugin.insert(
        "identity".to_owned(),
        match arguments.identity {
            IdentityOption::Header => {
                json!({ "header": { "tenant": arguments.tenant_header, "role": arguments.role_header } })
            }
            IdentityOption::Jwt => json!({ "jwt": {
                "payload": super::identity::PAYLOAD,
                "tenantClaim": arguments.tenant_claim,
                "roleClaim": arguments.role_claim,
            } }),
        },
    );
    if options.executor.is_some() {
        plugin.insert(
            "executor".to_owned(),
            json!({ "cluster": "callgate-executor", "timeout": in_units(options.executor_timeout) }),
        );
    }
    if options.loops {
        plugin.insert("upstream".to_owned(), json!({ "cluster": "llm-api", "authority": options.authority }));
    }
    let mut paths = json!(options.paths);
    if let Value::Object(paths) = &mut paths {
        paths.insert("passthrough".to_owned(), json!(arguments.passthrough));
    }
    plugin.insert("paths".to_owned(), paths);
    let tools = match arguments.tools {
        Tools::Declared => "declared",
        Tools::Inject => "inject",
    };
    plugin.insert("tools".to_owned(), json!(tools));
    let member = match arguments.output_limit_member {
        OutputLimitMember::Auto => None,
        OutputLimitMember::MaxTokens => Some("max_tokens"),
        OutputLimitMember::MaxCompletionTokens => Some("max_completion_tokens"),
    };
    if let Some(member) = member {
        plugin.insert("outputLimitMember".to_owned(), json!(member));
    }
    if let Some(held) = &arguments.held_bytes {
        plugin.insert("heldBytes".to_owned(), json!(held));
    }
    // Last, because it is long.
    plugin.insert("contract".to_owned(), contract);
    Ok(Value::Object(plugin))
}

/// Checks that doubles hold every number: a WasmPlugin carries its configuration as a `google.protobuf.Struct`.
fn exact_in_a_struct(value: &Value, pointer: &str) -> Result<(), RenderError> {
    match value {
        Value::Number(number) if !fits_a_double(number) => {
            Err(RenderError::Rounded { number: number.to_string(), pointer: pointer.to_owned() })
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| exact_in_a_struct(item, &format!("{pointer}/{index}")))
        }
        Value::Object(members) => {
            let mut members = members.iter();
            members.try_for_each(|(name, member)| exact_in_a_struct(member, &format!("{pointer}/{name}")))
        }
        _ => Ok(()),
    }
}

fn fits_a_double(number: &Number) -> bool {
    const LARGEST: u64 = 1 << 53;
    match (number.as_u64(), number.as_i64()) {
        (Some(natural), _) => natural <= LARGEST,
        (None, Some(integer)) => integer.unsigned_abs() <= LARGEST,
        // It is a double already.
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_a_double_would_round_is_refused_in_a_struct() {
        let fine = json!({ "a": [1, -2, 0.5, 9_007_199_254_740_992_u64] });
        exact_in_a_struct(&fine, "").unwrap();
        let error = exact_in_a_struct(&json!({ "a": [1, 9_007_199_254_740_993_u64] }), "").unwrap_err();
        assert!(error.to_string().contains("9007199254740993 at /a/1"), "{error}");
    }
}
