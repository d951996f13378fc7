//! Reasons why no dashboard and no rules can be written.

/// The reason why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MonitoringError {
    #[error("broken table of metrics ({0}); please report this")]
    Table(#[from] serde_json::Error),
    #[error("{name} is not in the table of metrics ({place}); please report this")]
    Unknown { name: String, place: &'static str },
    #[error("--runbook {0:?}: expected an address without `#`, for example https://wiki.example/callgate/alerts")]
    Runbook(String),
    #[error("--kubernetes {0:?}: expected the name of a namespace, for example monitoring")]
    Namespace(String),
}
