//! With `feedback` a refusal tells the model a code, a place and a sentence of the contract, whatever the refused value.

use std::rc::Rc;

use callgate_engine::{Gate, Offer};
use serde_json::Value;

use crate::common::{answer, answered, batch, call, contract, gate_over, model_request, ran, request, sent};

fn gate() -> Rc<Gate> {
    let lines = "
    - name: get_more
      effects: read
      parameters: { type: object, properties: { n: { type: integer } } }
      when: \"!has(args.n) || args.n < 5\"
      approval: { when: \"has(args.n) && args.n < 0\" }
      run: { wasm: { module: a.wasm, sha256: \"";
    let contract = format!("{}{}{}\" }} }}\n", contract("feedback").trim_end(), lines, "0".repeat(64));
    gate_over(&contract, Offer::Declared)
}

/// Returns the result that the model is told for a refused call.
fn told(gate: &Rc<Gate>, calls: &[Value]) -> Value {
    let (mut exchange, _) = sent(gate, &request(false));
    let again: Value =
        serde_json::from_slice(&model_request(answered(&mut exchange, &answer(Value::Null, calls))).body).unwrap();
    let last = again["messages"].as_array().unwrap().last().unwrap();
    serde_json::from_str(last["content"].as_str().unwrap()).unwrap()
}

#[test]
fn feedback_has_a_code_a_place_and_a_sentence_of_the_contract() {
    let gate = gate();
    let plants = ["plantone", "planttwolonger"];
    // A tool, its arguments with `@@` for the value, and the code.
    let table = [
        ("@@", "{}", "tool_not_in_contract"),
        ("order", r#"{"sku":"@@""#, "arguments_not_json"),
        ("order", r#"{"@@":"@@"}"#, "arguments_invalid"),
        ("order", r#"{"sku":["@@"]}"#, "arguments_invalid"),
        ("get_weather", r#"{"city":"@@@@@@@@@@@@@@@@"}"#, "arguments_invalid"),
        ("get_weather", r#"{"city":"@@","days":9}"#, "arguments_invalid"),
        ("get_more", r#"{"n":77,"x":"@@"}"#, "condition_unmet"),
    ];
    for (name, arguments, code) in table {
        let told = plants.map(|plant| {
            let (name, arguments) = (name.replace("@@", plant), arguments.replace("@@", plant));
            told(&gate, &[call("c1", &name, &arguments)])
        });
        assert_eq!(told[0], told[1], "{code}");
        let error = told[0]["error"].as_object().unwrap();
        assert_eq!(error["code"], code);
        assert!(error.keys().all(|key| ["code", "message", "pointer"].contains(&key.as_str())), "{error:?}");
        assert!(!told[0].to_string().contains("plant"), "{}", told[0]);
    }
}

#[test]
fn a_call_with_the_id_of_another_is_told_no_id() {
    let gate = gate();
    let told = ["plantone", "planttwolonger"]
        .map(|id| told(&gate, &[call(id, "order", r#"{"sku":"a"}"#), call(id, "order", r#"{"sku":"b"}"#)]));
    assert_eq!((&told[0]["error"]["code"], &told[0]), (&Value::from("call_malformed"), &told[1]));
    assert!(!told[0].to_string().contains("plant"));
}

#[test]
fn a_result_that_breaks_its_schema_is_told_by_its_place() {
    let gate = gate();
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]);
    let told = [r#"{"plantone":1}"#, r#"["planttwolonger"]"#, "plantthree"].map(|result| {
        let (mut exchange, _) = sent(&gate, &request(false));
        let batch = batch(answered(&mut exchange, &turn));
        let again: Value = serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[result])).body).unwrap();
        again["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
    });
    assert!(told.iter().all(|told| told.contains("output_invalid") && !told.contains("plant")), "{told:?}");
}
