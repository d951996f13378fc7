//! People: one approves waiting calls, one reads the log, both over the HTTP side.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use callgate_proto::executor::v1::executor_client::ExecutorClient;
use serde_json::Value;
use tonic::transport::Channel;

use crate::http;
use crate::load::{Book, Ended, once, request};

/// Makes a call that needs approval, approves it, and makes it again, until the end.
pub async fn approve(client: ExecutorClient<Channel>, address: SocketAddr, token: PathBuf, digest: String, book: Book) {
    let bearer = format!("authorization: Bearer {}\r\n", std::fs::read_to_string(token).unwrap().trim());
    while !book.is_over() {
        let number = book.number();
        let first = request(&digest, "approved", "ask", number);
        let asked = once(&client, &first).await;
        if let Ended::Failed(_, code, id) = &asked
            && code == "approval_required"
        {
            let path = format!("/api/v1/approvals/{id}/approve");
            let answered = http::post(address, &path, &bearer, "{}").await;
            if answered.is_some_and(|(status, _)| status == 200) {
                let second = request(&digest, "approved", "ask", number);
                let ended = once(&client, &second).await;
                book.note(number, "ask", &second.exchange_id, ended);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads the end of the log until the end of the siege; returns the number of answered reads.
pub async fn read(address: SocketAddr, token: PathBuf, book: Book) -> u32 {
    let bearer = format!("authorization: Bearer {}\r\n", std::fs::read_to_string(token).unwrap().trim());
    let mut answered = 0;
    while !book.is_over() {
        if let Some((200, body)) = http::get(address, "/api/v1/audit?limit=50", &bearer).await {
            let _: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
            answered += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    answered
}
