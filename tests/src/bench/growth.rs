//! Growth: many honest exchanges through one Envoy, and its memory after each tenth of them.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::case::{self, Desk, TWO_CALLS};
use super::cores::Cores;
use super::exchange::Exchange;
use super::load::{Closed, Length};
use super::stage::{Stage, check};
use super::upstream::StaticUpstream;
use super::variant::VARIANTS;
use crate::envoy::Memory;
use crate::executor::echo_on;
use crate::stack::{Artefacts, GateHost, StackError};

/// Readings of memory.
const MARKS: u64 = 10;
/// The second half may leave this much more than the first. The decisions on their way to the executor take up to 2.6 MiB at one reading
/// and none at the next. In a million exchanges, a loss of 9 bytes of heap, or of 17 bytes anywhere, in each is more.
const MOST: Memory = Memory { allocated: 4 << 20, resident: 8 << 20 };

/// Runs `exchanges` in each host; an error if memory grew.
pub async fn growth(exchanges: u64, hosts: &[GateHost]) -> Result<(), StackError> {
    let mut grown = Vec::new();
    for host in hosts {
        grown.extend(in_host(exchanges, *host).await?);
    }
    if grown.is_empty() { Ok(()) } else { Err(StackError::Unfit { what: grown.join("\n") }) }
}

async fn in_host(exchanges: u64, host: GateHost) -> Result<Option<String>, StackError> {
    let mut artefacts = Artefacts::find()?;
    artefacts.host = GateHost::Wasm;
    artefacts.filter = artefacts.built("the filter", GateHost::Wasm.module())?;
    let name = format!("callgate_{}", host.name());
    let unfit = |what: &str| StackError::Unfit { what: format!("{name}: {what}") };
    let mut variant = *VARIANTS.iter().find(|variant| variant.name == name).ok_or_else(|| unfit("no such variant"))?;
    if host == GateHost::Native {
        // The module of the tests, which is always built.
        variant.change = |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.dynamic_module(&artefacts.dist.join(GateHost::Native.module())))
        };
    }
    artefacts.built("the gate", host.module())?;
    let cases = case::chosen(&[TWO_CALLS.to_owned()]).map_err(|what| unfit(&what))?;
    let (Some(case), exchange) = (cases.first(), Exchange::all().into_iter().find(|e| e.name == TWO_CALLS)) else {
        return Err(unfit("no such case"));
    };
    let exchange = exchange.ok_or_else(|| unfit("no such exchange"))?;

    let folder = tempfile::tempdir().map_err(StackError::io("a folder for the growth run"))?;
    let cores = Cores::new();
    let upstream = StaticUpstream::start(std::slice::from_ref(&exchange), &cores)
        .map_err(StackError::io("starting the static upstream"))?;
    let stage = Stage::start(&[variant], &[Desk::Usual], upstream.address(), &artefacts, folder.path()).await?;
    stage.pin(&cores);
    // Decisions go to an executor without an audit log: two million records would fill a disk.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(StackError::io("a fake executor"))?;
    let executor = listener.local_addr().map_err(StackError::io("a fake executor"))?;
    let executing = tokio::spawn(echo_on(listener));
    stage.stack().switch().turn(Some(executor));
    let gate = stage.stack().gates().first().ok_or_else(|| unfit("it did not start"))?;
    check(gate.address, &exchange, false, variant.title).await?;

    println!("\n{exchanges} exchanges through {}", variant.title);
    let each = exchanges.div_ceil(MARKS).div_ceil(u64::try_from(case.connections).unwrap_or(1));
    let mut marks = Vec::new();
    for mark in 1..=MARKS {
        let load = Closed {
            requests: exchange.requests(false),
            server: gate.address,
            process: gate.envoy.id(),
            connections: case.connections,
            length: Length::Exchanges(usize::try_from(each).unwrap_or(usize::MAX)),
        };
        let sample = load.run(&cores).map_err(StackError::io("the load"))?;
        let memory = Memory::settled(gate).await?;
        println!("  {mark:>2}/{MARKS}: {memory}; {:.0} exchanges/s", sample.throughput);
        marks.push(memory);
    }
    executing.abort();
    let half = marks.get(marks.len() / 2 - 1).zip(marks.last());
    Ok(half.and_then(|(half, last)| last.grown(half, &MOST)).map(|what| format!("{}: {what}", variant.title)))
}
