//! SQL: one query, its tables and its functions.
//!
//! 1. The lexer splits the text as every setting of the dialect's databases does, or refuses it.
//! 2. The parser accepts one `select`, with a grammar as deep as needed to find each table and each function.
//! 3. A word that the grammar does not know is refused, so no clause, such as `into` or `for update`, is skipped.
//!
//! Names that a `with` clause defines are tables only outside its query. Time is linear in the text, and nesting ends at 32.
//!
//! Not covered: views, triggers, `search_path`, operators and casts of the schema's own, functions called as a member of a row
//! (`t.NAME` in PostgreSQL), and the time that a query takes. The kind does not replace a database user that may only read.

mod blanks;
mod call;
mod expression;
mod from;
mod functions;
mod lexer;
mod limit;
mod operator;
mod parser;
mod query;
mod reading;
mod rules;
mod words;

pub use functions::pure_functions;
pub use reading::{Dialect, FunctionName, SqlReading, SqlStatement, TableName};
pub use rules::{SqlRules, SqlSource};

use crate::Refusal;

/// Reads one query.
///
/// # Errors
///
/// The text is not exactly one query, or it holds something that this reader does not know for certain.
pub fn read(text: &str, dialect: Dialect) -> Result<SqlReading, Refusal> {
    parser::read(text, dialect, lexer::tokens(text, dialect)?)
}
