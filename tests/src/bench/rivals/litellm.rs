//! LiteLLM's proxy, with its guardrail for the two tools of the usual exchange.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::bench::cores::Cores;
use crate::bench::exchange::{Answer, Exchange};
use crate::bench::upstream::StaticUpstream;
use crate::http::{self, Connection, Protocol, Request};
use crate::stack::{Process, StackError, free_address};

const LIMIT: Duration = Duration::from_secs(240);
/// A model whose answers call a tool that the guardrail does not allow.
const HOSTILE: &str = "gpt-4o-hostile";

/// The running proxy.
pub(super) struct LiteLlm {
    pub(super) address: SocketAddr,
    pub(super) process: Process,
}

impl LiteLlm {
    /// Starts it with one worker and without a database, and waits until it is ready.
    pub(super) async fn start(
        python: &Path,
        upstream: SocketAddr,
        cores: &Cores,
        folder: &Path,
    ) -> Result<Self, StackError> {
        let hostile =
            StaticUpstream::start(&hostile(), cores).map_err(StackError::io("starting the hostile upstream"))?;
        let file = folder.join("litellm.yaml");
        let text = configuration(upstream, hostile.address());
        fs::write(&file, text).map_err(StackError::io(file.display().to_string()))?;
        let address = free_address()?;
        let program = python.with_file_name("litellm");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).args(["--host", &address.ip().to_string(), "--num_workers", "1"]);
        command.args(["--port", &address.port().to_string(), "--telemetry", "False"]);
        // No keys, as with the gate here: identity comes from headers. Without this setting LiteLLM demands one.
        command.env("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
        // No request leaves this machine.
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("LITELLM_LOG", "ERROR").current_dir(folder);
        let mut process = Process::start("LiteLLM", command, &folder.join("litellm.log"))?;
        let ready = || async move { matches!(http::get(address, "/health/liveliness").await, Ok((200, _))) };
        process.ready(LIMIT, "starting", ready).await?;
        cores.server(process.id());
        Ok(Self { address, process })
    }

    /// Checks that the guardrail works: without it the comparison would flatter LiteLLM.
    pub(super) async fn check_refusal(&self, exchange: &Exchange) -> Result<(), StackError> {
        let unfit =
            |what: String| StackError::Unfit { what: format!("LiteLLM with a call that is not allowed: {what}") };
        let mut connection = Connection::open(self.address, Protocol::Http1).await.map_err(|e| unfit(e.to_string()))?;
        let body = exchange.request.replacen("gpt-4o-mini", HOSTILE, 1);
        let request = Request::post(exchange.path, body.into_bytes());
        let mut response = connection.send(request).await.map_err(|e| unfit(e.to_string()))?;
        let text = response.text().await.map_err(|e| unfit(e.to_string()))?;
        if response.status >= 400 && text.contains("drop_tables") {
            return Ok(());
        }
        Err(unfit(format!("status {}: {text}", response.status)))
    }
}

/// The usual exchange, with an answer that calls a tool of another name.
fn hostile() -> Vec<Exchange> {
    let hostile = |exchange: Exchange| match exchange.answer {
        Answer::Whole(text) => {
            Exchange { answer: Answer::Whole(text.replace("get_weather", "drop_tables")), ..exchange }
        }
        _ => exchange,
    };
    Exchange::all().into_iter().map(hostile).collect()
}

fn configuration(upstream: SocketAddr, hostile: SocketAddr) -> String {
    let model = |name: &str, server: SocketAddr| {
        format!(
            "  - model_name: {name}\n    litellm_params: {{ model: openai/gpt-4o-mini, api_base: \"http://{server}/v1\", \
             api_key: sk-bench }}\n"
        )
    };
    let rule = |tool: &str| format!("        - {{ id: {tool}, tool_name: \"^{tool}$\", decision: allow }}\n");
    format!(
        "model_list:\n{}{}guardrails:\n  - guardrail_name: tools\n    litellm_params:\n      guardrail: tool_permission\n      \
         mode: post_call\n      default_on: true\n      default_action: deny\n      on_disallowed_action: block\n      rules:\n{}{}",
        model("gpt-4o-mini", upstream),
        model(HOSTILE, hostile),
        rule("get_weather"),
        rule("find_flights")
    )
}
