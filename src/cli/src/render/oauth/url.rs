//! URLs of authorization servers and resources.

use minijinja::{Value, context};

use super::super::address::Address;
use super::super::error::RenderError;

const EXAMPLE: &str = "https://id.example/keys";

/// An absolute URL with https; with http only on this machine.
#[derive(Debug)]
pub(in crate::render) struct Url {
    pub(in crate::render) text: String,
    tls: bool,
    address: Address,
    /// With query; empty or with a slash at its beginning.
    pub(in crate::render) path: String,
}

// === impl Url ===

impl Url {
    /// Reads the value of an option.
    pub(in crate::render) fn read(option: &'static str, given: &str) -> Result<Self, RenderError> {
        let wrong = |expected: &'static str| RenderError::option(option, given, expected, EXAMPLE);
        let (tls, rest) = match (given.strip_prefix("https://"), given.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("a URL that begins with https://")),
        };
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]!$&'()*+,;=%".contains(&byte);
        if !rest.bytes().all(is_fit) {
            return Err(wrong("a URL without a user, a fragment and spaces"));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if tls { 443 } else { 80 };
        let place = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        let address = Address::read(option, &place).map_err(|_| wrong("a URL with a host and perhaps a port"))?;
        if !tls && !address.is_loopback() {
            return Err(wrong("https://, because whoever is on the way could change what http:// brings"));
        }
        Ok(Self { text: given.to_owned(), tls, address, path: path.to_owned() })
    }

    /// Reads the identifier of a resource or an issuer, which clients compare byte for byte (RFC 9728 §3.3, RFC 8414 §3.3).
    pub(in crate::render) fn read_identifier(option: &'static str, given: &str) -> Result<Self, RenderError> {
        let url = Self::read(option, given)?;
        let segments = || url.path.split('/').skip(1);
        let is_plain = !url.path.contains(['?', '%']) && segments().all(|segment| !matches!(segment, "" | "." | ".."));
        let is_lower = !url.text.bytes().take(url.text.len() - url.path.len()).any(|byte| byte.is_ascii_uppercase());
        if is_plain && is_lower {
            return Ok(url);
        }
        let expected = "a URL in normal form: a host in lower case, no query, no escape, no slash at its end";
        Err(RenderError::option(option, given, expected, "https://gate.example/mcp"))
    }

    /// Returns the URL without its path.
    pub(in crate::render) fn origin(&self) -> &str {
        self.text.strip_suffix(self.path.as_str()).unwrap_or(&self.text)
    }

    /// Returns a cluster for its host.
    pub(in crate::render) fn cluster(&self, name: &'static str, comment: &'static str, ca: &str) -> Value {
        context! { name => name, comment => comment, address => self.address.values(), tls => self.tls, ca => ca }
    }

    /// Returns the `host` header of its host.
    pub(in crate::render) fn authority(&self) -> String {
        self.address.authority(self.tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_only_this_machine_is_reached_without_tls() {
        for (given, authority, path) in [
            ("https://id.example", "id.example", ""),
            ("https://id.example/keys?p=a%20b", "id.example", "/keys?p=a%20b"),
            ("https://id.example:8443/keys", "id.example:8443", "/keys"),
            ("http://127.0.0.1:9/keys", "127.0.0.1:9", "/keys"),
            ("http://[::1]/keys", "[::1]", "/keys"),
            ("http://localhost?x", "localhost", "?x"),
        ] {
            let url = Url::read("--jwt-jwks-url", given).unwrap();
            assert_eq!((url.authority().as_str(), url.path.as_str()), (authority, path), "{given}");
            assert_eq!(format!("{}{}", url.origin(), url.path), given);
        }
        for given in [
            "",
            "id.example",
            "ftp://id.example",
            "HTTPS://id.example",
            "https://",
            "https:///keys",
            "https://a@id.example/",
            "https://id.example/#x",
            "https://id.example/a b",
            "https://id.example/\"",
            "https://id.example:x/",
            "http://id.example/keys",
            "http://127.0.0.1.example/keys",
        ] {
            Url::read("--jwt-jwks-url", given).unwrap_err();
        }
    }

    #[test]
    fn an_identifier_is_in_normal_form() {
        for given in ["https://gate.example", "https://gate.example/mcp", "http://127.0.0.1:10000/a/mcp"] {
            Url::read_identifier("--oauth-resource", given).unwrap();
        }
        for given in [
            "https://gate.example/",
            "https://gate.example/mcp/",
            "https://gate.example//mcp",
            "https://gate.example/./mcp",
            "https://gate.example/a/../mcp",
            "https://gate.example/%6dcp",
            "https://gate.example/mcp?x=1",
            "https://Gate.example/mcp",
        ] {
            Url::read_identifier("--oauth-resource", given).unwrap_err();
        }
    }
}
