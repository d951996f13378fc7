//! A forwarder between Envoy and the executor: a test can redirect or close it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A TCP forwarder. Redirecting it breaks each connection through it, so the next one reaches the new target.
#[derive(Debug)]
pub struct Switch {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Switch {
    /// Starts on a free port. `None` accepts connections and drops them.
    pub async fn start(target: Option<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (target, watched) = watch::channel(target);
        let task = tokio::spawn(async move {
            loop {
                let Ok((from, _)) = listener.accept().await else { continue };
                let mut watched = watched.clone();
                let Some(to) = *watched.borrow_and_update() else { continue };
                tokio::spawn(async move {
                    tokio::select! {
                        _ended = forward(from, to) => {}
                        _turned = watched.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, target, task })
    }

    /// Returns the listening address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets or removes the target; returns true if that changed anything.
    pub fn turn(&self, target: Option<SocketAddr>) -> bool {
        self.target.send_if_modified(|now| std::mem::replace(now, target) != target)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut from: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut to = TcpStream::connect(to).await?;
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut from, &mut to).await?;
    Ok(())
}
