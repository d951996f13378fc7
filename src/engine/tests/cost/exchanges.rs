//! Whole exchanges, driven as a host drives them: the request's headers and body, the response's headers and body.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use callgate_contract::{Files, load};
use callgate_engine::{Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, lend};

/// The request and the answer of `make bench`: 1.5 KB with two tools, 1 KB with a call of each.
pub(crate) const REQUEST: &str = include_str!("../../../../tests/apis/measured/request.json");
pub(crate) const ANSWER: &str = include_str!("../../../../tests/apis/measured/answer.json");
const CONTRACT: &str = include_str!("../../../../tests/contracts/bench/contract.yaml");

type Headers = Vec<(String, Vec<u8>)>;

/// One exchange. `Debug` of a gate is long, so it has none.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    gate: Rc<Gate>,
    request_headers: Headers,
    pub(crate) request: String,
    response_headers: Headers,
    /// The chunks of the response.
    response: Vec<String>,
}

/// The names of all cases.
pub(crate) const CASES: [&str; 12] = [
    "no_tools",
    "two_calls",
    "32_calls",
    "conversation_20k",
    "conversation_200k",
    "tools_1",
    "tools_100",
    "tools_10000",
    "mcp_call",
    "stream_100_deltas",
    "stream_500_deltas",
    "stream_20k_call",
];

// === impl Case ===

impl Case {
    pub(crate) fn named(name: &'static str) -> Self {
        let bench = || gate(CONTRACT);
        let two_calls =
            || Self::new(name, bench(), CHAT, REQUEST.to_owned(), "application/json", vec![ANSWER.to_owned()]);
        match name {
            "no_tools" => {
                let request =
                    r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What is the capital of Italy?"}]}"#;
                let answer = answer(r#""content":"Rome.""#);
                Self::new(name, bench(), CHAT, request.to_owned(), "application/json", vec![answer])
            }
            "two_calls" => two_calls(),
            "32_calls" => {
                let calls: Vec<String> =
                    (0..32).map(|number| call(number, r#"{\"city\": \"Rome\", \"days\": 4}"#)).collect();
                let answer = answer(&format!(r#""content":null,"tool_calls":[{}]"#, calls.join(",")));
                Self { response: vec![answer], ..Self::one_tool(name, 1) }
            }
            "conversation_20k" => Self { request: conversation(20_000), ..two_calls() },
            "conversation_200k" => Self { request: conversation(200_000), ..two_calls() },
            "tools_1" => Self::one_tool(name, 1),
            "tools_100" => Self::one_tool(name, 100),
            "tools_10000" => Self::one_tool(name, 10_000),
            "mcp_call" => {
                let request = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Rome","days":4},"_meta":{"progressToken":7}}}"#;
                let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"Sunny on all four days, with highs between 24 and 29 degrees."}],"isError":false}}"#;
                Self::new(name, bench(), "/mcp", request.to_owned(), "application/json", vec![answer.to_owned()])
            }
            "messages_1m" => Self::messages(name, ""),
            "messages_1m_redacted" => Self::messages(name, "  results: { redact: [{ kind: email }] }\n"),
            "stream_100_deltas" => Self::stream(name, text_deltas(100)),
            "stream_500_deltas" => Self::stream(name, text_deltas(500)),
            "stream_20k_call" => Self::stream(name, call_fragments(20_000)),
            _ => panic!("no case of this name: {name}"),
        }
    }

    fn new(
        name: &'static str,
        gate: Rc<Gate>,
        path: &str,
        request: String,
        media_type: &str,
        response: Vec<String>,
    ) -> Self {
        let request_headers = headers(&[
            (":authority", "bench"),
            (":path", path),
            (":method", "POST"),
            (":scheme", "http"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("x-callgate-tenant", "acme"),
            ("x-callgate-role", "clerk"),
            ("authorization", "Bearer sk-bench-0123456789"),
            ("content-length", &request.len().to_string()),
            ("x-forwarded-proto", "http"),
            ("x-request-id", "0f9f4f3e-6f0c-4f7e-9b1a-1f2e3d4c5b6a"),
        ]);
        let response_headers = headers(&[
            (":status", "200"),
            ("content-type", media_type),
            ("x-envoy-upstream-service-time", "0"),
            ("date", "Mon, 01 Jan 2026 00:00:00 GMT"),
            ("server", "envoy"),
        ]);
        Self { name, gate, request_headers, request, response_headers, response }
    }

    /// The request of one tool and its answer with one call, under a contract of `tools` tools.
    fn one_tool(name: &'static str, tools: usize) -> Self {
        let request = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What will the weather be like in Rome?"}],"tools":[{"type":"function","function":{"name":"get_weather","description":"The weather in a city, for up to a week.","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}]}"#;
        let answer = answer(&format!(r#""content":null,"tool_calls":[{}]"#, call(0, r#"{\"city\": \"Rome\"}"#)));
        Self::new(name, gate_of(tools), CHAT, request.to_owned(), "application/json", vec![answer])
    }

    /// A request of 1 MiB to Messages, with a limit of output to lower and a member to leave out. One of 100 results has an address.
    fn messages(name: &'static str, rules: &str) -> Self {
        let contract = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: bench, version: 1.0.0 }}\nspec:\n  \
             models: [\"*\"]\n  limits: {{ maxOutputTokens: 1024 }}\n{rules}  roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  \
             tools: [{{ name: read, effects: read, run: {{ client: {{}} }}, parameters: {{ type: object }} }}]\n"
        );
        let line = r#"  let answer = ask(\"now\")?; // and then the next one\n"#;
        let mut turns = String::new();
        for number in 0.. {
            let address = if number % 100 == 0 { "ann@example.org" } else { "" };
            write!(
                turns,
                r#"{{"role":"assistant","content":[{{"type":"tool_use","id":"toolu_{number}","name":"read","input":{{"path":"src/{number}.rs"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{number}","content":"{address}{}"}}]}},"#,
                line.repeat(60)
            )
            .unwrap();
            if turns.len() > 1 << 20 {
                break;
            }
        }
        let request = format!(
            r#"{{"model":"claude-x","max_tokens":64000,"a_hint_of_the_client":true,"messages":[{turns}{{"role":"user","content":"Go on."}}],"tools":[{{"name":"read","input_schema":{{"type":"object"}}}}]}}"#
        );
        let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Done."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;
        Self::new(name, gate(&contract), "/v1/messages", request, "application/json", vec![answer.to_owned()])
    }

    fn stream(name: &'static str, response: Vec<String>) -> Self {
        let request = Self::one_tool(name, 1).request.replacen('{', r#"{"stream":true,"#, 1);
        Self::new(name, gate_of(1), CHAT, request, "text/event-stream", response)
    }

    /// The bytes of request and response.
    pub(crate) fn bytes(&self) -> usize {
        self.request.len() + self.response.iter().map(String::len).sum::<usize>()
    }

    /// Drives the exchange through all its stages.
    pub(crate) fn whole(&self) {
        let mut exchange = self.head();
        self.body(&mut exchange);
        self.response_head(&mut exchange);
        self.response(&mut exchange);
    }

    /// Begins an exchange with the request's headers.
    pub(crate) fn head(&self) -> Exchange {
        let mut exchange = Exchange::new(Rc::clone(&self.gate), "exchange-1");
        let event = Event::RequestHead { headers: &lend(&self.request_headers), verified: None, end: false };
        assert!(matches!(on(&mut exchange, event), Effect::Hold), "{}", self.name);
        exchange
    }

    /// The request's body.
    pub(crate) fn body(&self, exchange: &mut Exchange) {
        let event = Event::RequestData { chunk: self.request.as_bytes(), end: true, now: NOW };
        assert!(matches!(on(exchange, event), Effect::Forward(_)), "{}", self.name);
    }

    /// The response's headers.
    pub(crate) fn response_head(&self, exchange: &mut Exchange) {
        let effect = on(exchange, Event::ResponseHead { headers: &lend(&self.response_headers), end: false });
        assert!(matches!(effect, Effect::Hold | Effect::BeginStream), "{}: {effect:?}", self.name);
    }

    /// The response's body.
    pub(crate) fn response(&self, exchange: &mut Exchange) {
        for (position, chunk) in self.response.iter().enumerate() {
            let end = position + 1 == self.response.len();
            let effect = on(exchange, Event::ResponseData { chunk: chunk.as_bytes(), end, now: NOW });
            assert!(
                matches!(effect, Effect::Pass | Effect::Emit(_) | Effect::Hold | Effect::Finish(_)),
                "{}: {effect:?}",
                self.name
            );
        }
        let tally = exchange.tally();
        assert!(tally.error.is_none() && tally.refused.is_empty(), "{}: {tally:?}", self.name);
    }
}

const CHAT: &str = "/v1/chat/completions";
const NOW: Duration = Duration::from_secs(1);

/// Passes an event on, and takes the decisions as a host does.
fn on(exchange: &mut Exchange, event: Event<'_>) -> Effect {
    let effect = exchange.on(event);
    drop(exchange.take_decisions());
    effect
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path}"))
    }
}

fn gate(contract: &str) -> Rc<Gate> {
    let contract = load("contract.yaml", contract, &NoFiles).unwrap();
    let identity = IdentitySource::Header {
        tenant: "x-callgate-tenant".into(),
        role: "x-callgate-role".into(),
        claims: BTreeMap::new(),
    };
    let paths = Paths::new(&HashMap::from([("mcp".to_owned(), vec!["/mcp".to_owned()])]), Vec::new());
    let reach = Reach { executor: true, upstream: true };
    Rc::new(Gate::new(contract, identity, paths, Offer::Declared, reach).unwrap())
}

/// A gate over a contract of so many tools, `get_weather` in the middle of them.
fn gate_of(tools: usize) -> Rc<Gate> {
    let mut contract =
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: { name: bench, version: 1.0.0 }\nspec:\n  \
         models: [\"gpt-4o*\"]\n  limits: { maxOutputTokens: 1024, maxToolCallsPerTurn: 64 }\n  \
         roles: { clerk: { tools: [\"*\"] } }\n  tools:\n"
            .to_owned();
    for number in 0..tools {
        let name = if number == tools / 2 { "get_weather".to_owned() } else { format!("other_{number}") };
        writeln!(
            contract,
            "    - {{ name: {name}, effects: read, run: {{ client: {{}} }}, parameters: {{ type: object, \
             additionalProperties: false, properties: {{ city: {{ type: string }}, days: {{ type: integer }} }} }} }}"
        )
        .unwrap();
    }
    gate(&contract)
}

/// The measured request with a conversation of about `size` bytes: questions, calls, results and answers.
fn conversation(size: usize) -> String {
    let mut turns = String::new();
    let mut number = 0;
    while turns.len() < size {
        number += 1;
        write!(
            turns,
            r#"{{"role":"user","content":"And what about day {number}? Please look \"carefully\", with the usual care for wind and rain.\nThanks!"}},{{"role":"assistant","content":null,"tool_calls":[{}]}},{{"role":"tool","tool_call_id":"call_{number}","content":"{{\"city\":\"Rome\",\"day\":{number},\"high\":27.5,\"low\":18.25,\"wind\":\"SW 3\",\"rain\":false,\"summary\":\"Sunny with a light breeze; no rain is expected until the evening of the following day.\"}}"}},{{"role":"assistant","content":"Day {number} looks fine: sunny, 27 degrees at most, and a light breeze from the south-west."}},"#,
            call(number, r#"{\"city\": \"Rome\", \"days\": 4}"#)
        )
        .unwrap();
    }
    let user = r#"{"role":"user""#;
    assert_eq!(REQUEST.matches(user).count(), 1);
    REQUEST.replacen(user, &format!("{turns}{user}"), 1)
}

fn call(number: usize, arguments: &str) -> String {
    format!(
        r#"{{"id":"call_{number}","type":"function","function":{{"name":"get_weather","arguments":"{arguments}"}}}}"#
    )
}

fn answer(message: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-Bx0123456789abcdefghijklm","object":"chat.completion","created":1750000000,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant",{message},"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{}"}}],"usage":{{"prompt_tokens":312,"completion_tokens":71,"total_tokens":383}},"system_fingerprint":"fp_0123456789"}}"#,
        if message.contains("tool_calls") { "tool_calls" } else { "stop" }
    )
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-Bx0123456789abcdefghijklm\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,\
         \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
    )
}

fn text_deltas(count: usize) -> Vec<String> {
    let deltas = (0..count).map(|number| event(&format!(r#"{{"content":" token{number}"}}"#), "null"));
    deltas.chain([event("{}", "\"stop\"") + "data: [DONE]\n\n"]).collect()
}

/// A call with about `size` bytes of arguments, a few bytes in each event.
fn call_fragments(size: usize) -> Vec<String> {
    let fragment = |arguments: &str| {
        event(&format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]}}"#), "null")
    };
    let begin = r#"{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]}"#;
    let middle = (0..size / 20).map(|_| fragment("a few words of text "));
    let mut events = vec![event(begin, "null"), fragment(r#"{\"city\": \""#)];
    events.extend(middle);
    events.push(fragment(r#"\"}"#));
    events.push(event("{}", "\"tool_calls\"") + "data: [DONE]\n\n");
    events
}
