//! The plan of a stack.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{Artefacts, Bootstrap, StackError};

/// A stack to start.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model.
    pub model: Model,
    /// One Envoy each.
    pub gates: Vec<GatePlan>,
    /// Starts each one after the previous one is ready, so a test can compare start-up times.
    pub one_by_one: bool,
}

/// The model behind a stack.
#[derive(Debug, Clone)]
pub enum Model {
    /// The scripted upstream.
    Scripted {
        /// The listening address.
        listen: SocketAddr,
    },
    /// A server on this machine with plain HTTP.
    At(SocketAddr),
    /// A real API.
    Real(BaseUrl),
}

/// A gate to start.
#[derive(Debug, Clone)]
pub struct GatePlan {
    /// Its name in logs, and for clients of the stack.
    pub name: String,
    /// The contract's file; its folder is copied.
    pub contract: PathBuf,
    /// `onViolation` in place of the contract's own.
    pub on_violation: Option<String>,
    /// Its listening address; a free port by default.
    pub listen: Option<SocketAddr>,
    /// More options of `callgate render`.
    pub render: Vec<String>,
    /// HTTP/2 to the upstream, and trailers from HTTP/1.1 clients.
    pub http2_upstream: bool,
    /// A change to the rendered configuration.
    pub change: Option<Change>,
    /// Two workers, and a listener that [`Gate::reload`](super::Gate::reload) replaces while Envoy runs.
    pub reloadable: bool,
}

/// A change to a rendered configuration.
pub type Change = fn(&mut Bootstrap, &Artefacts) -> Result<(), StackError>;

/// The base URL of a real API, as an SDK takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    host: String,
    port: u16,
    tls: bool,
    path: String,
}

impl Model {
    /// Returns the scripted upstream on a free port.
    pub fn scripted() -> Self {
        Self::Scripted { listen: (Ipv4Addr::LOCALHOST, 0).into() }
    }

    /// Returns the API in `$LLM_BASE_URL`, else the scripted upstream.
    pub fn from_environment() -> Result<Self, StackError> {
        match std::env::var("LLM_BASE_URL") {
            Ok(url) if !url.is_empty() => Ok(Self::Real(BaseUrl::read(&url)?)),
            _ => Ok(Self::scripted()),
        }
    }
}

impl GatePlan {
    /// Plans a gate with an unchanged contract.
    pub fn new(name: &str, contract: &Path) -> Self {
        Self {
            name: name.into(),
            contract: contract.into(),
            on_violation: None,
            listen: None,
            render: Vec::new(),
            http2_upstream: false,
            change: None,
            reloadable: false,
        }
    }

    /// Sets another `onViolation`.
    #[must_use]
    pub fn on_violation(mut self, value: &str) -> Self {
        self.on_violation = Some(value.into());
        self
    }
}

impl BaseUrl {
    /// Reads `https://api.openai.com/v1`.
    pub fn read(url: &str) -> Result<Self, StackError> {
        let unfit = || StackError::Unfit {
            what: format!("LLM_BASE_URL is {url:?}; expected something like https://api.openai.com/v1"),
        };
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(unfit()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| unfit())?),
            None => (authority, if tls { 443 } else { 80 }),
        };
        if host.is_empty() {
            return Err(unfit());
        }
        Ok(Self { host: host.into(), port, tls, path: format!("/{}", path.trim_end_matches('/')) })
    }

    /// Returns the path an SDK's own base URL must have.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the options of `callgate render` for it.
    pub(super) fn options(&self) -> Vec<String> {
        let path = format!("chatCompletions={}/chat/completions", self.path.trim_end_matches('/'));
        let mut options =
            vec!["--upstream".to_owned(), format!("{}:{}", self.host, self.port), "--path".to_owned(), path];
        if self.tls {
            options.push("--upstream-tls".to_owned());
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_host_port_tls_and_path() {
        let openai = BaseUrl::read("https://api.openai.com/v1/").unwrap();
        assert_eq!(
            (openai.host.as_str(), openai.port, openai.tls, openai.path()),
            ("api.openai.com", 443, true, "/v1")
        );
        assert_eq!(BaseUrl::read("http://127.0.0.1:8080").unwrap().options()[3], "chatCompletions=/chat/completions");
        BaseUrl::read("api.openai.com").unwrap_err();
    }
}
