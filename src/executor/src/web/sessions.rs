//! Sessions of the page: kept here, known to the browser by two random names.
//!
//! A cookie holds one name: no script can read it and no other site can send it. The page itself holds the other and
//! sends it as a header. A session needs both: browsers send a cookie to every port of a host, so another server on the
//! same machine may see it. The cookie alone must not open the session.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::secret;
use super::tokens::Holder;

/// The lifetime of a session: one working day. Then the page asks for the token again.
pub(super) const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
/// The header only the page itself can send.
pub(super) const HEADER: &str = "x-callgate-session";
/// The maximum sessions of one name. One more ends the oldest of the same name.
const SESSIONS: usize = 16;

/// The sessions of this process; they end with it.
pub(super) struct Sessions {
    cookie: Cookie,
    /// Keyed by the digest of the cookie's value, so a lookup does not reveal how close a guess was.
    open: Mutex<HashMap<[u8; 32], Session>>,
}

#[derive(Clone, Copy)]
enum Cookie {
    /// The cookie is sent over TLS only, and never to another host.
    Secure,
    Plain,
}

struct Session {
    /// The holder's name. The token file bounds the number of names.
    name: String,
    /// The digest of the header's value.
    header: [u8; 32],
    /// The digest of the token behind the session.
    token: [u8; 32],
    began: Instant,
}

/// The two values a browser needs for a new session.
pub(super) struct Opened {
    /// The value of `set-cookie`.
    pub(super) cookie: HeaderValue,
    /// The value the page sends in [`HEADER`].
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

    /// Returns the digest of the token behind the session both names identify.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let value = self.cookie.value(headers)?;
        let header = digest(headers.get(HEADER)?.to_str().ok()?);
        let open = self.open();
        let session = open.get(&digest(value))?;
        let whole = bool::from(session.header.ct_eq(&header)) && session.began.elapsed() < LIFETIME;
        whole.then_some(session.token)
    }

    /// Returns true if a request names a session, open or not.
    pub(super) fn is_named(&self, headers: &HeaderMap) -> bool {
        self.cookie.value(headers).is_some()
    }

    /// Ends a session; returns the value of `set-cookie`.
    pub(super) fn end(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let value = self.cookie.value(headers)?;
        self.open().remove(&digest(value));
        self.cookie.clear()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // Nothing panics between two changes.
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
