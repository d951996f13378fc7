//! PostgreSQL: a table with one row for each record, shared by any number of executors.
//!
//! `record` is `json`, which keeps the text unchanged: `sha256(convert_to(record::text, 'UTF8'))` is `hash`.

use tokio_postgres::{Client, Statement};

use super::{Last, Sink, SinkError};
use crate::read::Stored;
use crate::record::Hash;
use crate::settings::AuditPostgres;
use callgate_settings::postgres::{self, PostgresError};

pub(super) struct Postgres {
    config: AuditPostgres,
    executor: String,
}

/// A connection and its prepared statements.
pub(super) struct Connection {
    client: Client,
    insert: Statement,
}

// === impl Postgres ===

impl Postgres {
    pub(super) fn new(config: AuditPostgres, executor: &str) -> Self {
        Self { config, executor: executor.to_owned() }
    }
}

impl Sink for Postgres {
    const NAME: &'static str = "postgres";
    type Connection = Connection;

    async fn connect(&self) -> Result<(Connection, Option<Last>), SinkError> {
        let client = postgres::connect(&self.config.link()).await?;
        let table = &self.config.table;
        // Asked first: `CREATE TABLE` needs a right its user may lack, even if the table exists.
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
            // Another program wrote it.
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
        // SQLite and PostgreSQL have the same largest integer.
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

fn failed(error: tokio_postgres::Error) -> SinkError {
    SinkError::Failed(postgres::reason(&error))
}

// === impl SinkError ===

impl From<PostgresError> for SinkError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Unreadable { file, reason } => Self::Secret { file, reason },
            PostgresError::Failed(reason) => Self::Failed(reason),
            error @ (PostgresError::NoAddress { .. } | PostgresError::Plaintext { .. } | PostgresError::Ca(_)) => {
                Self::Address(error.to_string())
            }
        }
    }
}
