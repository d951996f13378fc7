//! A backend with an effect for every call: a line in a file.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// Answers with the arguments, once they are in `effects`. Ends with the runtime.
pub async fn start(effects: &Path) -> SocketAddr {
    let effects = Arc::new(Mutex::new(OpenOptions::new().create(true).append(true).open(effects).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let effects = Arc::clone(&effects);
            let service = service_fn(move |request| answer(request, Arc::clone(&effects)));
            tokio::spawn(async move {
                // A broken connection is the executor's concern.
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn answer(request: Request<Incoming>, effects: Arc<Mutex<File>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let arguments = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let line = [&arguments, &b"\n"[..]].concat();
    effects.lock().unwrap().write_all(&line).unwrap();
    let answer = Response::builder().header("content-type", "application/json").body(Full::new(arguments));
    Ok(answer.unwrap())
}
