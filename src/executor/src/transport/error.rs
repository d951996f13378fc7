//! Why a port cannot be opened.

use std::io;
use std::path::PathBuf;

use crate::config::Address;

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be listened on.
    #[error("listen: {address} cannot be listened on: {reason}; is another executor running?")]
    Listen {
        /// The configured address.
        address: Address,
        /// The system's reason.
        reason: io::Error,
    },
    /// Someone listens on the socket.
    #[error("listen: unix:{path} is taken: another process listens on it; end that one, or choose another path")]
    Taken {
        /// The socket's file.
        path: PathBuf,
    },
    /// There is a file where the socket should be.
    #[error("listen: unix:{path} exists and is not a socket; it is left alone: remove it, or choose another path")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The socket's file cannot be made.
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

/// Why certificates cannot be used.
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
        /// What was found.
        reason: String,
    },
    /// A file holds no key.
    #[error("{file}: expected a PEM private key without a password, {reason}")]
    NoKey {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Certificate and key do not go together.
    #[error("{certificate} and {key} cannot be used together: {reason}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate has ended.
    #[error("{certificate} ended at {at}; every caller would refuse it: give a new one")]
    Ended {
        /// The certificate's file.
        certificate: PathBuf,
        /// When.
        at: String,
    },
    /// The clients' authority cannot be used.
    #[error("{file} cannot be used as clientCa: {reason}")]
    Authority {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}
