//! Who may use the HTTP side: tokens, each with a name and a role, known here by their digests only.
//!
//! ```text
//! # name  role      digest of the token
//! alice   approver  sha256:5e88489…
//! grafana viewer    sha256:0b14d50…
//! ```
//!
//! The file is read anew for every request, so that a token that is taken out of it counts no more, nor what it began.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::secret;
use crate::config;
use crate::state::StateError;
use crate::state::private;

/// In the state directory.
const FILE: &str = "http-token";
/// Whom the token belongs to that was made here.
const OPERATOR: &str = "operator";
/// A token that is shorter can be guessed, whoever listed it.
const TOKEN_BYTES_MIN: usize = 20;
const NAME_BYTES: usize = 64;
/// More than a token that was made here has.
const MADE_BYTES: u64 = 4 << 10;

/// Where the tokens are.
pub(super) enum Tokens {
    /// The token itself, readable by the executor's owner only.
    Made(PathBuf),
    Listed(config::SecretFile),
}

/// Who showed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) role: Role,
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
    /// Nobody could sign in.
    #[error("{path}: expected a token, found none; list one, or remove the file if the executor made it", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is not as it should be. It is not repeated: it may be a token.
    #[error(
        "{path}:{line}: expected a name, `viewer` or `approver`, and sha256: with 64 hexadecimal digits, such as the output \
         of: printf %s \"$TOKEN\" | sha256sum", path = path.display()
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
            config::Tokens::Listed(file) => Self::Listed(file.clone()),
            config::Tokens::Made => Self::Made(make(state_dir)?),
        };
        tokens.check()?;
        Ok(tokens)
    }

    /// Checks that the file can be used and holds a token.
    fn check(&self) -> Result<(), TokenError> {
        match (self, self.holders()?.as_slice()) {
            (Self::Listed(file), []) => Err(TokenError::Empty { path: file.path().to_owned() }),
            (Self::Made(_) | Self::Listed(_), _) => Ok(()),
        }
    }

    /// Who holds this token. Every digest is compared in the same time, and all of them are.
    pub(super) fn holder(&self, token: &str) -> Result<Option<Holder>, TokenError> {
        if token.len() < TOKEN_BYTES_MIN {
            return Ok(None);
        }
        self.with_digest(&Sha256::digest(token).into())
    }

    /// Who holds the token with this digest, if it still counts.
    pub(super) fn with_digest(&self, digest: &[u8; 32]) -> Result<Option<Holder>, TokenError> {
        let same = |holder: &Holder| bool::from(holder.digest.ct_eq(digest));
        Ok(self.holders()?.into_iter().fold(None, |found, holder| if same(&holder) { Some(holder) } else { found }))
    }

    fn holders(&self) -> Result<Vec<Holder>, TokenError> {
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
                Ok(vec![Holder { name: OPERATOR.to_owned(), role: Role::Approver, digest }])
            }
            Self::Listed(file) => {
                let path = file.path();
                let failed = |reason| TokenError::File { path: path.to_owned(), reason };
                private::check_listed(path)?;
                parse(path, &file.read().map_err(failed)?)
            }
        }
    }
}

/// Checks the tokens of a configuration, and makes none.
pub(super) fn check(config: &config::Tokens, state_dir: &Path) -> Result<(), TokenError> {
    let made = state_dir.join(FILE);
    match config {
        config::Tokens::Listed(file) => Tokens::Listed(file.clone()).check(),
        config::Tokens::Made if made.symlink_metadata().is_ok() => Tokens::Made(made).check(),
        config::Tokens::Made => Ok(()),
    }
}

fn make(state_dir: &Path) -> Result<PathBuf, TokenError> {
    private::folder(state_dir)?;
    let path = state_dir.join(FILE);
    let failed = |reason| TokenError::File { path: path.clone(), reason };
    match private::new_file(&path) {
        Ok(mut file) => {
            file.write_all(format!("{}\n", secret()).as_bytes()).map_err(failed)?;
            tracing::info!(file = %path.display(), "a token for the HTTP side was made; http.tokens lists your own");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Holder>, TokenError> {
    let mut holders: Vec<Holder> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || TokenError::Line { path: path.to_owned(), line: number };
        let holder = holder(line).ok_or_else(wrong)?;
        if holders.iter().any(|other| other.name == holder.name) {
            return Err(TokenError::Twice { path: path.to_owned(), line: number });
        }
        holders.push(holder);
    }
    Ok(holders)
}

fn holder(line: &str) -> Option<Holder> {
    let mut words = line.split_whitespace();
    let (name, role, digest) = (words.next()?, words.next()?, words.next()?);
    let role = match role {
        "viewer" => Role::Viewer,
        "approver" => Role::Approver,
        _ => return None,
    };
    let plain = name.len() <= NAME_BYTES && name.chars().all(|c| !c.is_control());
    let digest = bytes(digest.strip_prefix("sha256:")?)?;
    (plain && words.next().is_none()).then(|| Holder { name: name.to_owned(), role, digest })
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs: Vec<u8> = digits.chunks_exact(2).filter_map(|pair| Some((pair.first()? << 4) | pair.last()?)).collect();
    if digits.len() == 64 { pairs.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Holder>, String> {
        parse(Path::new("tokens"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_a_name_a_role_and_a_digest() {
        let digest = "0f".repeat(32);
        let text =
            format!("# who\n\nalice approver sha256:{digest}\n  bob  viewer\tsha256:{}\n", digest.to_uppercase());
        let holders = read(&text).unwrap();
        let role = |name: &str, role| Holder { name: name.into(), role, digest: [15; 32] };
        assert_eq!(holders, [role("alice", Role::Approver), role("bob", Role::Viewer)]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_repeated() {
        let digest = "0f".repeat(32);
        for line in [
            "s3cret-token-in-the-wrong-place".to_owned(),
            format!("alice admin sha256:{digest}"),
            format!("alice viewer {digest}"),
            format!("alice viewer sha256:{digest}00"),
            format!("alice viewer sha256:{digest} more"),
            format!("alice viewer sha256:{}", "zz".repeat(32)),
        ] {
            let error = read(&format!("# who\n{line}\n")).unwrap_err();
            assert!(error.starts_with("tokens:2: expected a name, ") && !error.contains(&line), "{error}");
        }
        let twice = format!("alice viewer sha256:{digest}\nalice approver sha256:{digest}\n");
        assert_eq!(read(&twice).unwrap_err(), "tokens:2: the name of another token");
    }
}
