//! Calls of several tenants, and their ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest, FailureKind};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;

/// The number of repeats of a request without an outcome, as a proxy would repeat it.
const ATTEMPTS: u32 = 4;
const LIMIT: Duration = Duration::from_secs(20);

/// The end of a call, as its caller saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Success(String),
    /// The violation's code, or the approval's name.
    Failed(FailureKind, String, String),
    /// No outcome: the status of the last attempt.
    Unanswered(Code),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Made {
    pub tool: &'static str,
    pub exchange: String,
    pub ended: Ended,
}

/// All calls, by the number in their arguments.
#[derive(Clone, Default)]
pub struct Book(Arc<Inner>);

#[derive(Default)]
struct Inner {
    next: AtomicI64,
    made: Mutex<HashMap<i64, Made>>,
    /// Repeats with another answer than the first.
    torn: Mutex<Vec<String>>,
    repeats: AtomicU64,
    over: AtomicBool,
}

// === impl Book ===

impl Book {
    /// Returns a number for one call, and for no other.
    pub fn number(&self) -> i64 {
        self.0.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn note(&self, number: i64, tool: &'static str, exchange: &str, ended: Ended) {
        let made = Made { tool, exchange: exchange.to_owned(), ended };
        self.0.made.lock().unwrap().insert(number, made);
    }

    pub fn made(&self) -> HashMap<i64, Made> {
        self.0.made.lock().unwrap().clone()
    }

    pub fn torn(&self) -> Vec<String> {
        self.0.torn.lock().unwrap().clone()
    }

    pub fn repeats(&self) -> u64 {
        self.0.repeats.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// Calls `tool` for `tenant` until the end, one call at a time.
    pub async fn call_until_over(
        self,
        client: ExecutorClient<Channel>,
        digest: String,
        tenant: String,
        tool: &'static str,
    ) {
        while !self.is_over() {
            let number = self.number();
            let request = request(&digest, &tenant, tool, number);
            let ended = until_answered(&client, &request).await;
            self.note(number, tool, &request.exchange_id, ended.clone());
            // One in eight calls is repeated, as after a lost answer.
            if number % 8 == 0 && matches!(ended, Ended::Success(_)) {
                self.0.repeats.fetch_add(1, Ordering::Relaxed);
                let again = until_answered(&client, &request).await;
                if matches!(again, Ended::Success(_)) && again != ended {
                    self.0.torn.lock().unwrap().push(format!("{number}: {ended:?}, then {again:?}"));
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Returns a request with one call in an exchange of its own.
pub fn request(digest: &str, tenant: &str, tool: &str, number: i64) -> ExecuteRequest {
    let call = Call {
        id: format!("call_{number}"),
        tool: tool.to_owned(),
        arguments: format!("{{\"n\":{number}}}"),
        ..Call::default()
    };
    ExecuteRequest {
        contract_digest: digest.to_owned(),
        caller: Some(Caller { tenant: tenant.to_owned(), role: "clerk".to_owned(), ..Default::default() }),
        exchange_id: uuid::Uuid::new_v4().to_string(),
        round: 1,
        calls: vec![call],
        request_id: String::new(),
        ..ExecuteRequest::default()
    }
}

/// Sends a request once.
pub async fn once(client: &ExecutorClient<Channel>, request: &ExecuteRequest) -> Ended {
    let mut client = client.clone();
    let answer = match timeout(LIMIT, client.execute(request.clone())).await {
        Err(_) => return Ended::Unanswered(Code::DeadlineExceeded),
        Ok(Err(status)) => return Ended::Unanswered(status.code()),
        Ok(Ok(answer)) => answer.into_inner().outcomes,
    };
    match answer.into_iter().next().and_then(|outcome| outcome.outcome) {
        Some(Outcome::Success(success)) => Ended::Success(success.result),
        Some(Outcome::Failure(failure)) => Ended::Failed(failure.kind(), failure.violation_code, failure.approval_id),
        None => Ended::Unanswered(Code::Internal),
    }
}

/// Sends a request until an outcome other than "not now" comes.
async fn until_answered(client: &ExecutorClient<Channel>, request: &ExecuteRequest) -> Ended {
    let mut ended = Ended::Unanswered(Code::Unknown);
    for attempt in 0..ATTEMPTS {
        ended = once(client, request).await;
        match &ended {
            Ended::Success(_) => break,
            Ended::Failed(kind, ..) if *kind != FailureKind::Unavailable => break,
            Ended::Failed(..) | Ended::Unanswered(_) => tokio::time::sleep(Duration::from_millis(100 << attempt)).await,
        }
    }
    ended
}
