//! Redis Streams: a live feed, and as much history as the stream keeps.
//!
//! The key is `<stream>:<executor>`. The entry of record 17 is `17-0` with the fields `record` and `hash`. A consumer
//! replays with `XRANGE key 17-0 +`, and follows with `XREAD BLOCK 0 STREAMS key 17-0`.

use std::net::IpAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamInfoStreamReply, StreamRangeReply};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, cmd};

use super::{Last, Sink, SinkError};
use crate::read::Stored;
use crate::settings::AuditRedis;

const CONNECT: Duration = Duration::from_secs(10);

/// A script stops at its first error. Single commands would continue, and leave out a record for good.
const DELIVER: &str = "
    for i = 3, #ARGV, 2 do
        local id = string.format('%.0f-0', tonumber(ARGV[2]) + (i - 3) / 2)
        if ARGV[1] == '' then
            redis.call('XADD', KEYS[1], id, 'record', ARGV[i], 'hash', ARGV[i + 1])
        else
            redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'record', ARGV[i], 'hash', ARGV[i + 1])
        end
    end
";

pub(super) struct Redis {
    config: AuditRedis,
    key: String,
}

// === impl Redis ===

impl Redis {
    pub(super) fn new(config: AuditRedis, executor: &str) -> Self {
        let key = format!("{}:{executor}", config.stream);
        Self { config, key }
    }

    /// Reads the secret each time: it may have changed.
    fn client(&self) -> Result<Client, SinkError> {
        let file = self.config.url.path().display().to_string();
        let text = self.config.url.read().map_err(|reason| SinkError::Secret { file: file.clone(), reason })?;
        // The parser's reason may repeat a part of the secret.
        let client = Client::open(text).map_err(|_| {
            SinkError::Address(format!(
                "{file}: expected an address such as redis://user:password@127.0.0.1:6379/0 or unix:///run/redis.sock"
            ))
        })?;
        let local = match client.get_connection_info().addr() {
            ConnectionAddr::Unix(_) => true,
            ConnectionAddr::Tcp(host, _) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
            }
            // TLS, which this client is built without, and any later scheme.
            _ => false,
        };
        if local || self.config.unencrypted {
            return Ok(client);
        }
        Err(SinkError::Address(format!(
            "{file}: the server is on another machine, and the connection to Redis has no TLS: put a TLS proxy on a loopback address, or set \
             audit.redis.unencrypted: true where the network is as trusted as this machine"
        )))
    }
}

impl Sink for Redis {
    const NAME: &'static str = "redis";
    type Connection = MultiplexedConnection;

    async fn connect(&self) -> Result<(MultiplexedConnection, Option<Last>), SinkError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        let client = self.client()?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)?;
        let there: bool = cmd("EXISTS").arg(&self.key).query_async(&mut connection).await.map_err(failed)?;
        if !there {
            return Ok((connection, None));
        }
        // Set even after all entries were trimmed: Redis refuses lower ids.
        let info: StreamInfoStreamReply =
            cmd("XINFO").arg("STREAM").arg(&self.key).query_async(&mut connection).await.map_err(failed)?;
        let seq = number(&info.last_generated_id);
        let newest: StreamRangeReply = cmd("XREVRANGE")
            .arg(&self.key)
            .arg(("+", "-", "COUNT", 1))
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let hash = newest.ids.first().filter(|entry| number(&entry.id) == seq);
        let hash = hash.and_then(|entry| entry.get::<String>("hash")?.parse().ok());
        Ok((connection, (seq > 0).then_some(Last { seq, hash })))
    }

    async fn deliver(&self, connection: &mut MultiplexedConnection, records: &[Stored]) -> Result<(), SinkError> {
        let Some(first) = records.first() else { return Ok(()) };
        let mut deliver = cmd("EVAL");
        deliver.arg(DELIVER).arg(1).arg(&self.key);
        deliver.arg(self.config.max_length.map(|max| max.to_string()).unwrap_or_default()).arg(first.seq);
        for record in records {
            deliver.arg(&record.text).arg(record.hash.to_string());
        }
        deliver.query_async::<()>(connection).await.map_err(failed)
    }
}

/// The record's number in an entry's id.
fn number(id: &str) -> u64 {
    id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

fn failed(error: RedisError) -> SinkError {
    SinkError::Failed(error.to_string())
}
