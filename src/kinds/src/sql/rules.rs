//! A profile's rules of queries.

use super::functions::is_pure;
use super::{Dialect, FunctionName, SqlReading, SqlStatement, TableName};
use crate::{ProfileFault, Refusal};

/// The entry that allows the functions of [`pure_functions`](super::pure_functions).
const PURE: &str = "@pure";

/// Rules of queries as a contract writes them. An absent list of statements or tables allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlSource {
    /// The kinds of statements: `select`.
    pub statements: Vec<String>,
    /// Tables as the query must write them: `public.orders`, `sales.*` for all of a schema.
    pub tables: Vec<String>,
    /// Functions, and `@pure` for those that only compute. Absent means `@pure`.
    pub functions: Option<Vec<String>>,
    /// The maximum of the query's own `limit`, which the query must then state.
    pub limit: Option<u64>,
}

/// Compiled rules of queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlRules {
    select: bool,
    tables: Vec<TableRule>,
    pure: bool,
    functions: Vec<String>,
    limit: Option<u64>,
}

/// An entry for tables: its parts. `is_schema` is true if `*` stands for the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TableRule {
    parts: Vec<String>,
    is_schema: bool,
}

// === impl SqlRules ===

impl SqlRules {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// Every entry that has no meaning.
    pub fn compile(source: &SqlSource) -> Result<Self, Vec<ProfileFault>> {
        let mut faults = Vec::new();
        let mut fault = |field: &'static str, entry: usize, problem: &str| {
            faults.push(ProfileFault { field, entry: Some(entry), problem: problem.to_owned() });
        };
        let mut rules = Self { limit: source.limit, pure: source.functions.is_none(), ..Self::default() };
        for (entry, statement) in source.statements.iter().enumerate() {
            match statement.as_str() {
                "select" => rules.select = true,
                _ => fault("sql.statements", entry, "the statement is unknown; known: select"),
            }
        }
        for (entry, table) in source.tables.iter().enumerate() {
            match TableRule::read(table) {
                Ok(rule) => rules.tables.push(rule),
                Err(problem) => fault("sql.tables", entry, problem),
            }
        }
        for (entry, function) in source.functions.iter().flatten().enumerate() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            if function == PURE {
                rules.pure = true;
            } else if function.is_empty() || !function.chars().all(is_name) {
                fault("sql.functions", entry, "the function is neither a name nor @pure");
            } else {
                rules.functions.push(function.clone());
            }
        }
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    /// Checks that the rules allow the statement, each table, each function and the limit.
    ///
    /// # Errors
    ///
    /// No entry allows a part of the query, or the query states no limit.
    pub fn check(&self, reading: &SqlReading) -> Result<(), Refusal> {
        let allows_statement = match reading.statement {
            SqlStatement::Select => self.select,
        };
        if !allows_statement {
            return Err(Refusal::whole("no entry of the profile allows the statement"));
        }
        if let Some(table) = reading.tables.iter().find(|table| !self.allows_table(table, reading.dialect)) {
            return Err(Refusal::byte(table.at, "no entry of the profile allows the table"));
        }
        if let Some(function) =
            reading.functions.iter().find(|function| !self.allows_function(function, reading.dialect))
        {
            return Err(Refusal::byte(function.at, "no entry of the profile allows the function"));
        }
        match (self.limit, reading.limit) {
            (None, _) => Ok(()),
            (Some(maximum), Some(limit)) if limit <= maximum => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::whole("the limit of the query is over the profile's")),
            (Some(_), None) => Err(Refusal::whole("the query states no limit as a number; end it with limit N")),
        }
    }

    fn allows_table(&self, table: &TableName, dialect: Dialect) -> bool {
        self.tables.iter().any(|rule| rule.allows(table, dialect))
    }

    fn allows_function(&self, function: &FunctionName, dialect: Dialect) -> bool {
        self.pure && is_pure(&function.name, dialect)
            || self.functions.iter().any(|entry| is_same(entry, &function.name, dialect != Dialect::Postgres))
    }
}

// === impl TableRule ===

impl TableRule {
    /// Reads `orders`, `sales.orders` or `sales.*`.
    fn read(entry: &str) -> Result<Self, &'static str> {
        let mut parts: Vec<String> = entry.split('.').map(str::to_owned).collect();
        if parts.len() > 3 || parts.iter().any(String::is_empty) {
            return Err("the table is empty, or has an empty part or more than three parts");
        }
        let is_schema = parts.last().is_some_and(|part| part == "*");
        if is_schema {
            parts.pop();
        }
        if parts.is_empty() {
            return Err("* alone also names system tables; write SCHEMA.* or each table");
        }
        if parts.iter().any(|part| part.contains('*')) {
            return Err("* stands for a whole last part only");
        }
        Ok(Self { parts, is_schema })
    }

    /// Tells if the entry allows a table.
    fn allows(&self, table: &TableName, dialect: Dialect) -> bool {
        let ignore_case = matches!(dialect, Dialect::Sqlite | Dialect::DuckDb);
        let length = self.parts.len() + usize::from(self.is_schema);
        let is_prefix = self.parts.iter().zip(&table.parts).all(|(part, name)| is_same(part, name, ignore_case));
        if table.parts.len() != length || !is_prefix {
            return false;
        }
        !(self.is_schema && dialect == Dialect::DuckDb && table.parts.last().is_some_and(|name| is_file(name)))
    }
}

/// Tells if DuckDB could read the name of a table, behind the name of a schema, as the name of a file.
fn is_file(name: &str) -> bool {
    let last = [
        "csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "gz", "zst", "xlsx", "arrow", "avro", "db",
        "duckdb", "sqlite",
    ];
    name.contains(['.', '/', '\\', ':', '*', '?']) || last.contains(&name)
}

fn is_same(entry: &str, name: &str, ignore_case: bool) -> bool {
    if ignore_case { entry.eq_ignore_ascii_case(name) } else { entry == name }
}
