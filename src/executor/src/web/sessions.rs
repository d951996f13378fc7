//! Sessions of the page: kept here, known to the browser by two random names.
//!
//! One is in a cookie that no script can read and no other site can have sent, the other is held by the page itself and sent as
//! a header. Only both together open anything: browsers send a cookie to every port of a host, so that another server on the
//! same machine may see it, and would otherwise have all that the page has.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::secret;
use super::tokens::Holder;

/// A working day; then the token is asked for again.
pub(super) const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
/// The header that only the page itself can send.
pub(super) const HEADER: &str = "x-callgate-session";
/// Sessions of one name at once. Its oldest ends for one more, and nobody else's.
const SESSIONS: usize = 16;

/// The sessions of this process; they end with it.
pub(super) struct Sessions {
    cookie: Cookie,
    /// By the digest of the cookie's value, so that looking one up tells nothing of how close a guess was.
    open: Mutex<HashMap<[u8; 32], Session>>,
}

#[derive(Clone, Copy)]
enum Cookie {
    /// Only ever sent over TLS, and never to another host.
    Secure,
    Plain,
}

struct Session {
    /// Whose it is. There are no more names than the token file has.
    name: String,
    /// Digest of the header's value.
    header: [u8; 32],
    /// Digest of the token that opened it.
    token: [u8; 32],
    began: Instant,
}

/// What a browser needs of a session that was opened for it.
pub(super) struct Opened {
    /// For `set-cookie`.
    pub(super) cookie: HeaderValue,
    /// For the page to send in [`HEADER`].
    pub(super) header: String,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(tls: bool) -> Self {
        Self { cookie: if tls { Cookie::Secure } else { Cookie::Plain }, open: Mutex::default() }
    }

    pub(super) fn begin(&self, holder: &Holder) -> Option<Opened> {
        let (value, header) = (secret(), secret());
        let name = holder.name.clone();
        let session = Session { name, header: digest(&header), token: holder.digest, began: Instant::now() };
        let mut open = self.open();
        open.retain(|_, session| session.began.elapsed() < LIFETIME);
        let own = |(_, session): &(&[u8; 32], &Session)| session.name == holder.name;
        if open.iter().filter(own).count() >= SESSIONS {
            let oldest = open.iter().filter(own).min_by_key(|(_, session)| session.began).map(|(cookie, _)| *cookie);
            oldest.and_then(|cookie| open.remove(&cookie));
        }
        open.insert(digest(&value), session);
        Some(Opened { cookie: self.cookie.set(&value)?, header })
    }

    /// The digest of the token that opened the session that both names name.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let value = self.cookie.value(headers)?;
        let header = digest(headers.get(HEADER)?.to_str().ok()?);
        let open = self.open();
        let session = open.get(&digest(value))?;
        let whole = bool::from(session.header.ct_eq(&header)) && session.began.elapsed() < LIFETIME;
        whole.then_some(session.token)
    }

    /// Whether a session is named, be it one that is open.
    pub(super) fn is_named(&self, headers: &HeaderMap) -> bool {
        self.cookie.value(headers).is_some()
    }

    /// Ends a session; the answer is for `set-cookie`.
    pub(super) fn end(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let value = self.cookie.value(headers)?;
        self.open().remove(&digest(value));
        self.cookie.clear()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // Nothing between two of its changes can panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

// === impl Cookie ===

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-callgate",
            Self::Plain => "callgate",
        }
    }

    const fn more(self) -> &'static str {
        match self {
            Self::Secure => "; Secure",
            Self::Plain => "",
        }
    }

    fn set(self, value: &str) -> Option<HeaderValue> {
        self.write(value, LIFETIME.as_secs())
    }

    fn clear(self) -> Option<HeaderValue> {
        self.write("", 0)
    }

    fn write(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let (name, more) = (self.name(), self.more());
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{more}");
        HeaderValue::try_from(text).ok()
    }

    fn value(self, headers: &HeaderMap) -> Option<&str> {
        let pairs =
            headers.get_all(COOKIE).into_iter().filter_map(|text| text.to_str().ok()).flat_map(|text| text.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .map(|(_, value)| value)
    }
}
