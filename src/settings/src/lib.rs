//! Value types of configuration, shared by all parts of the executor.
//!
//! A part reads its own section of the YAML file and checks it with these types: sizes and times, secret files, allowed paths, links to
//! PostgreSQL. A fault names the file, the line and the column. This crate must never know a part, nor the whole configuration.
//!
//! ```
//! use std::path::Path;
//!
//! use callgate_settings::{ConfigFile, SecretFile};
//! use serde_saphyr::Spanned;
//!
//! let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
//! let url: Spanned<String> = serde_saphyr::from_str("file:redis.url")?;
//! let secret = SecretFile::resolve("audit.redis.url", &url, &place)?;
//! assert_eq!(secret.path(), Path::new("/etc/callgate/redis.url"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod allow;
mod fault;
mod read;
mod secret;
mod units;

pub mod postgres;

pub use self::allow::{Allow, AllowedPath};
pub use self::fault::{ConfigFile, FieldError};
pub use self::read::read;
pub use self::secret::SecretFile;
pub use self::units::{Bytes, Seconds};
