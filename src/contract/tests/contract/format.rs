//! `contracts/contract.schema.json`, used by editors, and the reader agree on valid contracts.

use callgate_contract::{Files, load};
use callgate_json::Value;

use crate::folder::{Folder, ORDER_DESK, order_desk};

fn published() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/contract.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    jsonschema::options().offline().build(&callgate_json::read(text.as_bytes()).unwrap()).unwrap()
}

fn json(text: &str) -> Value {
    callgate_json::read(text.as_bytes()).unwrap()
}

/// The order desk with the value at `pointer` replaced, or with a field added or (for "") taken away.
fn changed(pointer: &str, value: &str) -> Value {
    let mut document = json(order_desk().canonical());
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(entries) if value.is_empty() => drop(entries.shift_remove(field)),
        Value::Object(entries) => drop(entries.insert(field.to_owned(), json(value))),
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = json(value),
        _ => panic!("{pointer}"),
    }
    document
}

fn reader_accepts(document: &Value) -> bool {
    let folder = Folder(&[("schemas/a.json", "{\"type\":\"object\"}")]);
    load("c.json", &document.to_string(), &folder as &dyn Files).is_ok()
}

#[test]
fn both_accept_the_same_contracts() {
    let published = published();
    let good = [
        ("/spec/limits", ""),
        ("/spec/limits", "{}"),
        ("/spec/limits/requestBytes", "65536"),
        ("/spec/limits/turnTimeout", "\"500ms\""),
        ("/spec/limits/turnTimeout", "\"2h\""),
        ("/spec/limits/turnIdleTimeout", "\"30s\""),
        ("/spec/models", "[\"a/b:c@d\",\"|~!\\\\\"]"),
        ("/spec/undeclaredTools", "\"drop\""),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"gpt-5*\":{\"input\":1.25,\"output\":10}}}"),
        (
            "/spec/prices",
            "{\"currency\":\"EUR\",\"unpriced\":\"refuse\",\"models\":{\"*\":{\"input\":0,\"cachedInput\":0.125,\"cacheWrite\":1,\"cacheWrite1h\":2,\"output\":1e6}}}",
        ),
        (
            "/spec/prices",
            "{\"currency\":\"USD\",\"models\":{\"a/b:c@d\":{\"input\":1,\"output\":2,\"longContext\":{\"above\":200000,\"input\":2,\"output\":3}}}}",
        ),
        ("/spec/requestMembers", "{}"),
        ("/spec/requestMembers", "{\"unknown\":\"refuse\",\"allow\":[\"a\",\"a.b-c.$d\"]}"),
        ("/spec/providerTools", "[\"web_search\"]"),
        ("/spec/tools/0/name", "\"get_a.b:c/d\""),
        ("/spec/tools/0/name", "\"get_*\""),
        (
            "/spec/results",
            "{\"redact\":[{\"kind\":\"credit_card\"},{\"pattern\":\"EMP-[0-9]{6}\",\"as\":\"employee\"}]}",
        ),
        ("/spec/results", "{\"deny\":[{\"pattern\":\"TOP SECRET\"}],\"users\":true}"),
        ("/spec/results", "{\"maxBytes\":\"256KiB\",\"exempt\":[{\"tool\":\"get_order\",\"at\":\"#/*/id\"}]}"),
        ("/spec/results", "{\"maxBytes\":1,\"redact\":[],\"exempt\":[{\"tool\":\"get_order\",\"at\":\"#\"}]}"),
        (
            "/spec/claims",
            "{\"department\":\"string\",\"level\":\"integer\",\"staff\":\"boolean\",\"groups\":[\"string\"]}",
        ),
        ("/spec/onViolation", "\"feedback\""),
        ("/spec/onViolation", ""),
        ("/spec/enforce", "false"),
        ("/spec/enforce", "true"),
        ("/spec/tools/0/when", "{\"condition\":\"true\"}"),
        ("/spec/tools/0/when", "{\"condition\":\"true\",\"shadow\":true}"),
        ("/spec/roles/clerk/when", "{\"condition\":\"true\",\"shadow\":true}"),
        ("/spec/tools/0/requires", "{\"untainted\":true,\"shadow\":true}"),
        ("/spec/tools/0/egress", "{\"shadow\":true}"),
        ("/spec/tools/0/egress", "{\"otherwise\":\"deny\",\"shadow\":true}"),
        ("/spec/tools/0/origin", "{\"/id\":{\"from\":[\"user\"],\"shadow\":true}}"),
        ("/spec/tools/0/description", ""),
        ("/spec/tools/0/parameters", "{\"$ref\":\"schemas/a.json\"}"),
        ("/spec/tools/1/result", ""),
        ("/spec/tools/1/run/wasm/fuel", "1000"),
        ("/spec/tools/1/run/wasm/outputBytes", "\"64KiB\""),
        ("/spec/tools/1/run/wasm/http", ""),
        ("/spec/tools/1/run/wasm/http", "[\"API.example.com:443\",\"[2001:db8::1]:1\",\"10.0.0.1:65535\"]"),
        ("/spec/tools/1/run/wasm/http", "[{\"to\":\"a:1\"},{\"to\":\"b:2\",\"private\":true,\"authorization\":false}]"),
        ("/spec/tools/1/run/wasm/secretEnv", "{}"),
        ("/spec/tools/1/run/wasm/secretEnv", "{\"API_KEY\":\"file:/run/secrets/api-key\"}"),
        ("/spec/tools/1/run/wasm/files/0/mode", ""),
        ("/spec/tools/1/run/wasm/files/0/quota", "\"1GiB\""),
        ("/spec/tools/1/approval", "\"always\""),
        ("/spec/tools/1/approval", "{\"approvers\":1}"),
        ("/spec/tools/1/approval", "{\"approvers\":3}"),
        ("/spec/tools/0/approval", "\"never\""),
        ("/spec/tools/0/approval", "\"always\""),
        ("/spec/tools/0/approval", "{\"approvers\":2}"),
        ("/spec/tools/0/approval", "{\"when\":\"true\"}"),
        ("/spec/authorize", "true"),
        ("/spec/authorize", "false"),
        ("/spec/tools/0/effects", "\"destructive\""),
        ("/spec/tools/0/when", "\"caller.role == 'clerk'\""),
        ("/spec/tools/1/when", "\"args.quantity < 10\""),
        ("/spec/tools/1/approval", "{\"when\":\"args.quantity > 10\"}"),
        ("/spec/tools/1/approval", "{\"when\":\"true\",\"approvers\":2}"),
        ("/spec/roles/clerk", "{\"tools\":[\"get_order\"],\"when\":\"!conversation.tainted\"}"),
        ("/spec/users", "{\"text\":\"untrusted\"}"),
        ("/spec/mcp", "{}"),
        (
            "/spec/mcp",
            "{\"resources\":[{\"uri\":\"file:///docs/**\",\"maxBytes\":\"256KiB\",\"roles\":[\"clerk\"]},{\"uri\":\"note://*\",\"description\":\"\"}]}",
        ),
        (
            "/spec/mcp",
            "{\"prompts\":[{\"name\":\"a\"},{\"name\":\"b c\",\"arguments\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}},\"maxBytes\":9}]}",
        ),
        ("/spec/mcp", "{\"elicitation\":{},\"roots\":\"allow\",\"logging\":\"refuse\"}"),
        ("/spec/mcp", "{\"elicitation\":{\"maxPerCall\":2,\"hosts\":[\"a.example\",\"*.b.example\"]}}"),
        ("/spec/mcp", "{\"tasks\":{}}"),
        ("/spec/mcp", "{\"tasks\":{\"lifetime\":\"720h\"}}"),
        ("/spec/mcp", "{\"sampling\":{\"maxTokens\":1024,\"maxPerCall\":1,\"maxBytes\":\"1MiB\"}}"),
        ("/spec/tools/0/definition", "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""),
        ("/spec/roles/guest/callsPerMinute", "6"),
        ("/spec/roles/guest/tokensPerMinute", "60000"),
        ("/spec/roles/guest/tokensPerDay", "\"2M\""),
        ("/spec/conversation", "{\"id\":\"header:x-session-id\",\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":[\"header:session_id\",\"derived\"],\"idle\":\"30m\",\"lifetime\":\"1h\"}"),
        ("/spec/conversation", "{\"id\":\"derived\",\"maxTurns\":200,\"maxCalls\":\"1K\"}"),
        ("/spec/roles/guest/callsPerDay", "\"2K\""),
        ("/spec/roles/guest/requestsPerMinute", "60"),
        ("/spec/roles/guest/requestsPerDay", "\"1M\""),
        ("/spec/tools/0/callsPerMinute", "1"),
        ("/spec/tools/0/callsPerDay", "\"5\""),
        ("/spec/tools/1/result", "{\"type\":\"string\",\"format\":\"date\"}"),
        ("/spec/tools/1/result", "{\"format\":\"yaml\"}"),
        ("/spec/tools/1/result", "{\"schema\":{\"type\":\"object\"}}"),
        ("/spec/tools/1/result", "{\"format\":\"json\",\"schema\":{\"$ref\":\"schemas/a.json\"}}"),
        ("/spec/tools/1/output", "{\"trusted\":[\"#/id\"],\"attributed\":[\"#/payers/*\",\"#/names/{key}\"]}"),
        ("/spec/tools/1/confidential", "[\"#/note\",\"#\"]"),
        ("/spec/tools/1/egress", "true"),
        ("/spec/tools/1/egress", "{\"otherwise\":\"deny\"}"),
        ("/spec/tools/1/entities", "false"),
        (
            "/spec/tools/1/origin",
            "{\"/customer\":{\"from\":[\"user\",\"system\",\"trusted\",\"contract\",\"tool:get_*\"]}}",
        ),
        (
            "/spec/tools/1/origin",
            "{\"/note\":{\"notFrom\":[\"untrusted\"],\"otherwise\":\"feedback\",\"missing\":\"approve\"}}",
        ),
        (
            "/spec/tools/1/origin",
            "{\"/customer\":{\"from\":[\"in:tool:get_order#/*/body\",\"tool:get_order#/a/{key}\"]}}",
        ),
        ("/spec/tools/1/requires", "{\"untainted\":true,\"user\":\"(?i)pay|order\",\"otherwise\":\"approve\"}"),
        ("/spec/tools/0/audit", "\"full\""),
        ("/spec/tools/0/audit", "\"digest\""),
        ("/spec/tools/0/run", "{\"grpc\":{\"cluster\":\"gpu.a-1_b\",\"method\":\"callgate.worker.v1.Worker/Invoke\"}}"),
        (
            "/spec/tools/0/run",
            "{\"grpc\":{\"cluster\":\"a\",\"method\":\"callgate.worker.v1.Worker/InvokeStream\",\"timeout\":\"2m\",\"outputBytes\":1}}",
        ),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"/\"}}"),
        (
            "/spec/tools/0/run",
            "{\"http\":{\"cluster\":\"a\",\"method\":\"DELETE\",\"path\":\"/v1/orders:cancel\",\"timeout\":\"1s\"}}",
        ),
        ("/spec/tools/0/run", "{\"mcp\":{\"cluster\":\"a\",\"tool\":\"orders/get it\"}}"),
    ];
    for (pointer, value) in good {
        let document = changed(pointer, value);
        assert!(reader_accepts(&document), "the reader refuses {pointer} {value}");
        let errors: Vec<String> = published.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "the schema refuses {pointer} {value}: {errors:?}");
    }
}

#[test]
fn both_refuse_the_same_contracts() {
    let published = published();
    let bad = [
        ("/spec/prices", "{}"),
        ("/spec/prices", "{\"currency\":\"USD\"}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"unpriced\":true,\"models\":{\"a\":{\"input\":1,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"usd\",\"models\":{\"a\":{\"input\":1,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":\"1\",\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":-1,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":1000001,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a b\":{\"input\":1,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a?\":{\"input\":1,\"output\":1}}}"),
        ("/spec/prices", "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":1,\"output\":1,\"cached\":1}}}"),
        (
            "/spec/prices",
            "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":1,\"output\":1,\"longContext\":{\"above\":0,\"input\":1,\"output\":1}}}}",
        ),
        (
            "/spec/prices",
            "{\"currency\":\"USD\",\"models\":{\"a\":{\"input\":1,\"output\":1,\"longContext\":{\"input\":1,\"output\":1}}}}",
        ),
        ("/spec/enforce", "\"no\""),
        ("/spec/tools/0/when", "{\"shadow\":true}"),
        ("/spec/tools/0/when", "{\"condition\":\"true\",\"shadow\":1}"),
        ("/spec/tools/0/egress", "{\"shadow\":false}"),
        ("/spec/tools/0/egress", "{}"),
        ("/spec/tools/0/approval", "{\"when\":{\"condition\":\"true\"}}"),
        ("/apiVersion", "\"callgate.dev/v2\""),
        ("/metadata/name", "\"Order Desk\""),
        ("/metadata/version", "1"),
        ("/spec/models", "[]"),
        ("/spec/providerTools", "[\"*\"]"),
        ("/spec/limits/maxRounds", "0"),
        ("/spec/limits/requestBytes", "\"1MB\""),
        ("/spec/limits/turnTimeout", "\"30\""),
        ("/spec/limits/turnTimeout", "\"30d\""),
        ("/spec/limits/turnIdleTimeout", "30"),
        ("/spec/models", "[\"gpt 4\"]"),
        ("/spec/models", "[\"\"]"),
        ("/spec/models", "[\"gpt-?\"]"),
        ("/spec/models", "[\"gpt-\u{e9}\"]"),
        ("/spec/undeclaredTools", "true"),
        ("/spec/requestMembers", "\"drop\""),
        ("/spec/requestMembers", "{\"unknown\":\"allow\"}"),
        ("/spec/requestMembers", "{\"allow\":[\"\"]}"),
        ("/spec/requestMembers", "{\"allow\":[\"a.\"]}"),
        ("/spec/requestMembers", "{\"allow\":[\"*\"]}"),
        ("/spec/requestMembers", "{\"allow\":[\"a\",\"a\"]}"),
        ("/spec/onViolation", "\"ignore\""),
        ("/spec/results", "{}"),
        ("/spec/results", "{\"users\":true}"),
        ("/spec/results", "{\"redact\":[]}"),
        ("/spec/results", "{\"redact\":[{}]}"),
        ("/spec/results", "{\"redact\":[{\"kind\":\"ssn\"}]}"),
        ("/spec/results", "{\"redact\":[{\"kind\":\"email\",\"as\":\"x\"}]}"),
        ("/spec/results", "{\"redact\":[{\"kind\":\"email\",\"pattern\":\"abc\"}]}"),
        ("/spec/results", "{\"redact\":[{\"pattern\":\"abc\"}]}"),
        ("/spec/results", "{\"redact\":[{\"pattern\":\"abc\",\"as\":\"A\"}]}"),
        ("/spec/results", "{\"redact\":[{\"pattern\":\"abc\",\"as\":\"email\"}]}"),
        ("/spec/results", "{\"deny\":[{\"pattern\":\"\"}]}"),
        ("/spec/results", "{\"deny\":[\"abc\"]}"),
        ("/spec/results", "{\"maxBytes\":\"1MB\"}"),
        ("/spec/results", "{\"maxBytes\":1,\"exempt\":[{\"tool\":\"get_order\"}]}"),
        ("/spec/results", "{\"maxBytes\":1,\"exempt\":[{\"tool\":\"get_order\",\"at\":\"/id\"}]}"),
        ("/spec/results", "{\"maxBytes\":1,\"users\":\"yes\"}"),
        ("/spec/roles", "{}"),
        ("/spec/roles/guest", "{}"),
        ("/spec/roles/guest/tokensPerMinute", "\"6\u{a0}K\""),
        ("/spec/roles/guest/tokensPerDay", "0"),
        ("/spec/roles/guest/costPerDay", "5"),
        ("/spec/roles/guest/costPerDay", "{\"amount\":5}"),
        ("/spec/roles/guest/callsPerMinute", "0"),
        ("/spec/roles/guest/callsPerMinute", "\"2k\""),
        ("/spec/roles/guest/requestsPerDay", "-1"),
        ("/spec/roles/guest/requestsPerMinute", "1.5"),
        ("/spec/roles/guest/callsPerHour", "6"),
        ("/spec/tools/0/callsPerDay", "\"\""),
        ("/spec/tools/0/requestsPerDay", "5"),
        ("/spec/tools", "[]"),
        ("/spec/tools/0/name", "\"get_a b\""),
        ("/spec/tools/0/name", "\"get_*_b\""),
        ("/spec/tools/0/name", "\"*\""),
        ("/spec/tools/1/name", "\"create_order*\""),
        ("/spec/tools/0/effects", ""),
        ("/spec/tools/0/effects", "\"none\""),
        ("/spec/tools/0/run", "{}"),
        ("/spec/tools/0/run/wasm", "{\"module\":\"a.wasm\",\"sha256\":\"00\"}"),
        ("/spec/tools/0/when", "true"),
        ("/spec/tools/0/when", "\"\""),
        ("/spec/roles/guest/when", "[]"),
        ("/spec/tools/0/origin", "{}"),
        ("/spec/tools/0/requires", "\"untainted\""),
        ("/spec/tools/0/run", "{\"grpc\":{\"cluster\":\"a\"}}"),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\"}}"),
        ("/spec/tools/0/run", "{\"mcp\":{\"cluster\":\"a\"}}"),
        ("/spec/tools/0/run", "{\"grpc\":{\"cluster\":\"a\",\"method\":\"Worker/Invoke\"}}"),
        (
            "/spec/tools/0/run",
            "{\"grpc\":{\"cluster\":\"127.0.0.1:1\",\"method\":\"callgate.worker.v1.Worker/Invoke\"}}",
        ),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"v1\"}}"),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"//b/c\"}}"),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"/a?b=c\"}}"),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"/a%2fb\"}}"),
        ("/spec/tools/0/run", "{\"http\":{\"cluster\":\"a\",\"path\":\"/\",\"method\":\"get\"}}"),
        ("/spec/tools/0/run", "{\"mcp\":{\"cluster\":\"a\",\"tool\":\"\"}}"),
        ("/spec/tools/0/run", "{\"mcp\":{\"cluster\":\"a\",\"tool\":\"b\",\"outputBytes\":0}}"),
        ("/spec/tools/1/approval", "\"sometimes\""),
        ("/spec/tools/1/approval", "{\"when\":true}"),
        ("/spec/tools/1/approval", "{\"when\":\"true\",\"approvers\":4}"),
        ("/spec/tools/1/approval", "{}"),
        ("/spec/tools/1/approval", "{\"approvers\":0}"),
        ("/spec/tools/1/approval", "{\"approvers\":4}"),
        ("/spec/tools/1/approval", "{\"approvers\":\"two\"}"),
        ("/spec/tools/1/approval", "{\"approvers\":2,\"of\":[\"alice\"]}"),
        ("/spec/authorize", "\"true\""),
        ("/spec/authorize", "{}"),
        ("/spec/tools/0/audit", "\"none\""),
        ("/spec/tools/1/output", "\"maybe\""),
        ("/spec/tools/1/output", "{}"),
        ("/spec/tools/1/output", "{\"trusted\":[]}"),
        ("/spec/tools/1/output", "{\"trusted\":[\"/id\"]}"),
        ("/spec/tools/1/confidential", "\"yes\""),
        ("/spec/tools/1/confidential", "[\"note\"]"),
        ("/spec/tools/1/egress", "{}"),
        ("/spec/tools/1/egress", "{\"otherwise\":\"feedback\"}"),
        ("/spec/tools/1/entities", "\"on\""),
        ("/spec/tools/1/origin", "{}"),
        ("/spec/tools/1/origin", "{\"/customer\":{}}"),
        ("/spec/tools/1/origin", "{\"/customer\":{\"from\":[]}}"),
        ("/spec/tools/1/origin", "{\"/customer\":{\"from\":[\"untrusted\"]}}"),
        ("/spec/tools/1/origin", "{\"/customer\":{\"from\":[\"user\"],\"otherwise\":\"ask\"}}"),
        ("/spec/tools/1/origin", "{\"/customer\":{\"notFrom\":[\"user\"]}}"),
        ("/spec/tools/1/origin", "{\"customer\":{\"from\":[\"user\"]}}"),
        ("/spec/tools/1/requires", "{}"),
        ("/spec/tools/1/requires", "{\"untainted\":false}"),
        ("/spec/tools/1/requires", "{\"untainted\":true,\"otherwise\":\"refuse\"}"),
        ("/spec/tools/1/result", "{\"format\":\"yaml\",\"schema\":{\"type\":\"object\"}}"),
        ("/spec/tools/1/result", "{\"format\":\"yaml\",\"type\":\"object\"}"),
        ("/spec/tools/1/result", "{\"schema\":{\"type\":\"object\"},\"type\":\"object\"}"),
        ("/spec/tools/1/result", "{\"format\":\"xml\",\"schema\":{}}"),
        ("/spec/users", "{}"),
        ("/spec/mcp", "[]"),
        ("/spec/mcp", "{\"tools\":[]}"),
        ("/spec/mcp", "{\"resources\":[\"file:///docs/**\"]}"),
        ("/spec/mcp", "{\"resources\":[{}]}"),
        ("/spec/mcp", "{\"resources\":[{\"uri\":\"docs/**\"}]}"),
        ("/spec/mcp", "{\"resources\":[{\"uri\":\"note://{id}\"}]}"),
        ("/spec/mcp", "{\"resources\":[{\"uri\":\"FILE:///a\"}]}"),
        ("/spec/mcp", "{\"resources\":[{\"uri\":\"note://a\",\"roles\":[]}]}"),
        ("/spec/mcp", "{\"prompts\":[{\"arguments\":{\"type\":\"object\"}}]}"),
        ("/spec/mcp", "{\"prompts\":[{\"name\":\"a\",\"arguments\":{}}]}"),
        ("/spec/mcp", "{\"elicitation\":true}"),
        ("/spec/mcp", "{\"elicitation\":{\"maxPerCall\":0}}"),
        ("/spec/mcp", "{\"sampling\":{}}"),
        ("/spec/mcp", "{\"sampling\":\"allow\"}"),
        ("/spec/mcp", "{\"roots\":true}"),
        ("/spec/mcp", "{\"tasks\":true}"),
        ("/spec/mcp", "{\"tasks\":{\"lifetime\":60}}"),
        ("/spec/mcp", "{\"tasks\":{\"tools\":[]}}"),
        ("/spec/tools/0/definition", "\"sha256:00\""),
        ("/spec/tools/1/definition", "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""),
        ("/spec/conversation", "{}"),
        ("/spec/conversation", "{\"id\":\"derived\"}"),
        ("/spec/conversation", "{\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":\"x-session-id\",\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":\"header:X-Session-Id\",\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":\"header:\",\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":[],\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":[\"derived\",\"derived\"],\"lifetime\":\"24h\"}"),
        ("/spec/conversation", "{\"id\":\"derived\",\"lifetime\":\"24\"}"),
        ("/spec/conversation", "{\"id\":\"derived\",\"maxTurns\":0}"),
        ("/spec/conversation", "{\"id\":\"derived\",\"maxTurn\":5}"),
        ("/spec/users", "{\"text\":\"maybe\"}"),
        ("/spec/tools/1/run/wasm/module", ""),
        ("/spec/tools/1/run/wasm/module", "\"/a.wasm\""),
        ("/spec/tools/1/run/wasm/sha256", "\"00\""),
        ("/spec/tools/1/run/wasm/fuel", "\"1T\""),
        ("/spec/tools/1/run/wasm/http", "[\"a\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"a:0\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"a:65536\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"a:+80\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"*.example.com:443\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"https://a:443\"]"),
        ("/spec/tools/1/run/wasm/http", "[\"2001:db8::1:443\"]"),
        ("/spec/tools/1/run/wasm/http", "[{\"to\":\"a:1\",\"private\":\"yes\"}]"),
        ("/spec/tools/1/run/wasm/http", "[{\"private\":true}]"),
        ("/spec/tools/1/run/wasm/secretEnv", "{\"API_KEY\":\"hunter2\"}"),
        ("/spec/tools/1/run/wasm/secretEnv", "{\"API_KEY\":\"file:relative\"}"),
        ("/spec/tools/1/run/wasm/secretEnv", "{\"A=B\":\"file:/a\"}"),
        ("/spec/tools/1/run/wasm/secretEnv", "[\"API_KEY\"]"),
        ("/spec/tools/1/run/wasm/files/0", "{\"host\":\"a\",\"guest\":\"/a\",\"quota\":1}"),
        ("/spec/tools/1/run/wasm/files/0", "{\"host\":\"a\",\"guest\":\"/a\",\"mode\":\"ro\",\"quota\":1}"),
        ("/spec/tools/1/run/wasm/files/0/host", "\"data/{tenant}/{tenant}\""),
        ("/spec/tools/1/run/wasm/files/0/host", "\"data/x{tenant}\""),
        ("/spec/tools/1/run/wasm/files/0/host", "\"data/{role}\""),
        ("/spec/tools/1/run/wasm/env", "[\"A=B\"]"),
        ("/spec/tools/1/run/wasm/files/0/guest", "\"data\""),
        ("/spec/tools/1/run/wasm/files/0/mode", "\"w\""),
    ];
    for (pointer, value) in bad {
        let document = changed(pointer, value);
        assert!(!reader_accepts(&document), "the reader accepts {pointer} {value}");
        assert!(!published.is_valid(&document), "the schema accepts {pointer} {value}");
    }
}

#[test]
fn schema_and_reader_refuse_unknown_fields_everywhere() {
    let published = published();
    for place in [
        "",
        "/metadata",
        "/spec",
        "/spec/limits",
        "/spec/requestMembers",
        "/spec/roles/clerk",
        "/spec/tools/0",
        "/spec/tools/0/run",
        "/spec/tools/0/run/client",
        "/spec/tools/1/run/wasm",
        "/spec/tools/1/run/wasm/files/0",
    ] {
        let mut document = changed("/spec/requestMembers", "{}");
        let Some(Value::Object(fields)) = document.pointer_mut(place) else { panic!("{place}") };
        fields.insert("unknwon".to_owned(), Value::Null);
        assert!(!reader_accepts(&document), "the reader accepts {place}/unknwon");
        assert!(!published.is_valid(&document), "the schema accepts {place}/unknwon");
    }
}

/// A folder on the disk.
struct Disk(std::path::PathBuf);

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

#[test]
fn the_contracts_of_this_repository_are_valid_for_both() {
    let published = published();
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut seen = 0;
    for folder in ["contracts", "tests/contracts"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let folder = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(folder.join("contract.yaml")) else { continue };
            let contract = load("contract.yaml", &text, &Disk(folder.clone()))
                .unwrap_or_else(|errors| panic!("{}: {errors}", folder.display()));
            assert!(published.is_valid(&json(contract.canonical())), "{}", folder.display());
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn the_examples_use_of_yaml_is_the_same_contract_for_both() {
    let contract = load("contract.yaml", ORDER_DESK, &Folder(&[])).unwrap();
    assert!(published().is_valid(&json(contract.canonical())));
}
