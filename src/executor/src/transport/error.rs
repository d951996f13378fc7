//! The reasons a port cannot be opened.

use std::io;
use std::path::PathBuf;

use super::settings::Address;

/// The reason a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be listened on.
    #[error("listen: {address} cannot be opened: {reason}; stop the process that uses it, or choose another address")]
    Listen {
        /// The configured address.
        address: Address,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another process listens on the socket.
    #[error("listen: unix:{path} is taken: another process listens on it; end that one, or choose another path")]
    Taken {
        /// The socket's file.
        path: PathBuf,
    },
    /// A file stands in the socket's place.
    #[error("listen: unix:{path} exists and is not a socket; it is left alone: remove it, or choose another path")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The socket's file cannot be created.
    #[error("listen: unix:{path} cannot be made: {reason}; its folder must exist, be writable, and the path be short")]
    Socket {
        /// The socket's file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The certificates cannot be used.
    #[error("tls: {0}")]
    Certificates(#[from] CertificateError),
}

/// The reason certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A file holds no certificate.
    #[error("{file}: expected PEM certificates (BEGIN CERTIFICATE), {reason}")]
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// The actual content.
        reason: String,
    },
    /// A file holds no key.
    #[error("{file}: expected a PEM private key without a password, {reason}")]
    NoKey {
        /// The file.
        file: PathBuf,
        /// The actual content.
        reason: String,
    },
    /// Certificate and key do not match.
    #[error("{certificate} and {key} cannot be used together: {reason}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The library's reason.
        reason: String,
    },
    /// The certificate has expired.
    #[error("{certificate} expired at {at}; replace it")]
    Ended {
        /// The certificate's file.
        certificate: PathBuf,
        /// The time of expiry.
        at: String,
    },
    /// The clients' authority cannot be used.
    #[error("{file} cannot be used as clientCa: {reason}")]
    Authority {
        /// The file.
        file: PathBuf,
        /// The library's reason.
        reason: String,
    },
}
