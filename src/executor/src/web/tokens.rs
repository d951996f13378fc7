//! The tokens of the HTTP server. Each has a name and a role; the executor keeps only its digest.
//!
//! Each request checks if the file has changed. A removed token loses its effect at once, as does every session it
//! opened.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::secret;
use super::settings::Tokens;
use super::token_file::TokenFile;
use callgate_approvals::Person;
use callgate_state::StateError;
use callgate_state::private;

/// The file's name in the state directory.
const FILE: &str = "http-token";
/// The holder of a token made here.
const OPERATOR: &str = "operator";
/// The minimum length: a shorter token can be guessed.
const TOKEN_BYTES_MIN: usize = 20;
/// The maximum length: hashing a longer text would cost too much.
const TOKEN_BYTES_MAX: usize = 1024;
/// The maximum length of the file with a token made here.
const MADE_BYTES: u64 = 4 << 10;

/// The place of the tokens.
pub(super) enum TokenStore {
    /// A file with the token itself, readable by the executor's owner only.
    Made(PathBuf),
    Listed(TokenFile),
}

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) role: Role,
    /// The tenants of the person's own calls.
    pub(super) tenants: Vec<String>,
    /// The SHA-256 of the token.
    pub(super) digest: [u8; 32],
}

/// The rights of a token's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Role {
    /// Reads.
    Viewer,
    /// Reads, and answers requests for approval.
    Approver,
}

/// The reason tokens cannot be used.
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
    /// The file has no token, so nobody could sign in.
    #[error("{path}: no token (the whole file); list one, or remove the file if the executor made it", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is malformed. It is not repeated: it may be a token.
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
    /// Two lines share a name or a digest, so answers could not be attributed.
    #[error("{path}:{line}: this name has another token already; give each token its own name", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

// === impl TokenStore ===

impl TokenStore {
    pub(super) fn open(config: &Tokens, state_dir: &Path) -> Result<Self, TokenError> {
        let tokens = match config {
            Tokens::Listed(file) => Self::Listed(TokenFile::new(file.clone())),
            Tokens::Made => Self::Made(make(state_dir)?),
        };
        tokens.check()?;
        Ok(tokens)
    }

    /// Checks that the file can be used and holds a token.
    fn check(&self) -> Result<(), TokenError> {
        match (self, &*self.holders()?) {
            (Self::Listed(listed), []) => Err(TokenError::Empty { path: listed.path().to_owned() }),
            (Self::Made(_) | Self::Listed(_), _) => Ok(()),
        }
    }

    /// Returns the holder of this token. All digests are compared, in constant time.
    pub(super) fn holder(&self, token: &str) -> Result<Option<Holder>, TokenError> {
        if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Ok(None);
        }
        self.with_digest(&Sha256::digest(token).into())
    }

    /// Returns the holder of the token with this digest, if it is still valid.
    pub(super) fn with_digest(&self, digest: &[u8; 32]) -> Result<Option<Holder>, TokenError> {
        let same = |holder: &Holder| bool::from(holder.digest.ct_eq(digest));
        let holders = self.holders()?;
        Ok(holders.iter().fold(None, |found, holder| if same(holder) { Some(holder) } else { found }).cloned())
    }

    /// Returns all persons with a token.
    pub(super) fn holders(&self) -> Result<Arc<[Holder]>, TokenError> {
        match self {
            Self::Made(path) => {
                let failed = |reason| TokenError::File { path: path.clone(), reason };
                let mut text = String::new();
                private::read(path)?.take(MADE_BYTES).read_to_string(&mut text).map_err(failed)?;
                let token = text.trim_end();
                // A full disk can leave the file empty.
                if token.len() < TOKEN_BYTES_MIN {
                    return Err(TokenError::Empty { path: path.clone() });
                }
                let digest = Sha256::digest(token).into();
                let operator = Holder { name: OPERATOR.to_owned(), role: Role::Approver, tenants: Vec::new(), digest };
                Ok(Arc::new([operator]))
            }
            Self::Listed(listed) => listed.holders(),
        }
    }
}

/// Checks the tokens of a configuration without creating any.
pub(super) fn check(config: &Tokens, state_dir: &Path) -> Result<(), TokenError> {
    let made = state_dir.join(FILE);
    match config {
        Tokens::Listed(file) => TokenStore::Listed(TokenFile::new(file.clone())).check(),
        Tokens::Made if made.symlink_metadata().is_ok() => TokenStore::Made(made).check(),
        Tokens::Made => Ok(()),
    }
}

fn make(state_dir: &Path) -> Result<PathBuf, TokenError> {
    private::folder(state_dir)?;
    let path = state_dir.join(FILE);
    let failed = |reason| TokenError::File { path: path.clone(), reason };
    match private::new_file(&path) {
        Ok(mut file) => {
            file.write_all(format!("{}\n", secret()).as_bytes()).map_err(failed)?;
            tracing::info!(file = %path.display(), "created a token for the HTTP server; set http.tokens to use your own");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}

// === impl Holder ===

impl Holder {
    /// Returns the person as approvals know them.
    pub(super) fn person(&self) -> Person {
        Person { name: self.name.clone(), tenants: self.tenants.clone() }
    }
}
