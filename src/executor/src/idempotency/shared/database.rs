//! The connection: replaced when it breaks, and waited for only a moment.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::super::{CallIdentity, Key, OnceError, Orphan};
use super::Found;
use super::statements::{Statements, TABLES};
use callgate_settings::postgres::PostgresLink;
use callgate_settings::postgres::{self, PostgresError};

/// The timeout of one query, a new connection included. A call waits no longer before it is refused.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a failed connection before the next one.
const PAUSE: Duration = Duration::from_millis(500);

const ENDED: i16 = 1;
const RUNNING: i16 = 0;

pub(super) struct Database {
    link: PostgresLink,
    state: tokio::sync::Mutex<ConnectionState>,
}

enum ConnectionState {
    Down { since: Option<(Instant, OnceError)> },
    Up(Arc<Open>),
}

struct Open {
    client: Client,
    statements: Statements,
}

// === impl Database ===

impl Database {
    pub(super) fn new(link: PostgresLink) -> Self {
        Self { link, state: tokio::sync::Mutex::new(ConnectionState::Down { since: None }) }
    }

    /// Begins a call. Calls `asked` before anything is sent: from then on the database may have the call.
    pub(super) async fn begin(
        &self,
        me: &str,
        key: &Key,
        call: &CallIdentity,
        asked: impl FnOnce(),
    ) -> Result<Found, OnceError> {
        let Key { exchange_id, tenant, .. } = key;
        let (round, position, what) = (i64::from(key.round), i64::from(key.position), &call.digest[..]);
        let CallIdentity { tool, role, contract_digest, .. } = call;
        self.with(async move |open: Arc<Open>| {
            asked();
            let whole: [&(dyn ToSql + Sync); 9] =
                [exchange_id, &round, &position, tenant, &me, &what, tool, role, contract_digest];
            let named: [&(dyn ToSql + Sync); 5] = [exchange_id, &round, &position, tenant, &me];
            loop {
                if open.client.execute(&open.statements.begin, &whole).await? == 1 {
                    return Ok(Found::Fresh);
                }
                // Missing again if its beginner has taken it back meanwhile.
                let Some(row) = open.client.query_opt(&open.statements.look, &named).await? else { continue };
                let (state, runs): (i16, bool) = (row.try_get(1)?, row.try_get(3)?);
                return Ok(if row.try_get::<_, &[u8]>(0)? != what {
                    Found::Other
                } else if state == ENDED {
                    Found::Done(row.try_get(2)?)
                } else if state == RUNNING && runs {
                    Found::Running
                } else {
                    Found::Left
                });
            }
        })
        .await
    }

    pub(super) async fn finish(&self, me: &str, key: &Key, outcome: &[u8]) -> Result<bool, OnceError> {
        let (round, position) = (i64::from(key.round), i64::from(key.position));
        self.with(async |open: Arc<Open>| {
            let values: [&(dyn ToSql + Sync); 6] = [&key.exchange_id, &round, &position, &key.tenant, &me, &outcome];
            Ok(open.client.execute(&open.statements.finish, &values).await? == 1)
        })
        .await
    }

    pub(super) async fn take_back(&self, me: &str, key: &Key) -> Result<(), OnceError> {
        let (round, position) = (i64::from(key.round), i64::from(key.position));
        self.with(async |open: Arc<Open>| {
            let values: [&(dyn ToSql + Sync); 5] = [&key.exchange_id, &round, &position, &key.tenant, &me];
            open.client.execute(&open.statements.take_back, &values).await.map(drop)
        })
        .await
    }

    /// Takes over the calls of ended executors, and returns all taken over but not reported yet.
    pub(super) async fn left(&self, me: &str) -> Result<Vec<Orphan>, OnceError> {
        self.with(async |open: Arc<Open>| {
            open.client.execute(&open.statements.take_over, &[&me]).await?;
            let rows = open.client.query(&open.statements.left, &[&me]).await?;
            rows.iter()
                .map(|row| {
                    let number = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
                    let key = Key {
                        exchange_id: row.try_get(0)?,
                        round: number(row.try_get(1)?),
                        position: number(row.try_get(2)?),
                        tenant: row.try_get(3)?,
                    };
                    let digest = row.try_get::<_, &[u8]>(5)?.try_into().unwrap_or_default();
                    let what = CallIdentity {
                        digest,
                        tool: row.try_get(6)?,
                        role: row.try_get(7)?,
                        contract_digest: row.try_get(8)?,
                    };
                    Ok(Orphan { key, what, begun: row.try_get(4)? })
                })
                .collect()
        })
        .await
    }

    /// Renews the lease. `waited` is the time since the last sign of life, by this machine's clock.
    pub(super) async fn renew(&self, me: &str, lease: Duration, waited: Duration) -> Result<(), OnceError> {
        let (lease, waited) = (lease.as_secs_f64(), waited.as_secs_f64());
        self.with(async |open: Arc<Open>| {
            open.client.execute(&open.statements.renew, &[&me, &lease]).await?;
            open.client.execute(&open.statements.advance, &[&waited]).await.map(drop)
        })
        .await
    }

    pub(super) async fn prune(&self, keep: Duration) -> Result<(), OnceError> {
        let keep = keep.as_secs_f64();
        self.with(async |open: Arc<Open>| {
            open.client.execute(&open.statements.prune, &[&keep]).await?;
            open.client.execute(&open.statements.prune_executors, &[]).await.map(drop)
        })
        .await
    }

    /// Runs a query, connecting first if necessary.
    async fn with<T, F>(&self, ask: impl FnOnce(Arc<Open>) -> F) -> Result<T, OnceError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let asked = async {
            let open = self.open().await?;
            ask(open).await.map_err(|error| unavailable(&error))
        };
        match tokio::time::timeout(TIMEOUT, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                // The connection may hang for good: the next query gets another.
                *self.state.lock().await = ConnectionState::Down { since: None };
                Err(OnceError::Unavailable(format!("the database did not answer within {TIMEOUT:?}")))
            }
        }
    }

    async fn open(&self) -> Result<Arc<Open>, OnceError> {
        let mut state = self.state.lock().await;
        match &*state {
            ConnectionState::Up(open) if !open.client.is_closed() => return Ok(Arc::clone(open)),
            ConnectionState::Down { since: Some((since, error)) } if since.elapsed() < PAUSE => {
                return Err(error.clone());
            }
            ConnectionState::Up(_) | ConnectionState::Down { .. } => {}
        }
        match connect(&self.link).await {
            Ok(open) => {
                let open = Arc::new(open);
                *state = ConnectionState::Up(Arc::clone(&open));
                Ok(open)
            }
            Err(error) => {
                *state = ConnectionState::Down { since: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }
}

async fn connect(link: &PostgresLink) -> Result<Open, OnceError> {
    let client = postgres::connect(link).await.map_err(|error| match error {
        PostgresError::Failed(reason) => OnceError::Unavailable(format!("the database: {reason}")),
        error => OnceError::Unavailable(error.to_string()),
    })?;
    client.batch_execute(TABLES).await.map_err(|error| unavailable(&error))?;
    let statements = Statements::prepare(&client).await.map_err(|error| unavailable(&error))?;
    Ok(Open { client, statements })
}

fn unavailable(error: &tokio_postgres::Error) -> OnceError {
    OnceError::Unavailable(format!("the database: {}", postgres::reason(error)))
}
