//! MCP servers behind one address: each at a path of its own, and one path at which the gate answers for the executor's tools.

use std::collections::BTreeMap;

use callgate_engine::DIALECTS;
use clap::Args;
use minijinja::{Value, context};

use super::address::Address;
use super::args::{RenderArguments, Target};
use super::error::RenderError;
use crate::contracts::Contracts;

/// The path of an MCP server, and the beginning of the paths of many.
const PATH: &str = "/mcp";
/// The most bytes of a server's name.
const NAME_LENGTH: usize = 40;
const EXAMPLE: &str = "github=mcp.example:8080 or github=https://mcp.example/mcp";

/// The command line of many MCP servers.
#[derive(Args)]
pub(crate) struct McpArguments {
    /// --target envoy: an MCP server for clients at /mcp/NAME: HOST:PORT, or a URL for TLS or another path than /mcp; may be repeated. Several
    /// servers need a contract set, with an entry for the `pathPrefix` of each
    #[arg(long = "mcp-server", value_name = "NAME=HOST:PORT|NAME=URL", help_heading = "MCP servers")]
    pub(crate) mcp_servers: Vec<String>,
    /// With --mcp-server: a file with the value of `authorization` that this server gets, such as `Bearer KEY`, without a line break; on
    /// Envoy's machine; may be repeated. Without it the header is removed
    #[arg(long = "mcp-credential", value_name = "NAME=PATH", help_heading = "MCP servers")]
    pub(crate) mcp_credentials: Vec<String>,
    /// With --mcp-server: a server that gets the client's own `authorization` and cookies; may be repeated
    #[arg(long = "mcp-client-credential", value_name = "NAME", help_heading = "MCP servers")]
    pub(crate) mcp_client_credentials: Vec<String>,
    /// Answer MCP at /mcp without a server: the contract of that path names the tools, and the executor runs them
    #[arg(long, help_heading = "MCP servers")]
    pub(crate) mcp_merged: bool,
}

/// An MCP server at a path of its own.
pub(super) struct McpServer {
    name: String,
    address: Address,
    tls: bool,
    /// The server's own path.
    path: String,
    credential: McpCredential,
}

/// The value of `authorization` that a server gets.
enum McpCredential {
    /// None: the client's own is removed.
    None,
    /// The client's own.
    Clients,
    /// The content of a file.
    File(String),
}

/// The options of MCP.
pub(super) struct McpServers {
    pub(super) servers: Vec<McpServer>,
    is_merged: bool,
    /// True if an upstream of its own is behind all other paths.
    pub(super) has_upstream: bool,
}

// === impl McpServers ===

impl McpServers {
    pub(super) fn read(arguments: &RenderArguments, contracts: &Contracts) -> Result<Self, RenderError> {
        let given = &arguments.mcp;
        if !given.mcp_servers.is_empty() && arguments.target != Target::Envoy {
            return Err(RenderError::Useless {
                option: "--mcp-server",
                because: "this --target, which has routes of its own; give their paths to the gate with --path mcp=PATH",
            });
        }
        let mut servers: Vec<McpServer> = Vec::new();
        for text in &given.mcp_servers {
            let server = McpServer::read(text)?;
            if servers.iter().any(|known| known.name == server.name) {
                return Err(RenderError::option("--mcp-server", text, "a name that no other server has", EXAMPLE));
            }
            servers.push(server);
        }
        for text in &given.mcp_credentials {
            let (server, file) = named("--mcp-credential", text, "NAME=PATH", &mut servers)?;
            server.give("--mcp-credential", text, McpCredential::File(file.to_owned()))?;
        }
        for name in &given.mcp_client_credentials {
            let (server, _) = named("--mcp-client-credential", name, "NAME", &mut servers)?;
            server.give("--mcp-client-credential", name, McpCredential::Clients)?;
        }
        if !servers.is_empty() && arguments.credential.token_exchange {
            return Err(RenderError::Useless {
                option: "--token-exchange",
                because: "--mcp-server, which gets the credential of --mcp-credential",
            });
        }
        let is_merged = given.mcp_merged;
        if servers.len() > 1 || is_merged {
            has_contract_each(&servers, contracts)?;
        }
        let is_of_mcp = is_merged || !servers.is_empty();
        let has_own = arguments.upstream.is_some() || arguments.providers.is_some();
        let has_upstream = has_own || !is_of_mcp || arguments.target != Target::Envoy;
        if !has_upstream {
            refuse_options_of_the_upstream(arguments)?;
        }
        Ok(Self { servers, is_merged, has_upstream })
    }

    /// Adds the paths of the servers to those of the gate. Without an upstream no model's API has a path.
    pub(super) fn add_paths(&self, paths: &mut BTreeMap<String, Vec<String>>) {
        if self.is_merged {
            paths.entry("mcpMerged".to_owned()).or_default().push(PATH.to_owned());
        }
        if self.is_merged || !self.servers.is_empty() {
            paths.entry("mcp".to_owned()).or_default().extend(self.servers.iter().map(McpServer::place));
        }
        if !self.has_upstream {
            for row in DIALECTS.iter().filter(|row| row.dialect().is_some() || row.key == "models") {
                paths.entry(row.key.to_owned()).or_default();
            }
        }
    }

    /// Returns the servers for the templates.
    pub(super) fn values(&self, ca: &str) -> Vec<Value> {
        self.servers.iter().map(|server| server.values(ca)).collect()
    }

    /// Returns true for the path of a server.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.servers.iter().any(|server| server.place() == path)
    }
}

/// Refuses options that need an upstream.
fn refuse_options_of_the_upstream(arguments: &RenderArguments) -> Result<(), RenderError> {
    let of_upstream = |path: &String| path.split_once('=').is_none_or(|(key, _)| key != "mcpMerged" && key != "hello");
    for (is_given, because) in [
        (arguments.paths.iter().any(of_upstream), "--path of another API beside MCP servers"),
        (!arguments.passthrough.is_empty(), "--passthrough beside MCP servers"),
        (arguments.upstream_tls, "--upstream-tls"),
        (arguments.authority.is_some(), "--authority"),
        (arguments.credential.upstream_credential.is_some(), "--upstream-credential"),
        (arguments.credential.upstream_token_url.is_some(), "--upstream-token-url"),
    ] {
        if is_given {
            return Err(RenderError::Missing { option: "--upstream", because });
        }
    }
    Ok(())
}

/// Checks that each server has a contract of its own: names of tools are only clear within one server.
fn has_contract_each(servers: &[McpServer], contracts: &Contracts) -> Result<(), RenderError> {
    let matches = || contracts.entries.iter().flat_map(|entry| &entry.matches);
    let is_for = |path: &str| matches().any(|one| one.path_prefix.as_deref() == Some(path));
    match servers.iter().find(|server| !is_for(&server.place())) {
        None => Ok(()),
        Some(server) => Err(RenderError::Unmatched { name: server.name.clone(), path: server.place() }),
    }
}

/// Returns the server that an option names, and the rest of the option.
fn named<'s, 't>(
    option: &'static str,
    given: &'t str,
    expected: &'static str,
    servers: &'s mut [McpServer],
) -> Result<(&'s mut McpServer, &'t str), RenderError> {
    let (name, rest) = given.split_once('=').unwrap_or((given, ""));
    if expected.contains('=') == rest.is_empty() {
        return Err(RenderError::option(option, given, expected, "github=/etc/callgate/github"));
    }
    let server = servers.iter_mut().find(|server| server.name == name);
    let server = server.ok_or_else(|| RenderError::option(option, given, "the name of an --mcp-server", "github"))?;
    Ok((server, rest))
}

// === impl McpServer ===

impl McpServer {
    fn read(given: &str) -> Result<Self, RenderError> {
        let wrong = |expected: &'static str| RenderError::option("--mcp-server", given, expected, EXAMPLE);
        let (name, rest) = given.split_once('=').ok_or_else(|| wrong("NAME=HOST:PORT, or NAME=URL"))?;
        let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins || name.len() > NAME_LENGTH || !name.bytes().all(is_fit) {
            return Err(wrong("a name of at most 40 small letters, digits, `-` and `_`, which begins with no sign"));
        }
        let (tls, scheme_port, rest) = match (rest.strip_prefix("https://"), rest.strip_prefix("http://")) {
            (Some(rest), _) => (true, Some("443"), rest),
            (None, Some(rest)) => (false, Some("80"), rest),
            (None, None) => (false, None, rest),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { PATH } else { path };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_dotted = path.split('/').any(|segment| matches!(segment, "." | ".."));
        if !path.bytes().all(is_plain) || path.contains("//") || is_dotted {
            return Err(wrong("a path in normal form, without a query and escapes"));
        }
        let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let place = match scheme_port.filter(|_| !has_port) {
            Some(port) => format!("{authority}:{port}"),
            None => authority.to_owned(),
        };
        let address = Address::read("--mcp-server", &place).map_err(|_| wrong("a host and a port"))?;
        let credential = McpCredential::None;
        Ok(Self { name: name.to_owned(), address, tls, path: path.to_owned(), credential })
    }

    /// Returns the path at which clients find the server.
    fn place(&self) -> String {
        format!("{PATH}/{}", self.name)
    }

    fn give(&mut self, option: &'static str, given: &str, credential: McpCredential) -> Result<(), RenderError> {
        if !matches!(self.credential, McpCredential::None) {
            let expected = "one credential for each server";
            return Err(RenderError::option(option, given, expected, "github=/etc/callgate/github"));
        }
        self.credential = credential;
        Ok(())
    }

    fn values(&self, ca: &str) -> Value {
        let Self { name, address, tls, path, credential } = self;
        let file = match credential {
            McpCredential::File(file) => Some(file),
            McpCredential::None | McpCredential::Clients => None,
        };
        context! {
            name => name,
            path => self.place(),
            own_path => path,
            cluster => format!("mcp-{name}"),
            address => address.values(),
            authority => address.authority(*tls),
            tls => tls,
            ca => ca,
            credential => file,
            passes_clients => matches!(credential, McpCredential::Clients),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::McpServer;

    #[test]
    fn a_server_has_a_name_an_address_and_a_path() {
        for (given, name, authority, tls, path) in [
            ("github=mcp.example:8080", "github", "mcp.example:8080", false, "/mcp"),
            ("a-1_b=https://mcp.example", "a-1_b", "mcp.example", true, "/mcp"),
            ("a=https://mcp.example:8443/v1/mcp/", "a", "mcp.example:8443", true, "/v1/mcp/"),
            ("a=http://[::1]:9/", "a", "[::1]:9", false, "/"),
        ] {
            let server = McpServer::read(given).unwrap();
            assert_eq!((server.name.as_str(), server.tls, server.path.as_str()), (name, tls, path), "{given}");
            assert_eq!(server.address.authority(tls), authority);
            assert_eq!(server.place(), format!("/mcp/{name}"));
        }
        for given in [
            "",
            "mcp.example:8080",
            "=mcp.example:8080",
            "A=mcp.example:8080",
            "a/b=mcp.example:8080",
            "..=mcp.example:8080",
            "-a=mcp.example:8080",
            "a.b=mcp.example:8080",
            "a%2f=mcp.example:8080",
            "a=mcp.example",
            "a=ftp://mcp.example",
            "a=https://user@mcp.example",
            "a=mcp.example:80/a?b",
            "a=mcp.example:80/a/../b",
            "a=mcp.example:80//b",
            "a=mcp.example:80/a\"b",
            "a=mcp.example:80/%2e",
        ] {
            assert!(McpServer::read(given).is_err(), "{given}");
        }
    }
}
