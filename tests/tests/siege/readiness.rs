//! Asks for readiness again and again, and compares each answer with a call at the same moment.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::FailureKind;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::http;
use crate::load::{Book, Ended, once, request};

const EVERY: Duration = Duration::from_millis(50);

/// Readiness compared with calls.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    pub ready: u64,
    pub not_ready: u64,
    /// Answers that changed around the call, and shed calls: nothing to compare.
    pub undecided: u64,
    /// Readiness gave one answer before and after a call that ended the other way.
    pub contradictions: u64,
    pub longest: Duration,
    pub longest_not_ready: Duration,
}

/// Compares until the book is closed, and records the calls in it.
pub async fn compare(address: SocketAddr, client: ExecutorClient<Channel>, digest: String, book: Book) -> Compared {
    let mut compared = Compared::default();
    let (mut wrong_since, mut down_since) = (None, None);
    while !book.is_over() {
        let number = book.number();
        let request = request(&digest, "probe", "look", number);
        let began = Instant::now();
        let before = is_ready(address).await;
        let ended = once(&client, &request).await;
        let after = is_ready(address).await;
        book.note(number, "look", &request.exchange_id, ended.clone());
        let taken = match &ended {
            Ended::Success(_) => Some(true),
            Ended::Failed(FailureKind::Unavailable, ..) | Ended::Unanswered(Code::Unavailable) => Some(false),
            // A shed call, or one ended by a kill, proves nothing about the next call.
            Ended::Failed(..) | Ended::Unanswered(_) => None,
        };
        match (before == after, taken) {
            (true, Some(taken)) if taken != after => {
                compared.contradictions += 1;
                let since = *wrong_since.get_or_insert(began);
                compared.longest = compared.longest.max(since.elapsed());
            }
            (true, Some(_)) => wrong_since = None,
            (false, _) | (true, None) => {
                compared.undecided += 1;
                wrong_since = None;
            }
        }
        if after {
            compared.ready += 1;
            down_since = None;
        } else {
            compared.not_ready += 1;
            let since = *down_since.get_or_insert(began);
            compared.longest_not_ready = compared.longest_not_ready.max(since.elapsed());
        }
        tokio::time::sleep(EVERY).await;
    }
    compared
}

pub async fn is_ready(address: SocketAddr) -> bool {
    http::status(address, "/readyz").await == Some(200)
}

/// Waits until readiness is as expected; panics after `limit`.
pub async fn until(address: SocketAddr, ready: bool, limit: Duration) {
    becomes(address, ready, limit).await.unwrap_or_else(|told| panic!("{told}"));
}

/// Waits until readiness is as expected, for `limit` at most.
pub async fn becomes(address: SocketAddr, ready: bool, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    while is_ready(address).await != ready {
        if began.elapsed() >= limit {
            let told = http::get(address, "/readyz", "").await;
            return Err(format!("readiness is not {ready} after {limit:?}: {told:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
