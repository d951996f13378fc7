//! The headers of every request to a backend: caller, trace, idempotency key, and the backend's own secrets.

use opentelemetry::propagation::Injector;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Invocation;

/// The caller's tenant.
const TENANT: HeaderName = HeaderName::from_static("callgate-tenant");
/// The caller's role.
const ROLE: HeaderName = HeaderName::from_static("callgate-role");
/// Equal for every attempt at a call (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// The map the propagator writes the current trace to.
struct Carrier<'a>(&'a mut HeaderMap);

/// Returns the headers of a call, beside those of every request to its backend.
pub(super) fn headers(invocation: &Invocation<'_>, always: &HeaderMap) -> HeaderMap {
    let mut headers = always.clone();
    let own = [(TENANT, invocation.tenant), (ROLE, invocation.role), (IDEMPOTENCY_KEY, invocation.idempotency_key)];
    for (name, value) in own {
        // An escaped text is always a valid value.
        if let Ok(value) = HeaderValue::from_str(&escaped(value)) {
            headers.insert(name, value);
        }
    }
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&opentelemetry::Context::current(), &mut Carrier(&mut headers));
    });
    headers
}

/// Escapes a text for a header: each space, `%` and byte outside printable ASCII becomes `%` and two digits (RFC 3986
/// §2.1). So no tenant's name ends a header or imitates another.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(HEX.get(usize::from(digit)));
            }
        }
    }
    out
}

// === impl Carrier ===

impl Injector for Carrier<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_stay_different() {
        for (name, header) in [
            ("acme", "acme"),
            ("Acme & Söhne", "Acme%20&%20S%C3%B6hne"),
            ("a\r\nauthorization: x", "a%0D%0Aauthorization:%20x"),
            ("100%", "100%25"),
            ("100%25", "100%2525"),
            ("", ""),
        ] {
            assert_eq!(escaped(name), header);
        }
    }
}
