//! The tables and the queries.
//!
//! `callgate_clock` is the time that ages calls. Each sign of life advances it: by the database's clock since the last
//! one, but by no more than the executor itself waited. So it stands still while no executor runs, and a jump of the
//! database's clock moves it by a few seconds at most. Leases follow the database's clock itself. After a jump forward,
//! running calls become unknown too early; after a jump back, a repeat waits longer. Neither runs a call twice.

use tokio_postgres::{Client, Error, Statement};

/// Made only if missing, so an account without the right to make tables can use existing ones. The lock keeps two
/// starting executors from making them twice.
pub(super) const TABLES: &str = "
    DO $$ BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('callgate_calls'));
        IF to_regclass('callgate_calls') IS NULL THEN
            CREATE TABLE callgate_executors (id text PRIMARY KEY, until timestamptz NOT NULL);
            CREATE TABLE callgate_calls (
                tenant text NOT NULL,
                exchange_id text NOT NULL,
                round bigint NOT NULL,
                position bigint NOT NULL,
                what bytea NOT NULL,
                -- 0 runs, 1 has ended, 2 was left by an executor that ended
                state smallint NOT NULL DEFAULT 0,
                owner text NOT NULL,
                begun timestamptz NOT NULL DEFAULT clock_timestamp(),
                outcome bytea,
                PRIMARY KEY (exchange_id, round, position, tenant)
            );
            CREATE INDEX callgate_calls_begun ON callgate_calls (begun);
            CREATE INDEX callgate_calls_open ON callgate_calls (owner) WHERE state <> 1;
        END IF;
        IF NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = to_regclass('callgate_calls') AND attname = 'contract' AND NOT attisdropped
        ) THEN
            -- Executors of the version before go on writing rows without them.
            ALTER TABLE callgate_calls
                ADD COLUMN tool text NOT NULL DEFAULT '',
                ADD COLUMN role text NOT NULL DEFAULT '',
                ADD COLUMN contract text NOT NULL DEFAULT '';
        END IF;
        IF to_regclass('callgate_clock') IS NULL THEN
            CREATE TABLE callgate_clock (
                one boolean PRIMARY KEY DEFAULT true CHECK (one),
                now timestamptz NOT NULL,
                seen timestamptz NOT NULL
            );
        END IF;
    END $$";

/// Prepared once for each connection.
pub(super) struct Statements {
    pub(super) begin: Statement,
    pub(super) look: Statement,
    pub(super) finish: Statement,
    pub(super) take_back: Statement,
    pub(super) take_over: Statement,
    pub(super) left: Statement,
    pub(super) renew: Statement,
    pub(super) advance: Statement,
    pub(super) prune: Statement,
    pub(super) prune_executors: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            begin: client
                .prepare(
                    "INSERT INTO callgate_calls
                         (exchange_id, round, position, tenant, owner, what, tool, role, contract, begun)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
                         coalesce((SELECT now FROM callgate_clock), clock_timestamp()))
                     ON CONFLICT DO NOTHING",
                )
                .await?,
            look: client
                .prepare(
                    "SELECT what, state, outcome, EXISTS (
                         SELECT FROM callgate_executors
                         WHERE id = owner AND id <> $5 AND until > clock_timestamp()
                     )
                     FROM callgate_calls WHERE exchange_id = $1 AND round = $2 AND position = $3 AND tenant = $4",
                )
                .await?,
            finish: client
                .prepare(
                    "UPDATE callgate_calls SET state = 1, outcome = $6
                     WHERE exchange_id = $1 AND round = $2 AND position = $3 AND tenant = $4
                     AND owner = $5 AND state <> 1",
                )
                .await?,
            take_back: client
                .prepare(
                    "DELETE FROM callgate_calls
                     WHERE exchange_id = $1 AND round = $2 AND position = $3 AND tenant = $4
                     AND owner = $5 AND state = 0",
                )
                .await?,
            take_over: client
                .prepare(
                    "UPDATE callgate_calls SET state = 2, owner = $1
                     WHERE state <> 1 AND owner <> $1 AND NOT EXISTS (
                         SELECT FROM callgate_executors WHERE id = owner AND until > clock_timestamp()
                     )",
                )
                .await?,
            left: client
                .prepare(
                    "SELECT exchange_id, round, position, tenant, begun, what, tool, role, contract
                     FROM callgate_calls WHERE state = 2 AND owner = $1 ORDER BY begun",
                )
                .await?,
            renew: client
                .prepare(
                    "INSERT INTO callgate_executors (id, until)
                     VALUES ($1, clock_timestamp() + make_interval(secs => $2))
                     ON CONFLICT (id) DO UPDATE SET until = excluded.until",
                )
                .await?,
            advance: client
                .prepare(
                    "INSERT INTO callgate_clock AS clock (now, seen) VALUES (clock_timestamp(), clock_timestamp())
                     ON CONFLICT (one) DO UPDATE SET
                         now = clock.now
                             + least(greatest(excluded.seen - clock.seen, interval '0'), make_interval(secs => $1)),
                         seen = excluded.seen",
                )
                .await?,
            prune: client
                .prepare(
                    "DELETE FROM callgate_calls WHERE ctid IN (
                         SELECT ctid FROM callgate_calls
                         WHERE begun < (SELECT now FROM callgate_clock) - make_interval(secs => $1) AND state <> 0
                         ORDER BY begun LIMIT 10000
                     )",
                )
                .await?,
            prune_executors: client
                .prepare("DELETE FROM callgate_executors WHERE until < clock_timestamp() - interval '1 day'")
                .await?,
        })
    }
}
