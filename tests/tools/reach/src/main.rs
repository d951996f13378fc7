//! Tries to reach the network in every way of WASI 0.2, and reports how far it came.
//!
//! Standard input holds a plan, and standard output gets an array with one entry for each attempt. A refused attempt is an
//! entry like any other: `{"error": "..."}` with the name of the host's code.

mod http;
mod sockets;

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

/// The attempts of one call.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Plan {
    /// Requests, one after the other.
    Http(Vec<http::Ask>),
    /// Requests that are all in flight before the first answer is awaited.
    HttpTogether(Vec<http::Ask>),
    /// A TCP connection to an address, such as `127.0.0.1:80`.
    Tcp(std::net::SocketAddrV4),
    /// A UDP datagram to an address.
    Udp(std::net::SocketAddrV4),
    /// The addresses of a name.
    Lookup(String),
}

fn main() -> ExitCode {
    let plan: Plan = match serde_json::from_reader(std::io::stdin()) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("expected a plan: {error}");
            return ExitCode::FAILURE;
        }
    };
    let report: Vec<Value> = match plan {
        Plan::Http(asks) => asks.iter().map(http::ask).collect(),
        Plan::HttpTogether(asks) => http::together(&asks),
        Plan::Tcp(to) => vec![sockets::tcp(to)],
        Plan::Udp(to) => vec![sockets::udp(to)],
        Plan::Lookup(name) => vec![sockets::lookup(&name)],
    };
    println!("{}", Value::Array(report));
    ExitCode::SUCCESS
}
