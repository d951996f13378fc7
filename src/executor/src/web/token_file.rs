//! The token file, read again after each change.
//!
//! ```text
//! # name  role      digest of the token   the tenants of the person's own calls
//! alice   approver  sha256:5e88489…       tenant=acme
//! grafana viewer    sha256:0b14d50…
//! ```

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::tokens::{Holder, Role, TokenError};
use callgate_settings::SecretFile;
use callgate_state::private;

const NAME_BYTES: usize = 64;
const TENANT: &str = "tenant=";
/// Two changes within this time can leave the same time stamp.
const STAMP: Duration = Duration::from_secs(2);

/// The token file. A change counts at once: each use compares the file's stamp, so a wrong token causes no reading.
pub(super) struct TokenFile {
    file: SecretFile,
    read: Mutex<Option<Read>>,
}

struct Read {
    stamp: Stamp,
    holders: Arc<[Holder]>,
}

/// Distinguishes two contents of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl TokenFile ===

impl TokenFile {
    pub(super) fn new(file: SecretFile) -> Self {
        Self { file, read: Mutex::new(None) }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn holders(&self) -> Result<Arc<[Holder]>, TokenError> {
        let path = self.file.path();
        let failed = |reason| TokenError::File { path: path.to_owned(), reason };
        let stamp = Stamp::of(&std::fs::metadata(path).map_err(failed)?);
        if let Some(read) = &*self.read.lock().unwrap_or_else(PoisonError::into_inner)
            && read.stamp == stamp
        {
            return Ok(Arc::clone(&read.holders));
        }
        private::check_listed(path)?;
        let holders: Arc<[Holder]> = parse(path, &self.file.read().map_err(failed)?)?.into();
        // The stamp might not show a change right after this one.
        if stamp.is_settled(SystemTime::now()) {
            let read = Read { stamp, holders: Arc::clone(&holders) };
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
        Ok(holders)
    }
}

// === impl Stamp ===

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let seconds = |(seconds, _): (i64, i64)| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        };
        now.duration_since(seconds(self.changed)).is_ok_and(|age| age > STAMP)
    }
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
    let plain = |name: &str| name.len() <= NAME_BYTES && name.chars().all(|c| !c.is_control());
    let tenant = |word: &str| word.strip_prefix(TENANT).filter(|tenant| !tenant.is_empty()).map(str::to_owned);
    let tenants = words.map(tenant).collect::<Option<Vec<_>>>()?;
    let digest = bytes(digest.strip_prefix("sha256:")?)?;
    plain(name).then(|| Holder { name: name.to_owned(), role, tenants, digest })
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
    fn a_line_is_a_name_a_role_a_digest_and_perhaps_tenants() {
        let digest = "0f".repeat(32);
        let text = format!(
            "# who\n\nalice approver sha256:{digest} tenant=acme  tenant=eu/1\n  bob  viewer\tsha256:{}\n",
            digest.to_uppercase()
        );
        let holders = read(&text).unwrap();
        let of = |name: &str, role, tenants: &[&str]| Holder {
            name: name.into(),
            role,
            tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
            digest: [15; 32],
        };
        assert_eq!(holders, [of("alice", Role::Approver, &["acme", "eu/1"]), of("bob", Role::Viewer, &[])]);
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
            format!("alice viewer sha256:{digest} tenant="),
            format!("alice viewer sha256:{}", "zz".repeat(32)),
        ] {
            let error = read(&format!("# who\n{line}\n")).unwrap_err();
            assert!(error.starts_with("tokens:2: expected a name, ") && !error.contains(&line), "{error}");
        }
        let twice = format!("alice viewer sha256:{digest}\nalice approver sha256:{digest}\n");
        assert_eq!(
            read(&twice).unwrap_err(),
            "tokens:2: this name has another token already; give each token its own name"
        );
    }

    #[test]
    fn a_file_that_may_still_change_under_the_same_stamp_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens"), "x").unwrap();
        let stamp = Stamp::of(&std::fs::metadata(folder.path().join("tokens")).unwrap());
        assert!(!stamp.is_settled(SystemTime::now()));
        assert!(stamp.is_settled(SystemTime::now() + Duration::from_secs(10)));
        // A clock that moved back proves nothing.
        assert!(!stamp.is_settled(SystemTime::now() - Duration::from_secs(1000)));
    }
}
