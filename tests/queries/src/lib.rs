//! Queries for the oracles of the SQL reader: seeds, rows of the shared data, and seeded mutants of both.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use callgate_kinds::sql::{Dialect, SqlReading, read};
use serde_json::Value;

/// Queries over the tables `t`, `u`, `sales.a`, `sales.b` and the functions `f`, `g`, which the oracles have.
const SEEDS: [&str; 30] = [
    "select a, b as c, count(*) n from t where a = 1 and b in (1, 2) group by a, b having count(*) > 1 order by a desc limit 5 offset 1",
    "select * from t x join u y on x.a = y.a left join t z using (a) where x.b like 'q%' or not y.a is null",
    "select * from t, u v, (select a from t) w where t.a = v.a",
    "with x as (select a from t), y as (select a from x) select * from y, u",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select n, f(n) from r",
    "select (select max(a) from u where u.a = t.a), case when a > 1 then f(a) else g(b) end from t",
    "select a from t union all select a from u except select 1 order by 1",
    "(select a from t) union (select a from u limit 2)",
    "select * from ((select a from t) union all (select b from u)) x",
    "select * from (t cross join u)",
    "select * from (t x join u on x.a = u.a) join t y on y.a = 1",
    "select exists (select 1 from u where u.a = t.a), coalesce(a, b, 0) from t",
    "select cast(a as integer), -a + +b * 2 / 3, a || b, 'it''s' from t",
    "select row_number() over (partition by a order by b rows between 1 preceding and current row), sum(a) over w from t window w as (order by b)",
    "select a from t where a between 1 and (select f(2)) and b not in (select a from u)",
    "select distinct a from sales.a where b <> all (select b from sales.b)",
    "select x.a, t.* from t inner join sales.a x on t.a = x.a natural join u",
    "select count(distinct a), sum(b) filter (where a > 1) from t",
    "select * from (with x as (select a from u) select * from x) y, t",
    "with x as (with t as (select 1 as a) select a from t) select * from x, t",
    "select extract(year from d), substring(s from 1 for 2), trim(both ' ' from s), position('a' in s) from t",
    "select \"a\", \"t\".\"b\" from \"t\" -- text ; drop table u",
    "select /* from u */ a from t",
    "select a from (values (1, 2), (3, 4)) v(a, b)",
    "select * from f(1) x, t",
    "select * from t where (a, b) in (select a, b from u)",
    "select lower(s), upper(s), replace(s, 'a', 'b'), left(s, 1), round(a, 2) from t",
    "select a from t where exists (select 1 from u where exists (select 1 from sales.a))",
    "select a from t order by (select b from u limit 1), f(a) nulls last",
    "select a[1], s::text, array[f(1), 2], interval '1' day from t",
];

/// Pieces that a mutant takes in.
const PIECES: [&str; 84] = [
    "select",
    "from",
    "where",
    "join",
    "on",
    "using (a)",
    "union all",
    "with",
    "as",
    "x",
    "t",
    "u",
    "sales.a",
    "sales.b",
    "secret",
    "secret.s",
    "(",
    ")",
    ",",
    ".",
    "*",
    "f(1)",
    "g(a)",
    "f",
    "count(*)",
    "'a'",
    "\"u\"",
    "\"f\"",
    "`u`",
    "[u]",
    "1",
    "1.5",
    "=",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "between",
    "like",
    "case",
    "when",
    "then",
    "else",
    "end",
    "exists",
    "any",
    "all",
    "distinct",
    "limit 1",
    "offset 1",
    "order by a",
    "group by a",
    "having",
    "window",
    "over ()",
    "filter (where f(1))",
    "into",
    "for update",
    "into secret",
    "table u",
    "values (1)",
    "lateral",
    "natural",
    "left",
    "full",
    "cross",
    "recursive",
    "materialized",
    ";",
    "--",
    "\n",
    "/*",
    "*/",
    "$$",
    "'",
    "\"",
    "\\",
    "#",
    "::int",
    "only",
    "in u",
    "returning a",
];

/// A small generator of numbers: the same seed gives the same mutants everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn piece<'a>(&mut self, pieces: &[&'a str]) -> &'a str {
        pieces.get(self.below(pieces.len())).copied().unwrap_or_default()
    }

    fn mutant(&mut self, seeds: &[String]) -> String {
        let mut tokens = split(seeds.get(self.below(seeds.len())).map_or("", String::as_str));
        for _ in 0..=self.below(4) {
            let at = self.below(tokens.len());
            match self.below(5) {
                0 if tokens.len() > 1 => drop(tokens.remove(at)),
                1 => {
                    let other = split(seeds.get(self.below(seeds.len())).map_or("", String::as_str));
                    let from = self.below(other.len());
                    let count = 1 + self.below(12);
                    tokens.splice(at..at, other.into_iter().skip(from).take(count));
                }
                2 => {
                    let other = self.below(tokens.len());
                    tokens.swap(at, other);
                }
                3 => {
                    let piece = self.piece(&PIECES).to_owned();
                    if let Some(token) = tokens.get_mut(at) {
                        *token = piece;
                    }
                }
                _ => tokens.insert(at, self.piece(&PIECES).to_owned()),
            }
        }
        // Blanks are left out now and then: the lexer must not depend on them.
        let blank = if self.below(8) == 0 { "" } else { " " };
        tokens.join(blank)
    }
}

/// Splits a query into words and single characters.
fn split(query: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut is_word = false;
    for c in query.chars() {
        let continues = c.is_ascii_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(token) if continues && is_word => token.push(c),
            _ if c == ' ' => {}
            _ => tokens.push(c.to_string()),
        }
        is_word = continues;
    }
    if tokens.is_empty() {
        tokens.push(String::new());
    }
    tokens
}

/// Returns the queries of the shared data, of all dialects; none if the data is not there.
fn data() -> Vec<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("kinds/sql.json")).unwrap_or_default();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    rows.iter()
        .filter_map(|row| Some(row.get("input")?.as_str()?.to_owned()))
        .filter(|query| query.len() < 1_000)
        .collect()
}

/// Gives accepted queries and their readings to `check`, for `CALLGATE_SQL_SECONDS` (10 if unset); returns how many.
pub fn accepted(dialect: Dialect, seed: u64, mut check: impl FnMut(&str, &SqlReading)) -> usize {
    let number =
        |name, otherwise| std::env::var(name).ok().and_then(|text: String| text.parse().ok()).unwrap_or(otherwise);
    let end = Instant::now() + Duration::from_secs(number("CALLGATE_SQL_SECONDS", 10));
    let seeds: Vec<String> = SEEDS.iter().map(|seed| (*seed).to_owned()).chain(data()).collect();
    let mut numbers = Numbers(seed ^ number("CALLGATE_SQL_SEED", 0));
    let mut count = 0;
    let mut next = seeds.clone().into_iter();
    while Instant::now() < end {
        let query = next.next().unwrap_or_else(|| numbers.mutant(&seeds));
        if let Ok(reading) = read(&query, dialect) {
            check(&query, &reading);
            count += 1;
        }
    }
    count
}

/// Tells if a reading reports a table of this name: its last parts, without case.
#[must_use]
pub fn reports_table(reading: &SqlReading, parts: &[&str]) -> bool {
    reading.tables.iter().any(|table| {
        let count = table.parts.len().min(parts.len());
        let ends = table.parts.iter().rev().zip(parts.iter().rev()).take(count);
        ends.into_iter().all(|(reported, part)| reported.eq_ignore_ascii_case(part))
    })
}

/// Tells if a reading reports a function of this name, without case and schema.
#[must_use]
pub fn reports_function(reading: &SqlReading, name: &str) -> bool {
    reading.functions.iter().any(|function| {
        // A quoted name may have dots of its own.
        let last = function.name.rsplit('.').next().unwrap_or_default();
        function.name.eq_ignore_ascii_case(name) || last.eq_ignore_ascii_case(name)
    })
}
