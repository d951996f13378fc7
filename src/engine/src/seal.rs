//! Seals of the texts that a client carries for the gate from one request to the next. The gate keeps nothing in between.
//!
//! A seal is an HMAC-SHA-256 (RFC 2104) over its purpose, the bearer and the text. The bearer is not in the text. So for another caller, at
//! another path or under another contract the same text has another seal, and cannot be told from a changed one. A seal hides nothing: a
//! client can read the text.
//!
//! Not covered: a client may show a text again as often as it likes. A purpose that must not be repeated needs a state elsewhere.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use callgate_contract::{Caller, Contract};
use sha2::{Digest, Sha256};

use crate::headers::{Headers, single};

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;
/// The least bytes of a key, as many as the hash has.
const LEAST_BYTES: usize = 32;
/// The maximum keys: one in use, and those of earlier.
const MOST_KEYS: usize = 4;

/// The keys of seals. The first one seals, each one opens, so a key can be replaced while texts are under way.
pub struct SealingKeys(Vec<[u8; BLOCK]>);

/// A fault of the list of keys. It never has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No keys, or too many.
    #[error("expected 1 to {MOST_KEYS} keys: the one in use first, then earlier ones")]
    Count,
    /// A text that cannot be a key.
    #[error(
        "expected key {position} to be {LEAST_BYTES} to {BLOCK} bytes in base64; create one with `openssl rand -base64 32`"
    )]
    Key {
        /// The key, counted from 0.
        position: usize,
    },
}

/// The caller, the address and the contract of a request, as one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bearer([u8; 32]);

/// The purpose of a sealed text. A text of one purpose is nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The handle of a task.
    Task,
    /// The state of a retry.
    State,
}

// === impl SealingKeys ===

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealingKeys").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl SealingKeys {
    /// Reads keys in base64, each of 32 to 64 bytes.
    ///
    /// # Errors
    /// [`KeyError`] for no key, more than four keys, and a text of another form or length.
    pub fn read<T: AsRef<str>>(texts: &[T]) -> Result<Self, KeyError> {
        if texts.is_empty() || texts.len() > MOST_KEYS {
            return Err(KeyError::Count);
        }
        let key = |(position, text): (usize, &T)| {
            let bytes = STANDARD.decode(text.as_ref().trim()).map_err(|_| KeyError::Key { position })?;
            let mut key = [0; BLOCK];
            let place = key.get_mut(..bytes.len()).filter(|_| bytes.len() >= LEAST_BYTES);
            place.ok_or(KeyError::Key { position })?.copy_from_slice(&bytes);
            Ok(key)
        };
        texts.iter().enumerate().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the seal of a text, in base64 for addresses.
    pub(crate) fn seal(&self, purpose: Purpose, parts: &[&[u8]]) -> String {
        let seal = self.0.first().map(|key| hmac(key, purpose, parts)).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(seal)
    }

    /// Returns true if this is the seal of a text, under one of the keys. It takes as long for a seal that is almost right.
    pub(crate) fn is_seal(&self, seal: &str, purpose: Purpose, parts: &[&[u8]]) -> bool {
        let mut given = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(seal, &mut given) {
            Ok(32) => self.0.iter().any(|key| {
                let own = hmac(key, purpose, parts);
                own.iter().zip(given).fold(0, |differences, (own, given)| differences | (own ^ given)) == 0
            }),
            Ok(_) | Err(_) => false,
        }
    }
}

// === impl Bearer ===

impl Bearer {
    /// Returns the bearer of a request. Another host, path, tenant, role or claim is another bearer, and another version of the contract is not.
    pub(crate) fn of(contract: &Contract, caller: &Caller, headers: &Headers<'_>) -> Self {
        let path = single(headers, ":path").unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let mut hash = Sha256::new();
        let mut add = |part: &str| update(&mut hash, part.as_bytes());
        add(contract.name());
        add(single(headers, ":authority").unwrap_or_default());
        add(path);
        add(&caller.tenant);
        add(&caller.role);
        for (name, claim) in caller.claims.iter() {
            add(name);
            add(&callgate_json::canonical(claim));
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Returns one hash of parts.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| update(&mut hash, part));
    hash.finalize().into()
}

/// Adds a part after its length, so that no two lists of parts are the same bytes.
fn update(hash: &mut Sha256, part: &[u8]) {
    hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(part);
}

fn hmac(key: &[u8; BLOCK], purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
    let label: &[u8] = match purpose {
        Purpose::Task => b"callgate task 1",
        Purpose::State => b"callgate state 1",
    };
    mac(key, |hash| {
        update(hash, label);
        parts.iter().for_each(|part| update(hash, part));
    })
}

/// RFC 2104 with a key that fills its block with zeros.
fn mac(key: &[u8; BLOCK], message: impl FnOnce(&mut Sha256)) -> [u8; 32] {
    let mut inner = Sha256::new();
    inner.update(key.map(|byte| byte ^ 0x36));
    message(&mut inner);
    let mut outer = Sha256::new();
    outer.update(key.map(|byte| byte ^ 0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 1 and 2.
    #[test]
    fn seals_are_hmac_sha256() {
        for (key, data, expected) in [
            (&[0x0b; 20][..], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let mut block = [0; BLOCK];
            block[..key.len()].copy_from_slice(key);
            let found = mac(&block, |hash| hash.update(data));
            assert_eq!(found.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
        }
    }

    #[test]
    fn a_seal_is_of_one_purpose_and_one_list_of_parts() {
        let key = STANDARD.encode([7; 32]);
        let keys = SealingKeys::read(&[&key]).unwrap();
        let seal = keys.seal(Purpose::Task, &[b"ab", b"c"]);
        assert!(keys.is_seal(&seal, Purpose::Task, &[b"ab", b"c"]));
        assert!(!keys.is_seal(&seal, Purpose::State, &[b"ab", b"c"]));
        assert!(!keys.is_seal(&seal, Purpose::Task, &[b"a", b"bc"]));
        assert!(!keys.is_seal("", Purpose::Task, &[b"ab", b"c"]));
        assert!(!keys.is_seal(&"A".repeat(1 << 20), Purpose::Task, &[b"ab", b"c"]));
        let newer = SealingKeys::read(&[STANDARD.encode([8; 64]), key]).unwrap();
        assert!(newer.is_seal(&seal, Purpose::Task, &[b"ab", b"c"]), "an earlier key opens");
        assert_ne!(newer.seal(Purpose::Task, &[b"ab", b"c"]), seal, "the first key seals");
        assert!(!format!("{newer:?}").contains('8'), "{newer:?}");
    }

    #[test]
    fn a_short_or_long_key_is_refused() {
        let table = [STANDARD.encode([7; 31]), STANDARD.encode([7; 65]), "not base64!".to_owned(), String::new()];
        for text in table {
            assert_eq!(SealingKeys::read(&[&text]).unwrap_err(), KeyError::Key { position: 0 }, "{text}");
        }
        assert_eq!(SealingKeys::read::<&str>(&[]).unwrap_err(), KeyError::Count);
    }
}
