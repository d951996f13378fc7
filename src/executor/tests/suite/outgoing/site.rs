//! A server on loopback with one kind of answer, good or bad; it keeps the requests.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The kinds of answers of a site.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// With this text.
    Text(&'static str),
    /// With a redirect.
    Redirect(String),
    /// With an endless body.
    Endless,
    /// With a body that stops in the middle of its announced length, and the connection with it.
    Torn,
    /// With an endless head, a byte at a time.
    Dripping,
    /// With endless headers.
    HugeHead,
    /// With the beginning of a body, and then nothing.
    Stalling,
    /// Without any answer.
    Silent,
}

pub(super) struct Site {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    open: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

/// An authority trusted by a test.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Site {
    pub(super) async fn start(reply: Reply) -> Self {
        Self::listen(reply, None).await
    }

    /// Uses a certificate for `name` of this authority.
    pub(super) async fn secure(reply: Reply, authority: &Authority, name: &str) -> Self {
        Self::listen(reply, Some(authority.acceptor(name))).await
    }

    async fn listen(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (count, open) = watch::channel(0);
        let count = Arc::new(count);
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    count.send_modify(|open| *open += 1);
                    let (reply, seen, tls, count) = (reply.clone(), Arc::clone(&seen), tls.clone(), Arc::clone(&count));
                    tokio::spawn(async move {
                        // A connection may end in any way: some guests leave in the middle.
                        let _ = match tls {
                            Some(tls) => match tls.accept(stream).await {
                                Ok(stream) => answer(stream, &reply, &seen).await,
                                Err(error) => Err(error),
                            },
                            None => answer(stream, &reply, &seen).await,
                        };
                        count.send_modify(|open| *open -= 1);
                    });
                }
            }
        });
        Self { address, seen, open, task }
    }

    /// Returns the received requests, as they were written.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until no connection is open.
    pub(super) async fn quiet(&mut self) {
        self.open.wait_for(|open| *open == 0).await.unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.issuer;
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: &Reply,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let request = read(&mut stream).await?;
    seen.lock().unwrap().push(request);
    match reply {
        Reply::Text(text) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Reply::Redirect(to) => {
            let head = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16 << 10]).await?;
            }
        }
        Reply::Torn => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf").await?;
            stream.shutdown().await
        }
        Reply::Dripping => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-").await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Reply::HugeHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(format!("x-long: {}\r\n", "x".repeat(8000)).as_bytes()).await?;
            }
        }
        Reply::Stalling => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf").await?;
            gone(&mut stream).await
        }
        Reply::Silent => gone(&mut stream).await,
    }
}

/// Waits for the other side to close.
async fn gone(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

/// Reads one request: its head, and the body as it is framed.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let whole = if head.contains("transfer-encoding: chunked") { body.ends_with("0\r\n\r\n") } else { true };
            if whole {
                return Ok(text);
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => read.extend_from_slice(&part[..n]),
        }
    }
}
