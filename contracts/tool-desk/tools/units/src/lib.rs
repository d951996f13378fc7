//! Converts a quantity from one unit to another: a tool of the typed world (`callgate:tool`), behind `contracts/tool-desk`.
//!
//! `{"value": 3, "from": "mi", "to": "km"}` gives `{"value": 4.828032, "unit": "km"}`. The contract's schema checks both unit
//! names; this tool checks that both measure the same thing.

use serde::{Deserialize, Serialize};

use self::bindings::exports::callgate::tool::handler::{Call, Code, Failure, Guest};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated from the WIT file")]
mod bindings {
    #[cfg(target_family = "wasm")]
    use super::Units;

    wit_bindgen::generate!({ path: "../../../../src/sandbox/wit", world: "tool" });
    // A native build has no host to export to, and its linkers refuse the names.
    #[cfg(target_family = "wasm")]
    export!(Units);
}

/// Each unit, its dimension, and its size in that dimension's base unit.
const UNITS: [(&str, &str, f64); 10] = [
    ("m", "length", 1.0),
    ("km", "length", 1000.0),
    ("mi", "length", 1609.344),
    ("ft", "length", 0.3048),
    ("g", "mass", 1.0),
    ("kg", "mass", 1000.0),
    ("lb", "mass", 453.592_37),
    ("s", "time", 1.0),
    ("min", "time", 60.0),
    ("h", "time", 3600.0),
];

struct Units;

#[derive(Deserialize)]
struct Arguments {
    value: f64,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Answer {
    value: f64,
    unit: String,
}

// === impl Units ===

impl Guest for Units {
    fn run(call: Call) -> Result<String, Failure> {
        let arguments = serde_json::from_str(&call.arguments)
            .map_err(|error| failure(Code::InvalidArguments, error.to_string()))?;
        let answer = convert(arguments)?;
        serde_json::to_string(&answer).map_err(|error| failure(Code::Internal, error.to_string()))
    }
}

fn convert(Arguments { value, from, to }: Arguments) -> Result<Answer, Failure> {
    let (measures, base) = unit(&from)?;
    let (wanted, other) = unit(&to)?;
    if measures != wanted {
        let message = format!("{from} is a {measures} and {to} a {wanted}; both units must measure the same");
        return Err(failure(Code::InvalidArguments, message));
    }
    Ok(Answer { value: value * base / other, unit: to })
}

fn unit(name: &str) -> Result<(&'static str, f64), Failure> {
    let known = UNITS.iter().find(|(unit, ..)| *unit == name);
    known
        .map(|(_, measures, base)| (*measures, *base))
        .ok_or_else(|| failure(Code::NotFound, format!("unknown unit {name}")))
}

fn failure(code: Code, message: String) -> Failure {
    Failure { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &str) -> Result<String, (Code, String)> {
        let call = Call { tool: "convert_units".into(), arguments: arguments.into() };
        Units::run(call).map_err(|failure| (failure.code, failure.message))
    }

    #[test]
    fn a_quantity_is_converted_within_its_dimension() {
        assert_eq!(run(r#"{"from":"mi","to":"km","value":3}"#).unwrap(), r#"{"value":4.828032,"unit":"km"}"#);
        assert_eq!(run(r#"{"from":"h","to":"min","value":1.5}"#).unwrap(), r#"{"value":90.0,"unit":"min"}"#);
    }

    #[test]
    fn units_of_two_dimensions_are_refused_with_both_named() {
        let (code, message) = run(r#"{"from":"kg","to":"km","value":1}"#).unwrap_err();
        assert_eq!(code, Code::InvalidArguments);
        assert_eq!(message, "kg is a mass and km a length; both units must measure the same");
    }

    #[test]
    fn an_unknown_unit_is_named() {
        let (code, message) = run(r#"{"from":"furlong","to":"km","value":1}"#).unwrap_err();
        assert_eq!((code, message.as_str()), (Code::NotFound, "unknown unit furlong"));
    }
}
