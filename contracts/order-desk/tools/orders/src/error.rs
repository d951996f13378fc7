//! Errors of the tool, in words that help a model to repair its call.

/// The reason why the tool gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the arguments: {0}")]
    Stdin(std::io::Error),
    #[error("cannot write the answer: {0}")]
    Stdout(std::io::Error),
    #[error("the arguments do not fit: {0}")]
    Arguments(serde_json::Error),
    #[error("the answer cannot be written: {0}")]
    Answer(serde_json::Error),
    #[error("this tool is started with `create`, `get`, `list` or `cancel`, not with `{0}`")]
    Action(String),
    #[error("invalid order number; one looks like O-1001")]
    NotAnId,
    #[error("unknown order {0}; list_orders shows the known ones")]
    NoOrder(String),
    #[error("order {0} is already cancelled")]
    Cancelled(String),
    #[error("the order book is unusable: {0}")]
    Book(std::io::Error),
    #[error("the order book holds a damaged order, {file}: {reason}")]
    Damaged { file: String, reason: serde_json::Error },
}
