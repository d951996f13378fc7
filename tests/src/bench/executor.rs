//! Calls a second of a tool that does nothing, against a bare gRPC echo of the same messages.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use tonic::transport::Channel;

use super::load::Sample;
use crate::stack::{Artefacts, Process, Stack, StackError, free_address, run};

const AT_ONCE: usize = 16;

/// The executor's sample and the echo's.
pub(super) async fn measure(
    stack: &Stack,
    artefacts: &Artefacts,
    rounds: usize,
    time: Duration,
) -> Result<(Sample, Sample), StackError> {
    let contract = stack.gates().first().map(|gate| gate.contract.clone()).unwrap_or_default();
    let digest = run(Command::new(&artefacts.cli).arg("digest").arg(contract))?;
    let digest = digest.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap_or_default().to_owned();
    let address = free_address()?;
    let program = std::env::current_exe().map_err(StackError::io("finding this program"))?;
    let mut command = Command::new(program);
    command.args(["echo", "--listen", &address.to_string()]);
    let mut echo = Process::start("echo", command, &stack.folder().join("echo.log"))?;
    let listens = || async move { tokio::net::TcpStream::connect(address).await.is_ok() };
    echo.ready(Duration::from_secs(10), "starting", listens).await?;
    let (mut real, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        for (server, samples) in [(stack.executor().1, &mut real), (address, &mut bare)] {
            load(server, &digest, Duration::from_millis(200)).await?;
            samples.push(load(server, &digest, time).await?);
        }
    }
    Ok((Sample::median(&real), Sample::median(&bare)))
}

async fn load(server: SocketAddr, digest: &str, time: Duration) -> Result<Sample, StackError> {
    let endpoint = Channel::from_shared(format!("http://{server}")).map_err(|error| unfit(&error.to_string()))?;
    let channel = endpoint.tcp_nodelay(true).connect().await.map_err(|error| unfit(&error.to_string()))?;
    let began = Instant::now();
    let clients: Vec<_> = (0..AT_ONCE)
        .map(|n| tokio::spawn(client(ExecutorClient::new(channel.clone()), digest.to_owned(), n, began + time)))
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        let done = client.await.map_err(|error| unfit(&error.to_string()))?;
        latencies.append(&mut done?);
    }
    Ok(Sample::of(latencies, began.elapsed()))
}

async fn client(
    mut client: ExecutorClient<Channel>,
    digest: String,
    number: usize,
    until: Instant,
) -> Result<Vec<f64>, StackError> {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let sent = Instant::now();
        let request = ExecuteRequest {
            contract_digest: digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: "clerk".into() }),
            // Different each time: the same call of the same exchange runs once.
            exchange_id: format!("{number}-{}-{sent:?}", latencies.len()),
            request_id: String::new(),
            round: 1,
            calls: vec![Call { id: "call_1".into(), tool: "nothing".into(), arguments: "{}".into() }],
        };
        let answer = client.execute(request).await.map_err(|status| unfit(&status.to_string()))?.into_inner();
        match answer.outcomes.first().and_then(|outcome| outcome.outcome.as_ref()) {
            Some(Outcome::Success(_)) => latencies.push(sent.elapsed().as_secs_f64() * 1e6),
            other => return Err(unfit(&format!("{other:?}"))),
        }
    }
    Ok(latencies)
}

fn unfit(what: &str) -> StackError {
    StackError::Unfit { what: format!("calling the executor: {what}") }
}
