//! Checks which host a browser believes it talks to.
//!
//! Another site can let its own name point at this machine (DNS rebinding) and then read everything served without a
//! token. The browser still sends that name in `Host`. So a port of this machine answers to `localhost` and to IP
//! addresses only: an address is its own origin, and no other site's page has it.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// Lets a router answer only to the names of this machine.
pub(super) fn only_here(router: Router) -> Router {
    router.route_layer(middleware::from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?")),
    };
    // Every browser sends a host.
    if named.is_none_or(is_here) {
        return next.run(request).await;
    }
    let advice = "this port answers to localhost and IP addresses only; ask by one of them, or set telemetry.openMetrics: true\n";
    (StatusCode::MISDIRECTED_REQUEST, advice).into_response()
}

fn is_here(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let address = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()) && (address || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_addresses_are_here() {
        for here in ["localhost", "LOCALHOST:7071", "127.0.0.1", "127.0.0.1:7071", "10.0.0.7:1", "[::1]", "[::1]:7071"]
        {
            assert!(is_here(here), "{here}");
        }
        for other in [
            "evil.example",
            "evil.example:7071",
            "localhost.evil.example",
            "127.0.0.1.evil.example:7071",
            "127.0.0.1:7071:evil",
            "localhost:evil",
            "user@127.0.0.1:7071",
            "::1",
            "[::1",
            "[evil.example]",
            "",
            "?",
        ] {
            assert!(!is_here(other), "{other}");
        }
    }
}
