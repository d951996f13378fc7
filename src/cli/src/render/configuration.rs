//! The filter's own configuration: one JSON object with the contract inside.

use callgate_contract::ContractMatch;
use serde_json::{Map, Number, Value, json};

use super::args::{IstioForm, OutputLimitMember, StreamUsage, Target, Tools};
use super::error::RenderError;
use super::options::{LLM_API, Options, in_units};
use super::providers::MODEL_HEADER;
use crate::contracts::ListedContract;

/// Returns the JSON object the filter reads when Envoy loads it.
pub(super) fn plugin(options: &Options<'_>) -> Result<Value, RenderError> {
    let mut entries = Vec::new();
    for ListedContract { matches, contract, candidate, .. } in &options.contracts.entries {
        let mut entry = Map::new();
        if options.contracts.is_set {
            entry.insert("match".to_owned(), matches.iter().map(one_match).collect());
        }
        for (name, contract) in [("candidate", candidate.as_ref()), ("contract", Some(contract))] {
            let Some(contract) = contract else { continue };
            let contract: Value = serde_json::from_str(contract.canonical())?;
            match (options.target, options.form) {
                (Target::Istio, IstioForm::Wasmplugin) => {
                    exact(&contract, "", "a WasmPlugin", "use --form envoyfilter")?
                }
                (Target::EnvoyGateway, _) => exact(&contract, "", "Kubernetes", "use a smaller one")?,
                (Target::Istio, IstioForm::Envoyfilter) | (Target::Envoy, _) => {}
            }
            entry.insert(name.to_owned(), contract);
        }
        entries.push(entry);
    }
    let arguments = options.arguments;
    let mut plugin = Map::new();
    plugin.insert("identity".to_owned(), super::identity::plugin(options));
    if options.executor.is_some() {
        plugin.insert(
            "executor".to_owned(),
            json!({ "cluster": "callgate-executor", "timeout": in_units(options.executor_timeout) }),
        );
    }
    if options.loops {
        plugin.insert("upstream".to_owned(), json!({ "cluster": LLM_API, "authority": options.authority }));
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
    if arguments.stream_usage == StreamUsage::Leave {
        plugin.insert("streamUsage".to_owned(), json!("leave"));
    }
    if !arguments.sealing_variables.is_empty() {
        let key = |name: &String| json!({ "environment_variable": name });
        let keys: Vec<Value> = arguments.sealing_variables.iter().map(key).collect();
        plugin.insert("sealing".to_owned(), json!({ "keys": keys }));
    }
    if options.providers.is_some() {
        plugin.insert("modelHeader".to_owned(), json!(MODEL_HEADER));
    }
    if let Some(held) = &arguments.held_bytes {
        plugin.insert("heldBytes".to_owned(), json!(held));
    }
    // Last, because they are long.
    if options.contracts.is_set {
        plugin.insert("contracts".to_owned(), entries.into_iter().map(Value::Object).collect());
    } else {
        plugin.extend(entries.into_iter().flatten());
    }
    Ok(Value::Object(plugin))
}

fn one_match(one: &ContractMatch) -> Value {
    let ContractMatch { tenant, role, host, path_prefix } = one;
    let fields = [("tenant", tenant), ("role", role), ("host", host), ("pathPrefix", path_prefix)];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    Value::Object(given.collect())
}

/// Checks that doubles hold every number. A WasmPlugin carries its configuration as a `google.protobuf.Struct`; Kubernetes may read large
/// integers of a resource as doubles.
fn exact(value: &Value, pointer: &str, carrier: &'static str, instead: &'static str) -> Result<(), RenderError> {
    match value {
        Value::Number(number) if !fits_a_double(number) => {
            Err(RenderError::Rounded { carrier, number: number.to_string(), pointer: pointer.to_owned(), instead })
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| exact(item, &format!("{pointer}/{index}"), carrier, instead))
        }
        Value::Object(members) => {
            let mut members = members.iter();
            members.try_for_each(|(name, member)| exact(member, &format!("{pointer}/{name}"), carrier, instead))
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
    fn an_integer_a_double_would_round_is_refused() {
        let fine = json!({ "a": [1, -2, 0.5, 9_007_199_254_740_992_u64] });
        exact(&fine, "", "a WasmPlugin", "use --form envoyfilter").unwrap();
        let large = json!({ "a": [1, 9_007_199_254_740_993_u64] });
        let error = exact(&large, "", "a WasmPlugin", "use --form envoyfilter").unwrap_err();
        assert!(error.to_string().contains("9007199254740993 at /a/1"), "{error}");
    }
}
