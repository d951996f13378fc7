//! Certificates of one stack: an authority, the executor's, and Envoy's, for mutual TLS between their containers.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::StackError;

/// The executor's host name for Envoy, and the name in its certificate.
pub(super) const EXECUTOR: &str = "executor";
/// The name in Envoy's certificate, which the executor allows.
pub(super) const ENVOY: &str = "envoy.example";

/// Writes `ca.crt`, and a `.crt` and `.key` of executor and Envoy.
pub(super) fn write(folder: &Path) -> Result<(), StackError> {
    fs::create_dir_all(folder).map_err(StackError::io(folder.display().to_string()))?;
    let mut authority = params("callgate test authority", Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().map_err(unfit)?;
    let certificate = authority.self_signed(&key).map_err(unfit)?;
    put(folder, "ca.crt", &certificate.pem())?;
    let issuer = Issuer::new(authority, key);
    for (file, name) in [("executor", EXECUTOR), ("envoy", ENVOY)] {
        let key = KeyPair::generate().map_err(unfit)?;
        let certificate = params(name, vec![name.to_owned()])?.signed_by(&key, &issuer);
        put(folder, &format!("{file}.crt"), &certificate.map_err(unfit)?.pem())?;
        put(folder, &format!("{file}.key"), &key.serialize_pem())?;
    }
    Ok(())
}

/// Returns a certificate with its own subject: with its issuer's name it would count as self-signed.
fn params(subject: &str, names: Vec<String>) -> Result<CertificateParams, StackError> {
    let mut params = CertificateParams::new(names).map_err(unfit)?;
    params.distinguished_name.push(DnType::CommonName, subject);
    Ok(params)
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), StackError> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(StackError::io(file.display().to_string()))
}

fn unfit(error: rcgen::Error) -> StackError {
    StackError::Unfit { what: format!("the stack's certificates cannot be made: {error}") }
}
