//! An internet of a test's own: names with scripted answers, and public addresses that are servers on loopback.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use callgate_sandbox::{Internet, Network, Pending};
use rustls::RootCertStore;
use tokio::net::{TcpStream, lookup_host};

/// A public address.
pub(super) const PUBLIC: &str = "93.184.215.14";

#[derive(Debug, Default)]
pub(super) struct Made {
    /// The answers for each name, one lookup after the other; the last answer stays.
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    /// The real address behind a public one.
    servers: Mutex<HashMap<SocketAddr, SocketAddr>>,
    /// Every lookup and every connection, in order.
    log: Mutex<Vec<String>>,
}

impl Made {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Sets the next answers to lookups of `name`, each a list of addresses with blanks between.
    pub(super) fn name(self: &Arc<Self>, name: &str, answers: &[&str]) -> Arc<Self> {
        let read = |answer: &&str| answer.split_whitespace().map(|address| address.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), answers.iter().map(read).collect());
        Arc::clone(self)
    }

    /// Puts a server at a public address.
    pub(super) fn server(self: &Arc<Self>, public: &str, really: SocketAddr) -> Arc<Self> {
        self.servers.lock().unwrap().insert(public.parse().unwrap(), really);
        Arc::clone(self)
    }

    pub(super) fn network(self: &Arc<Self>, roots: RootCertStore) -> Network {
        Network::new(Arc::<Self>::clone(self), roots)
    }

    /// Returns the lookups and connections.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Internet for Made {
    fn resolve<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<IpAddr>> {
        self.log.lock().unwrap().push(format!("lookup {name}"));
        let made = self.names.lock().unwrap().get_mut(name).map(|answers| match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        });
        Box::pin(async move {
            match made {
                Some(addresses) => Ok(addresses),
                // The system answers for all other names: it knows other spellings of addresses.
                None => Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect()),
            }
        })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream> {
        self.log.lock().unwrap().push(format!("connect {to}"));
        let really = self.servers.lock().unwrap().get(&to).copied();
        Box::pin(async move {
            match really {
                Some(address) => TcpStream::connect(address).await,
                None if to.ip().is_loopback() => TcpStream::connect(to).await,
                None => Err(io::ErrorKind::NetworkUnreachable.into()),
            }
        })
    }
}
