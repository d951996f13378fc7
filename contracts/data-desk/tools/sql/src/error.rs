//! Errors of the tool, in words that help a model to repair its call.

/// The reason why the tool gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the arguments: {0}")]
    Stdin(std::io::Error),
    #[error("cannot write the answer: {0}")]
    Stdout(std::io::Error),
    #[error("the arguments are not JSON: {0}")]
    Arguments(serde_json::Error),
    #[error("this tool is started with `query` or `tables`, not with `{0}`")]
    Action(String),
    #[error("`sql` is missing: give one SELECT statement")]
    NoSql,
    #[error("`max_rows` must be an integer from 1 to {most}")]
    MaxRows { most: usize },
    #[error("one statement at a time: this text has {0}")]
    Statements(usize),
    #[error("the data is read-only: only SELECT is possible")]
    NotSelect,
    #[error("unknown table `{name}`; the tables are: {known}")]
    NoTable { name: String, known: String },
    /// One of the other errors, returned by the SQL engine, which carries only text.
    #[error("{0}")]
    Store(String),
    #[error("SQL: {0}")]
    Sql(String),
    #[error("cannot read the data folder: {0}")]
    Folder(std::io::Error),
    #[error("the data file {file} cannot be used: {reason}")]
    File { file: String, reason: String },
}

impl From<gluesql_core::error::Error> for Error {
    fn from(error: gluesql_core::error::Error) -> Self {
        if let gluesql_core::error::Error::StorageMsg(ours) = error {
            return Self::Store(ours);
        }
        // The engine writes a parser's error in Rust's debug form: `ParserError(\n    "Expected: …",\n)`.
        let text = error.to_string();
        let quoted = text.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map(|(inside, _)| inside);
        Self::Sql(match quoted {
            Some(inside) if text.contains("ParserError") || text.contains("TokenizerError") => inside.to_owned(),
            _ => text,
        })
    }
}
