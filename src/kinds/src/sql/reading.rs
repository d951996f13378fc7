//! The reading of a query.

use std::fmt;

/// The dialect of a query. Strings, comments and names differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    MySql,
    /// Microsoft SQL Server.
    MsSql,
    /// DuckDB.
    DuckDb,
    /// ClickHouse.
    ClickHouse,
}

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlStatement {
    /// `select`, also with `with` before it, and in set operations.
    Select,
}

/// A query as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlReading {
    /// The dialect in which it was read.
    pub dialect: Dialect,
    /// The kind of the statement.
    pub statement: SqlStatement,
    /// The tables and views that the text names, each once. Names that a `with` clause defines are none.
    pub tables: Vec<TableName>,
    /// The functions that the text calls, each once. Casts are none.
    pub functions: Vec<FunctionName>,
    /// The number of rows that the outermost query returns at most; `None` if the text states no such number.
    pub limit: Option<u64>,
}

/// The name of a table: its parts, such as a schema and a name, after the dialect's folding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The parts, from the outermost one: one to three.
    pub parts: Vec<String>,
    /// The byte of the text where the name stands first.
    pub at: usize,
}

/// The name of a function, folded. A name with a schema holds its dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The name.
    pub name: String,
    /// The byte of the text where the name stands first.
    pub at: usize,
}

// === impl Dialect ===

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [Self::Postgres, Self::Sqlite, Self::MySql, Self::MsSql, Self::DuckDb, Self::ClickHouse];

    /// Returns the dialect of a word in a contract.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name)
    }

    /// Returns its word in a contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::MySql => "mysql",
            Self::MsSql => "mssql",
            Self::DuckDb => "duckdb",
            Self::ClickHouse => "clickhouse",
        }
    }
}

// === impl TableName ===

impl fmt::Display for TableName {
    /// Writes the parts with dots between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}
