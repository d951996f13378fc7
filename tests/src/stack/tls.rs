//! Certificates of one stack: an authority, the executor's, and Envoy's, for mutual TLS between their containers.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::StackError;

/// The name under which Envoy reaches the executor, and which its certificate must have.
pub(super) const EXECUTOR: &str = "executor";
/// The name in Envoy's certificate, which the executor lets in.
pub(super) const ENVOY: &str = "envoy.example";

/// Writes `ca.crt`, and a `.crt` and `.key` of executor and Envoy.
pub(super) fn write(folder: &Path) -> Result<(), StackError> {
    fs::create_dir_all(folder).map_err(StackError::io(folder.display().to_string()))?;
    let mut authority = CertificateParams::new(Vec::new()).map_err(unfit)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().map_err(unfit)?;
    let certificate = authority.self_signed(&key).map_err(unfit)?;
    put(folder, "ca.crt", &certificate.pem())?;
    let issuer = Issuer::new(authority, key);
    for (file, name) in [("executor", EXECUTOR), ("envoy", ENVOY)] {
        let key = KeyPair::generate().map_err(unfit)?;
        let certificate = CertificateParams::new([name.to_owned()]).and_then(|leaf| leaf.signed_by(&key, &issuer));
        put(folder, &format!("{file}.crt"), &certificate.map_err(unfit)?.pem())?;
        put(folder, &format!("{file}.key"), &key.serialize_pem())?;
    }
    Ok(())
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), StackError> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(StackError::io(file.display().to_string()))
}

fn unfit(error: rcgen::Error) -> StackError {
    StackError::Unfit { what: format!("the stack's certificates cannot be made: {error}") }
}
