//! PostgreSQL: a table with one row a record, for as many executors as like.
//!
//! `record` is `json`, which keeps the text as it is: `sha256(convert_to(record::text, 'UTF8'))` is `hash`.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket, Statement};

use super::tls::Tls;
use super::{Last, Sink, SinkError};
use crate::audit::read::Stored;
use crate::audit::record::Hash;
use crate::config::AuditPostgres;

const CONNECT: Duration = Duration::from_secs(10);

pub(super) struct Postgres {
    config: AuditPostgres,
    executor: String,
}

/// A connection, and what is asked over it again and again.
pub(super) struct Connection {
    client: Client,
    insert: Statement,
}

// === impl Postgres ===

impl Postgres {
    pub(super) fn new(config: AuditPostgres, executor: &str) -> Self {
        Self { config, executor: executor.to_owned() }
    }

    /// Reads the secret each time: it may have been changed.
    async fn client(&self) -> Result<Client, SinkError> {
        let file = self.config.url.path().display().to_string();
        let text = self.config.url.read().map_err(|reason| SinkError::Secret { file: file.clone(), reason })?;
        // The parser's reason may repeat a part of what is secret.
        let mut config: Config = text.parse().map_err(|_| {
            SinkError::Address(format!(
                "{file}: expected an address such as postgres://user:password@host:5432/database"
            ))
        })?;
        config.application_name("callgate-executor").connect_timeout(CONNECT).tcp_user_timeout(CONNECT);
        match &self.config.ca {
            Some(ca) if !config.get_hosts().iter().all(is_socket) => {
                let tls = Tls::new(ca).map_err(SinkError::Address)?;
                connect(config.ssl_mode(SslMode::Require), tls).await
            }
            Some(_) | None if self.config.unencrypted || is_local(&config) => {
                connect(config.ssl_mode(SslMode::Disable), NoTls).await
            }
            Some(_) | None => Err(SinkError::Address(format!(
                "{file}: the server is on another machine: set audit.postgres.ca to the PEM file that its certificate chains to, \
                 or audit.postgres.unencrypted: true where the network is as trusted as this machine"
            ))),
        }
    }
}

impl Sink for Postgres {
    const NAME: &'static str = "postgres";
    type Connection = Connection;

    async fn connect(&self) -> Result<(Connection, Option<Last>), SinkError> {
        let client = self.client().await?;
        let table = &self.config.table;
        // Asked first: making a table that is there needs a right that its user may not have.
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[table]).await.map_err(failed)?;
        if !there.try_get::<_, bool>(0).map_err(failed)? {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} (executor text NOT NULL, seq bigint NOT NULL, record json NOT NULL, \
                 hash bytea NOT NULL, PRIMARY KEY (executor, seq))"
            );
            client.batch_execute(&create).await.map_err(failed)?;
        }
        let ask = format!("SELECT seq, hash FROM {table} WHERE executor = $1 ORDER BY seq DESC LIMIT 1");
        let last = client.query_opt(&ask, &[&self.executor]).await.map_err(failed)?;
        let last = last.map(|row| {
            let seq: i64 = row.try_get(0)?;
            let hash: Option<[u8; 32]> = row.try_get::<_, &[u8]>(1)?.try_into().ok();
            // What is no hash is not ours.
            Ok(Last { seq: u64::try_from(seq).unwrap_or(0), hash: Some(Hash(hash.unwrap_or_default())) })
        });
        let last = last.transpose().map_err(failed)?;
        let insert = format!(
            "INSERT INTO {table} (executor, seq, record, hash) \
             SELECT $1, seq, record::json, hash FROM unnest($2::bigint[], $3::text[], $4::bytea[]) AS one (seq, record, hash) \
             ON CONFLICT (executor, seq) DO NOTHING"
        );
        let insert = client.prepare(&insert).await.map_err(failed)?;
        Ok((Connection { client, insert }, last))
    }

    /// One statement is one transaction: all of them or none.
    async fn deliver(&self, connection: &mut Connection, records: &[Stored]) -> Result<(), SinkError> {
        // SQLite's own numbers end where PostgreSQL's do.
        let seqs: Vec<i64> = records.iter().filter_map(|record| i64::try_from(record.seq).ok()).collect();
        let texts: Vec<&str> = records.iter().map(|record| &*record.text).collect();
        let hashes: Vec<&[u8]> = records.iter().map(|record| &record.hash.0[..]).collect();
        connection
            .client
            .execute(&connection.insert, &[&self.executor, &seqs, &texts, &hashes])
            .await
            .map_err(failed)?;
        Ok(())
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<Client, SinkError>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await.map_err(failed)?;
    // Ends with the client. What broke it, the next question tells.
    tokio::spawn(connection);
    Ok(client)
}

/// Without what the server adds to its message, which may repeat values.
fn failed(error: tokio_postgres::Error) -> SinkError {
    use std::error::Error as _;

    SinkError::Failed(match (error.as_db_error(), error.source()) {
        (Some(error), _) => error.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    })
}

fn is_socket(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(_) => false,
    }
}

fn is_local(config: &Config) -> bool {
    let loopback = |address: &IpAddr| address.is_loopback();
    // Where addresses are given, names are not looked up.
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address| loopback(&address)),
    })
}
