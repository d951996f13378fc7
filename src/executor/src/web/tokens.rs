//! Who may use the HTTP side: tokens, each with a name and a role, known here by their digests only.
//!
//! Every request looks whether the file has changed, so that a token that is taken out of it counts no more, nor what it began.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::listed::Listed;
use super::secret;
use crate::approvals::Person;
use crate::config;
use crate::state::{self, StateError};

/// In the state directory.
const FILE: &str = "http-token";
/// Whom the token belongs to that was made here.
const OPERATOR: &str = "operator";
/// A token that is shorter can be guessed, whoever listed it.
const TOKEN_BYTES_MIN: usize = 20;
/// Nobody's token is longer, and hashing it would cost more than it should.
const TOKEN_BYTES_MAX: usize = 1024;

/// Where the tokens are.
pub(super) enum Tokens {
    /// The token itself, readable by the executor's owner only.
    Made(PathBuf),
    Listed(Listed),
}

/// Who showed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) role: Role,
    /// The tenants under which the person's own calls come.
    pub(super) tenants: Vec<String>,
    /// SHA-256 of the token.
    pub(super) digest: [u8; 32],
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Role {
    /// Look.
    Viewer,
    /// Look, and answer requests for approval.
    Approver,
}

/// Why tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The file cannot be read or made.
    #[error("{path}: cannot be used: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A line is not as it should be. It is not repeated: it may be a token.
    #[error(
        "{path}:{line}: expected a name, `viewer` or `approver`, and sha256: with 64 hexadecimal digits, such as the output \
         of: printf %s \"$TOKEN\" | sha256sum; then perhaps tenant= and a tenant's name", path = path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Answers could not be told apart.
    #[error("{path}:{line}: the name of another token", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

// === impl Tokens ===

impl Tokens {
    pub(super) fn open(config: &config::Tokens, state_dir: &Path) -> Result<Self, TokenError> {
        let tokens = match config {
            config::Tokens::Listed(file) => Self::Listed(Listed::new(file.clone())),
            config::Tokens::Made => Self::Made(make(state_dir)?),
        };
        tokens.holders()?;
        Ok(tokens)
    }

    /// Who holds this token. Every digest is compared in the same time, and all of them are.
    pub(super) fn holder(&self, token: &str) -> Result<Option<Holder>, TokenError> {
        if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Ok(None);
        }
        self.with_digest(&Sha256::digest(token).into())
    }

    /// Who holds the token with this digest, if it still counts.
    pub(super) fn with_digest(&self, digest: &[u8; 32]) -> Result<Option<Holder>, TokenError> {
        let same = |holder: &Holder| bool::from(holder.digest.ct_eq(digest));
        let holders = self.holders()?;
        Ok(holders.iter().fold(None, |found, holder| if same(holder) { Some(holder) } else { found }).cloned())
    }

    /// Everybody who may use the HTTP side.
    pub(super) fn holders(&self) -> Result<Arc<[Holder]>, TokenError> {
        match self {
            Self::Made(path) => {
                let failed = |reason| TokenError::File { path: path.clone(), reason };
                let token = std::fs::read_to_string(path).map_err(failed)?;
                let digest = Sha256::digest(token.trim_end()).into();
                let operator = Holder { name: OPERATOR.to_owned(), role: Role::Approver, tenants: Vec::new(), digest };
                Ok(Arc::new([operator]))
            }
            Self::Listed(listed) => listed.holders(),
        }
    }
}

fn make(state_dir: &Path) -> Result<PathBuf, TokenError> {
    state::private_folder(state_dir)?;
    let path = state_dir.join(FILE);
    let failed = |reason| TokenError::File { path: path.clone(), reason };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(format!("{}\n", secret()).as_bytes()).map_err(failed)?;
            tracing::info!(file = %path.display(), "a token for the HTTP side was made; http.tokens lists your own");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}

// === impl Holder ===

impl Holder {
    /// The person, as approvals know them.
    pub(super) fn person(&self) -> Person {
        Person { name: self.name.clone(), tenants: self.tenants.clone() }
    }
}
