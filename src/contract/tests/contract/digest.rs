//! One contract has one digest, however it is written and wherever it is read.

use callgate_contract::{Contract, Files, from_value, load};

use crate::folder::{Folder, ORDER_DESK, order_desk};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn round_trip(contract: &Contract) {
    let value = callgate_json::read(contract.canonical().as_bytes()).unwrap();
    let again = from_value(&value).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(again.digest(), contract.digest());
    assert_eq!(again.canonical(), contract.canonical());
}

#[test]
fn the_canonical_text_is_the_same_contract() {
    round_trip(&order_desk());
}

#[test]
fn the_digest_is_the_sha256_of_the_canonical_text() {
    use sha2::{Digest, Sha256};
    let contract = order_desk();
    let hex: String = Sha256::digest(contract.canonical()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(contract.digest(), format!("sha256:{hex}"));
}

#[test]
fn layout_order_and_comments_do_not_change_the_digest_and_a_value_does() {
    let contract = order_desk();
    let same = ORDER_DESK
        .replace("kind: Contract\n", "")
        .replace("spec:\n", "kind: \"Contract\" # said later\nspec:\n")
        .replace("{ name: order-desk, version: 1.4.0 }", "\n  version: '1.4.0'\n  name: order-desk");
    assert_eq!(load("x.yaml", &same, &Folder(&[])).unwrap().digest(), contract.digest());
    let other = ORDER_DESK.replace("maximum: 100", "maximum: 101");
    assert_ne!(load("x.yaml", &other, &Folder(&[])).unwrap().digest(), contract.digest());
}

#[test]
fn inlining_does_not_depend_on_the_path_of_the_folder() {
    let text = ORDER_DESK.replace("{ type: [string, \"null\"] }", "{ $ref: schemas/note.json }");
    let folder =
        Folder(&[("schemas/note.json", r##"{"anyOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "string"}}}"##)]);
    let contract = load("a/contract.yaml", &text, &folder as &dyn Files).unwrap();
    assert_eq!(load("contract.yaml", &text, &folder).unwrap().digest(), contract.digest());
    round_trip(&contract);
}

#[test]
fn a_fault_of_a_json_value_has_a_json_pointer() {
    let text = order_desk().canonical().replace("\"effects\":\"read\"", "\"effects\":\"x\",\"whn\":1");
    let value = callgate_json::read(text.as_bytes()).unwrap();
    assert_eq!(
        from_value(&value).unwrap_err().to_string(),
        "/spec/tools/0/whn: unknown field; did you mean `when`?\n/spec/tools/0/effects: expected `read`, `write` or `destructive`"
    );
    let text = order_desk().canonical().replace("{\"minLength\":1,\"type\":\"string\"}", "{\"$ref\":\"a.json\"}");
    let value = callgate_json::read(text.as_bytes()).unwrap();
    assert_eq!(
        from_value(&value).unwrap_err().to_string(),
        "/spec/tools/1/parameters/properties/customer/$ref: cannot read `a.json`: this contract came without its folder; \
         inline its files, as `callgate render` does"
    );
}

#[test]
fn a_contract_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Contract>();
}
