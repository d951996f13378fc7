//! Words with a meaning in queries.

use super::Dialect;

/// Words that are never a name without quotes.
#[rustfmt::skip]
const STRUCTURE: [&str; 64] = [
    "select", "from", "where", "group", "having", "order", "limit", "offset", "fetch", "union", "intersect", "except",
    "with", "values", "table", "into", "for", "as", "on", "using", "join", "inner", "left", "right", "full", "outer",
    "cross", "natural", "lateral", "when", "then", "else", "end", "case", "and", "or", "not", "in", "is", "like",
    "ilike", "between", "exists", "any", "some", "all", "distinct", "by", "window", "qualify", "prewhere",
    "tablesample", "collate", "returning", "lock", "option", "procedure", "straight_join", "outfile", "dumpfile",
    "pivot", "unpivot", "similar", "only",
];

/// Words that begin a statement of SQL Server, which needs no semicolon between statements.
#[rustfmt::skip]
const STATEMENTS: [&str; 57] = [
    "add", "alter", "backup", "begin", "break", "bulk", "checkpoint", "close", "commit", "continue", "create", "dbcc",
    "deallocate", "declare", "delete", "deny", "disable", "drop", "enable", "exec", "execute", "get", "go", "goto",
    "grant", "if", "insert", "kill", "merge", "move", "open", "print", "raiserror", "readtext", "receive",
    "reconfigure", "restore", "return", "revert", "revoke", "rollback", "save", "select", "send", "set", "shutdown", "setuser", "dump", "load",
    "throw", "truncate", "update", "updatetext", "use", "waitfor", "while", "writetext",
];

/// Words that are a function without brackets in some database.
#[rustfmt::skip]
const NILADIC: [&str; 15] = [
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user",
    "current_role", "current_catalog", "current_schema", "session_user", "system_user", "sysdate", "utc_date",
    "utc_time", "utc_timestamp",
];

/// Types that a cast may name.
#[rustfmt::skip]
const TYPES: [&str; 88] = [
    "int", "integer", "int2", "int4", "int8", "int16", "int32", "int64", "int128", "int256", "uint8", "uint16",
    "uint32", "uint64", "uint128", "uint256", "utinyint", "usmallint", "uinteger", "ubigint", "bigint", "smallint",
    "tinyint", "mediumint", "hugeint", "float", "float4", "float8", "float32", "float64", "real", "double",
    "precision", "decimal", "decimal32", "decimal64", "decimal128", "dec", "numeric", "number", "money", "smallmoney",
    "text", "tinytext", "mediumtext", "longtext", "varchar", "nvarchar", "char", "nchar", "character", "varying",
    "string", "fixedstring", "bpchar", "ntext", "bool", "boolean", "bit", "date", "date32", "time", "timetz",
    "timestamp", "timestamptz", "datetime", "datetime2", "datetime64", "datetimeoffset", "smalldatetime", "interval",
    "year", "uuid", "uniqueidentifier", "json", "jsonb", "bytea", "blob", "binary", "varbinary", "unsigned", "signed",
    "array", "nullable", "lowcardinality", "max", "inet", "cidr",
];

/// Units of intervals.
#[rustfmt::skip]
const UNITS: [&str; 27] = [
    "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
    "microseconds", "milliseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "quarters", "years",
    "year_month", "day_hour", "day_minute", "day_second", "hour_minute", "hour_second", "minute_second",
];

/// Tells if a list holds a word, in any case.
fn holds(list: &[&str], word: &str) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

/// Tells if a word is a part of the structure of queries.
pub(super) fn is_structure(word: &str) -> bool {
    holds(&STRUCTURE, word)
}

/// Tells if a word may be an alias without `as`.
pub(super) fn is_alias(word: &str, dialect: Dialect) -> bool {
    !(is_structure(word) || dialect == Dialect::MsSql && holds(&STATEMENTS, word))
}

/// Tells if a word without brackets calls a function.
pub(super) fn is_niladic(word: &str, dialect: Dialect) -> bool {
    let has_user = matches!(dialect, Dialect::Postgres | Dialect::MsSql | Dialect::DuckDb);
    holds(&NILADIC, word) || has_user && word.eq_ignore_ascii_case("user")
}

/// Tells if a word is a part of a type's name.
pub(super) fn is_type(word: &str) -> bool {
    holds(&TYPES, word)
}

/// Tells if a word is a unit of intervals.
pub(super) fn is_unit(word: &str) -> bool {
    holds(&UNITS, word)
}
