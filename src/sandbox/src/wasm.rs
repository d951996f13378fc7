//! WebAssembly as read: bytes together with their SHA-256, so no other code can run under a name.

use sha2::{Digest, Sha256};

/// A module or component, not yet compiled.
pub struct Wasm {
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

// === impl Wasm ===

impl Wasm {
    /// Takes the bytes and hashes them.
    pub fn new(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).into();
        Self { bytes, sha256 }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns their SHA-256.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}
