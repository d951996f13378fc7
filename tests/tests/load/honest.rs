//! Honest exchanges after a load: answers and verdicts.

use callgate_tests::http::{Accumulated, Connection, Protocol};
use callgate_tests::upstream::script::{Round, Script};

use crate::scripts::{self, OSLO, STOCK};
use crate::world::World;

/// Nearly `requestBytes`.
const LARGE: usize = 900_000;

/// One exchange, and what must come of it.
struct Honest {
    what: &'static str,
    script: Script,
    stream: bool,
    padding: usize,
    role: &'static str,
    status: u16,
    /// Name and arguments of the released call.
    call: Option<(&'static str, &'static str)>,
    verdict: &'static str,
}

/// Makes each exchange over both protocols, several times; returns what is wrong. Connections spread over the workers.
pub async fn check(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let before = world.verdicts().await.len();
    let mut expected = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http2].into_iter().cycle().take(8) {
        for honest in exchanges() {
            if let Err(what) = honest.check(world, protocol).await {
                wrong.push(format!("after the load, {} over {protocol}: {what}", honest.what));
            }
            expected.push(honest.verdict);
        }
    }
    let verdicts = world.verdicts().await.split_off(before);
    if verdicts != expected {
        wrong.push(format!("the verdicts after the load are {verdicts:?}; expected {expected:?}"));
    }
    wrong
}

fn exchanges() -> Vec<Honest> {
    let weather = || Script::from(Round::call("get_weather", OSLO));
    let allowed = |what, script, stream| Honest {
        what,
        script,
        stream,
        padding: 10,
        role: "clerk",
        status: 200,
        call: Some(("get_weather", OSLO)),
        verdict: "allow",
    };
    let stock = Round::call("lookup_stock", STOCK).then(Round::call("get_weather", OSLO));
    let unknown = Round::call("delete_everything", r#"{"really":"xyzzy"}"#);
    let refused = |what, stream| Honest {
        call: None,
        verdict: "refuse:tool_not_in_contract",
        ..allowed(what, unknown.clone().into(), stream)
    };
    vec![
        allowed("an allowed call", weather(), false),
        allowed("a streamed call", weather(), true),
        Honest { padding: LARGE, ..allowed("a call after a long conversation", weather(), true) },
        allowed("a call of the server's, then one of the client's", stock.clone(), false),
        allowed("the same, streamed", stock, true),
        refused("a call of no tool", false),
        refused("the same, streamed", true),
        Honest {
            status: 400,
            call: None,
            role: "nobody",
            verdict: "error:role_forbidden",
            ..allowed("another role", weather(), false)
        },
        Honest {
            status: 502,
            call: None,
            verdict: "error:upstream_invalid",
            ..allowed("an answer that is no answer", Round::body("hello").into(), false)
        },
    ]
}

impl Honest {
    async fn check(&self, world: &World, protocol: Protocol) -> Result<(), String> {
        let text = |error: callgate_tests::http::HttpError| error.to_string();
        let mut connection = Connection::open(world.gate().address, protocol).await.map_err(text)?;
        let request = scripts::ask(&self.script.message(), self.stream, self.padding);
        let request = request.header("x-callgate-role", self.role);
        let mut response = connection.send(request).await.map_err(text)?;
        if response.status != self.status {
            let body = response.text().await.map_err(text)?;
            return Err(format!("status {}: {body}", response.status));
        }
        let answer = if self.stream {
            response.accumulate().await.map_err(text)?
        } else {
            Accumulated::of_whole(&response.json().await.map_err(text)?)
        };
        let calls = answer.first().calls;
        let calls: Vec<_> = calls.iter().map(|(_, name, arguments)| (name.as_str(), arguments.as_str())).collect();
        if calls == self.call.as_slice() { Ok(()) } else { Err(format!("{answer:?}")) }
    }
}
