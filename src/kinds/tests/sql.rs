//! SQL: the tables and functions that the reader reports, the queries that it refuses, and the rules.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it skips"
)]

mod rows;

use callgate_kinds::sql::{Dialect, SqlReading, SqlRules, SqlSource, pure_functions, read};
use callgate_kinds::{Refusal, Spot};
use rows::{rows, text};

fn rules(tables: &[&str]) -> SqlRules {
    let tables = tables.iter().map(|table| (*table).to_owned()).collect();
    SqlRules::compile(&SqlSource { statements: vec!["select".to_owned()], tables, ..SqlSource::default() }).unwrap()
}

/// Judges a query as the policy of the data does.
fn judge(query: &str, dialect: Dialect, rules: &SqlRules) -> Result<(), Refusal> {
    read(query, dialect).and_then(|reading| rules.check(&reading))
}

/// Writes a reading as `tables | functions`.
fn written(reading: &SqlReading) -> String {
    let tables: Vec<String> = reading.tables.iter().map(ToString::to_string).collect();
    let functions: Vec<&str> = reading.functions.iter().map(|function| function.name.as_str()).collect();
    format!("{} | {}", tables.join(" "), functions.join(" "))
}

#[test]
fn rows_of_the_data_are_judged_as_they_say() {
    for row in rows("sql") {
        let (query, why) = (text(&row, "input"), text(&row, "why"));
        let (dialect, tables): (Dialect, &[&str]) = match text(&row, "policy") {
            "analyst" => (Dialect::Postgres, &["sales.*", "public.orders"]),
            "sqlite" => (Dialect::Sqlite, &["sales"]),
            "mysql" => (Dialect::MySql, &["sales.*"]),
            "mssql" => (Dialect::MsSql, &["dbo.*"]),
            "duckdb" => (Dialect::DuckDb, &["sales"]),
            "clickhouse" => (Dialect::ClickHouse, &["sales"]),
            other => panic!("the policy {other} is unknown"),
        };
        let judgement = judge(query, dialect, &rules(tables));
        assert_eq!(judgement.is_ok(), text(&row, "verdict") == "allow", "{why}: {judgement:?}\n{query}");
    }
}

#[test]
fn every_table_and_function_is_reported() {
    use Dialect::{ClickHouse, DuckDb, MsSql, MySql, Postgres, Sqlite};
    for (dialect, query, expected) in [
        (Postgres, "select 1", " | "),
        (
            Postgres,
            "SELECT A, count(*) FROM Sales.Orders o WHERE o.x = lower($1) GROUP BY a",
            "sales.orders | count lower",
        ),
        (Postgres, "select * from a, b c, lateral (select * from d) e", "a b d | "),
        (
            Postgres,
            "select * from a join b using (x) left outer join c on a.x = c.x and exists (select 1 from d)",
            "a b c d | ",
        ),
        (Postgres, "select * from a join b join c on b.x = c.x on a.x = b.x", "a b c | "),
        (Postgres, "select * from ((select 1 from a) union all (select 2 from b) limit 3) x", "a b | "),
        (Postgres, "select ((select 1 from a) union (select 2 from b))", "a b | "),
        (Postgres, "(select 1 from a) except (select 2 from b) order by (select 1 from c)", "a b c | "),
        (Postgres, "with a as (select * from b), c as (select * from a) select * from c, d", "b d | "),
        (
            Postgres,
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 9) select n from r",
            " | ",
        ),
        (Postgres, "with recursive r(n) as (values (1) union all select n + 1 from r) select n from r", " | "),
        (ClickHouse, "select a from t where a in (b, c) and d in (1) and e in (lower(f))", "t | lower"),
        (Postgres, "with a as materialized (select 1) select * from x.a", "x.a | "),
        (Postgres, "with a as (select * from a) select * from a", "a | "),
        (Postgres, "with \"A\" as (select 1) select * from a", "a | "),
        (Postgres, "select * from (with a as (select 1) select * from a) b, a", "a | "),
        (
            Postgres,
            "select case when x then (select y from a) else f(y) end, array(select z from b), array[g(1)] from c",
            "a b c | f array g",
        ),
        (
            Postgres,
            "select x::numeric(10, 2)::text, cast(y as timestamp with time zone), z at time zone 'utc', v[1:2], (w).* from a",
            "a | ",
        ),
        (
            Postgres,
            "select sum(x) filter (where y > 1) over (partition by f(z) order by w rows between 1 preceding and current row) from a",
            "a | sum f",
        ),
        (
            Postgres,
            "select percentile_cont(0.5) within group (order by x desc nulls last) from a window w as (order by y)",
            "a | percentile_cont",
        ),
        (
            Postgres,
            "select extract(epoch from x), substring(a from 1 for 2), position('a' in b), trim(leading 'x' from c), interval '1' day from t",
            "t | extract substring position trim",
        ),
        (
            Postgres,
            "select * from generate_series(1, 10) with ordinality as g(i, n) cross join a",
            "a | generate_series",
        ),
        (
            Postgres,
            "select a -> 'x' ->> 'y', b @> '{}', c ? 'd', e ~* 'f', not g is distinct from h, i = any (array[1]) from t",
            "t | ",
        ),
        (
            Postgres,
            "select x from t where a in (1, 2) and b not in (select y from u) and c not between 1 and 2 and d not ilike 'e%' escape '!'",
            "t u | ",
        ),
        (Postgres, "select \"a\"\"b\".\"C\" from \"a\"\"b\" order by 1 limit 5 offset 10", "a\"b | "),
        (
            Postgres,
            "select current_date, current_user, left(a, 1) from t fetch first 5 rows only",
            "t | current_date current_user left",
        ),
        (Postgres, "select pg_catalog.lower(x), \"Lower\"(y) from t", "t | pg_catalog.lower Lower"),
        (Postgres, "select $tag$ '; drop $tag$ as x from t /* c */ -- d", "t | "),
        (Postgres, "select a, sum(b) from t group by grouping sets ((a), ()) having sum(b) > 1", "t | sum"),
        (Postgres, "select distinct on (a) b from (values (1, 'x'), (2, 'y')) v(a, b)", " | "),
        (Sqlite, "select [a], `b`, \"c\" from [My Table] m, main.T where x == :p or y glob 'z*'", "my table main.t | "),
        (Sqlite, "with r as (select 1 union all select * from r) select * from r limit 5, 10", " | "),
        (
            MySql,
            "select `a`, \"text\", if(x, 1, 2) as 'n' from `Db`.`T` where y <=> null and z rlike 'a' limit 5",
            "Db.T | if",
        ),
        (
            MySql,
            "select date_add(x, interval 1 day), convert(y using utf8mb4), group_concat(z order by w separator ',') from t group by a with rollup",
            "t | date_add convert group_concat",
        ),
        (
            MsSql,
            "select top (5) with ties [a b], N'x', convert(varchar(max), y, 120) from [dbo].[Orders] as o with (nolock) cross apply f(o.x) g",
            "dbo.Orders | convert f",
        ),
        (MsSql, "select a from dbo.t order by a offset 5 rows fetch next 10 rows only", "dbo.t | "),
        (
            DuckDb,
            "select list_transform([1, 2], x -> f(x)), a[1], b // 2 from Sales group by all qualify row_number() over w = 1 order by all",
            "sales | list_transform f row_number",
        ),
        (DuckDb, "select f(x), [1, g(2)], b // 2 from \"Sales\" where a ^ 2 > 1 group by all", "sales | f g"),
        (
            ClickHouse,
            "select quantile(0.9)(x), toDate(y), [1, 2], z::Nullable(DateTime64(3, 'UTC')) from db.T final prewhere w",
            "db.T | quantile todate",
        ),
    ] {
        let reading = read(query, dialect).unwrap_or_else(|refusal| panic!("{dialect:?} {query}: {refusal}"));
        assert_eq!(written(&reading), expected, "{dialect:?} {query}");
    }
}

#[test]
fn the_limit_is_that_of_the_whole_query() {
    use Dialect::{MsSql, MySql, Postgres, Sqlite};
    for (dialect, query, limit) in [
        (Postgres, "select 1 limit 5", Some(5)),
        (Postgres, "select 1 offset 2 limit 5", Some(5)),
        (Postgres, "select 1 fetch first row only", Some(1)),
        (Postgres, "select 1 offset 3 rows fetch next 7 rows only", Some(7)),
        (Postgres, "select 1 fetch first 7 rows with ties", None),
        (Postgres, "select 1 limit all", None),
        (Postgres, "select 1 limit 5 + 5", None),
        (Postgres, "select 1 limit (5)", None),
        (Postgres, "select 1 limit $1", None),
        (Postgres, "select * from (select 1 limit 5) x", None),
        (Postgres, "(select 1 limit 5) union all select 2", None),
        (Postgres, "select 1 union all select 2 limit 5", Some(5)),
        (Sqlite, "select 1 limit -1", None),
        (Sqlite, "select 1 limit 3, 5", Some(5)),
        (MySql, "select 1 limit 18446744073709551616", None),
        (MsSql, "select top 5 a from t", Some(5)),
        (MsSql, "select top 5 percent a from t", None),
        (MsSql, "select top (5) with ties a from t order by a", None),
        (MsSql, "select top 5 a from t union all select b from u", None),
    ] {
        assert_eq!(read(query, dialect).unwrap().limit, limit, "{query}");
    }
}

#[test]
fn queries_of_analysts_are_read() {
    use Dialect::{ClickHouse, DuckDb, MsSql, MySql, Postgres, Sqlite};
    let sales = rules(&["sales.*", "dbo.*", "orders"]);
    for (dialect, query) in [
        (
            Postgres,
            "SELECT date_trunc('month', o.created_at) AS month, SUM(o.amount)::numeric(12,2) AS revenue FROM sales.orders o WHERE o.created_at >= now() - interval '12 months' GROUP BY 1 ORDER BY 1 DESC NULLS LAST LIMIT 100;",
        ),
        (
            Postgres,
            "select c.name, count(*) filter (where o.state = 'paid') paid, string_agg(distinct o.sku, ', ' order by o.sku) from sales.customers c left join sales.orders o using (customer_id) group by c.name having count(*) > 3",
        ),
        (
            Postgres,
            "with ranked as (select *, row_number() over (partition by customer_id order by total desc) as rn from sales.orders) select * from ranked where rn <= 3",
        ),
        (
            Postgres,
            "select extract(dow from day) d, extract(epoch from (b - a)) / 3600 h, d.data ->> 'x' from sales.d where name ilike any (array['a%', 'b%']) and (a, b) in ((1, 2))",
        ),
        (
            Postgres,
            "select d::date, coalesce(sum(x), 0) from generate_series(now() - interval '7 days', now(), interval '1 day') d left join sales.x on x.day = d::date group by d",
        ),
        (
            Sqlite,
            "SELECT strftime('%Y-%m', created) AS m, group_concat(name, ', ') FROM orders WHERE created > date('now', '-7 days') GROUP BY m",
        ),
        (
            MySql,
            "SELECT `sku`, DATE_FORMAT(`created`, '%Y-%m') AS m, IFNULL(SUM(`qty`), 0) FROM `sales`.`orders` WHERE `created` > DATE_ADD(NOW(), INTERVAL -7 DAY) GROUP BY `sku`, m LIMIT 20",
        ),
        (
            MsSql,
            "SELECT TOP 10 c.[Name], ISNULL(SUM(o.Total), 0) AS [Total Sales] FROM [dbo].[Orders] o WITH (NOLOCK) INNER JOIN dbo.Customers c ON c.Id = o.CustomerId WHERE o.Created >= DATEADD(day, -30, GETDATE()) GROUP BY c.[Name] ORDER BY 2 DESC",
        ),
        (DuckDb, "select year(day) y, median(x), list(distinct sku) from orders group by all order by y limit 5"),
        (
            ClickHouse,
            "SELECT toStartOfMonth(day) AS m, uniqExact(user_id), quantile(0.95)(latency) FROM orders WHERE day >= today() - INTERVAL 30 DAY GROUP BY m ORDER BY m",
        ),
    ] {
        let judgement = judge(query, dialect, &sales);
        assert_eq!(judgement, Ok(()), "{dialect:?} {query}");
    }
}

/// Queries that no dialect's reader accepts.
const REFUSED: [&str; 60] = [
    "",
    ";",
    "select",
    "select 1;;",
    "select 1; select 2",
    "select 1 select 2",
    "select 1 into t",
    "select a from t into outfile 'x'",
    "select a into t from u",
    "select a from t for update",
    "select a from t for share",
    "select a from t lock in share mode",
    "select a from t for xml path",
    "select a from t option (recompile)",
    "select a from t procedure analyse()",
    "select a from t exec xp_cmdshell 'id'",
    "insert into t values (1)",
    "update t set a = 1",
    "delete from t",
    "with a as (delete from t returning *) select * from a",
    "with a as (insert into t select 1) select 1",
    "with a as (select 1) delete from t",
    "table t",
    "values (1)",
    "explain select 1",
    "from t select a",
    "select * from table t",
    "select * from 'file.csv'",
    "select * from srv.db.dbo.t",
    "select * from db..t",
    "select a from t where b in u",
    "select a from t where b in u.c",
    "select a, from t",
    "select 'a\\' from t -- '",
    "select 'a\\'' from t",
    "select e'a\\'b' from t",
    "select u&'\\0061' from t",
    "select x'00' from t",
    "select 'a",
    "select \"a",
    "select /* a",
    "select /*! 1 */ 1",
    "select /*+ hint */ 1",
    "select /* /* */ 1 */",
    "select 1 /* ' */ ' */",
    "select @@version",
    "select @a := 1",
    "select 1e",
    "select 0x41",
    "select 1a from t",
    "select 1.2.3",
    "select a\u{a0}from t",
    "sel\u{435}ct 1",
    "select a from t where b = \u{2018}c\u{2019}",
    "select 1 \0",
    "select 1 \r -- x",
    "select f(a => 1) from t",
    "select {fn now()}",
    "select a from t join u on a = b on c = d",
    "select x.* from t natural u",
];

#[test]
fn queries_that_write_or_that_databases_read_differently_are_refused() {
    for dialect in Dialect::ALL {
        for query in REFUSED {
            let reading = read(query, dialect);
            assert!(reading.is_err(), "{dialect:?} {query}: {reading:?}");
        }
    }
}

#[test]
fn a_setting_of_the_dialect_does_not_change_what_is_read() {
    use Dialect::{ClickHouse, DuckDb, MsSql, MySql, Postgres, Sqlite};
    for (dialect, query) in [
        // `#` and `--1` begin a comment in some databases, and none in others.
        (MySql, "select 1 # x\nfrom t"),
        (MySql, "select 1 --1"),
        (Postgres, "select 1 # 2"),
        (MsSql, "select * from #t"),
        // Each statement of SQL Server may follow without a semicolon.
        (MsSql, "select 1 shutdown"),
        (MsSql, "select a from t checkpoint"),
        (MsSql, "select a from t execute ('x')"),
        (MsSql, "select 1\ngo\nselect 2"),
        (MsSql, "select * from t where a = 1 update u set b = 2"),
        // Quotes of other dialects.
        (Postgres, "select `a` from t"),
        (DuckDb, "select `a` from t"),
        (Postgres, "select * from [t]"),
        (ClickHouse, "select * from [t]"),
        (MsSql, "select [a]]b] from t"),
        (MySql, "select * from \"t\""),
        (Sqlite, "select $$a$$"),
        (MySql, "select n'a'"),
        // Tables and code in other clauses.
        (DuckDb, "select * from t, 'x.parquet'"),
        (DuckDb, "select 'x'.getenv()"),
        (DuckDb, "select x.a.upper() from t where (b).f()"),
        (DuckDb, "pivot t on a"),
        (ClickHouse, "select 1 into outfile 'x'"),
        (ClickHouse, "select a from t where a in (u)"),
        (ClickHouse, "select a from t where a not in ((db.`u`))"),
        (MsSql, "select 1 setuser"),
        (ClickHouse, "select a from t settings x = 1"),
        (ClickHouse, "select a from t format CSV"),
        (ClickHouse, "with 1 as a select a"),
        (Postgres, "select * from only t"),
        (Postgres, "select any (a) from t"),
        (MySql, "select 1, all ('x')"),
        (Postgres, "select * from rows from (f())"),
        (Postgres, "select operator(pg_catalog.-) 1"),
        (Postgres, "select 'a' 'b'"),
        (Postgres, "select x::regclass from t"),
        (Sqlite, "select * from t indexed by i"),
        (MsSql, "select * from t with (tablockx)"),
        (MySql, "select 1 union all table t"),
    ] {
        assert!(read(query, dialect).is_err(), "{dialect:?} {query}");
    }
}

#[test]
fn rules_allow_only_listed_tables_and_functions() {
    use Dialect::{DuckDb, MsSql, Postgres, Sqlite};
    let sales = rules(&["sales.*", "public.orders", "items"]);
    for (dialect, query, is_allowed) in [
        (Postgres, "select lower(a) from sales.x, public.orders, items", true),
        (Postgres, "select a from orders", false),
        (Postgres, "select a from public.items", false),
        (Postgres, "select a from \"Sales\".x", false),
        (Postgres, "select a from sales.\"X\"", true),
        (Postgres, "select a from db.sales.x", false),
        (Postgres, "select pg_sleep(1) from items", false),
        (Postgres, "select pg_catalog.lower(a) from items", true),
        (Postgres, "select public.lower(a) from items", false),
        (Postgres, "select \"Lower\"(a) from items", false),
        (Postgres, "select current_user from items", false),
        (MsSql, "select LEN(a) from Items", false),
        (MsSql, "select LEN(a) from items", true),
        (Sqlite, "select a from \"ITEMS\"", true),
        (Sqlite, "select a from sqlite_master", false),
        (Sqlite, "select writefile('x', a) from items", false),
        (DuckDb, "select a from Sales.\"x.csv\"", false),
        (DuckDb, "select a from sales.parquet", false),
        (DuckDb, "select a from sales.x", true),
        (DuckDb, "select a from read_csv('x')", false),
    ] {
        let judgement = judge(query, dialect, &sales);
        assert_eq!(judgement.is_ok(), is_allowed, "{dialect:?} {query}: {judgement:?}");
    }
}

#[test]
fn rules_bound_the_limit_and_the_statement() {
    let source = SqlSource {
        statements: vec!["select".to_owned()],
        functions: Some(vec!["count".to_owned()]),
        limit: Some(100),
        ..SqlSource::default()
    };
    let limited = SqlRules::compile(&source).unwrap();
    let reason = |query| judge(query, Dialect::Postgres, &limited).map_err(|refusal| refusal.to_string());
    assert_eq!(reason("select count(*) limit 100"), Ok(()));
    assert_eq!(reason("select 1 limit 101"), Err("the limit of the query is over the profile's".to_owned()));
    assert_eq!(reason("select 1"), Err("the query states no limit as a number; end it with limit N".to_owned()));
    assert_eq!(
        reason("select 1, lower('') limit 1"),
        Err("byte 10: no entry of the profile allows the function".to_owned())
    );
    let nothing = SqlRules::compile(&SqlSource::default()).unwrap();
    assert!(judge("select 1", Dialect::Postgres, &nothing).is_err());
}

#[test]
fn entries_without_a_meaning_are_faults_with_a_place() {
    let source = SqlSource {
        statements: vec!["select".to_owned(), "insert".to_owned()],
        tables: ["a", "*", "a..b", "a.*.b", "x*", "a.b.c.d"].map(str::to_owned).to_vec(),
        functions: Some(vec!["@all".to_owned(), "f(x)".to_owned(), "a.b".to_owned()]),
        limit: None,
    };
    let faults = SqlRules::compile(&source).unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| (fault.field, fault.entry.unwrap())).collect();
    let tables = [1, 2, 3, 4, 5].map(|entry| ("sql.tables", entry));
    assert_eq!(places, [&[("sql.statements", 1)][..], &tables, &[("sql.functions", 0), ("sql.functions", 1)]].concat());
}

#[test]
fn pure_functions_are_lower_case_and_hold_no_known_danger() {
    for dialect in Dialect::ALL {
        let names: Vec<&str> = pure_functions(dialect).collect();
        assert!(names.len() >= 100, "{dialect:?} {}", names.len());
        for name in &names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        }
        for danger in [
            "pg_sleep",
            "pg_read_file",
            "lo_import",
            "lo_export",
            "dblink",
            "set_config",
            "current_setting",
            "nextval",
            "setval",
            "query_to_xml",
            "ts_stat",
            "ts_rewrite",
            "load_extension",
            "readfile",
            "writefile",
            "edit",
            "zeroblob",
            "randomblob",
            "load_file",
            "benchmark",
            "sleep",
            "get_lock",
            "openrowset",
            "opendatasource",
            "openquery",
            "read_csv",
            "read_parquet",
            "read_text",
            "read_blob",
            "glob_files",
            "getenv",
            "query",
            "query_table",
            "url",
            "file",
            "remote",
            "s3",
            "dictget",
            "joinget",
            "getsetting",
            "current_user",
            "version",
            "database",
            "schema",
            "pg_terminate_backend",
        ] {
            assert!(!names.contains(&danger), "{dialect:?} {danger}");
        }
    }
}

#[test]
fn size_and_depth_are_bounded_for_every_opener() {
    for dialect in Dialect::ALL {
        for piece in [
            "(",
            "select (",
            "(select ",
            "case ",
            "case when ",
            "f(",
            "[",
            "a[",
            "- ",
            "not ",
            "((select 1) union ",
            "with a as (",
            "select * from (",
            "'",
            "\"",
            "/*",
            "--",
            "$$",
            "$a$",
            "+1",
            "::int",
            ".a",
            " and 1",
            " join a",
            ", a",
            "union select 1 ",
            "a.",
            "{",
            "cast(",
            "interval ",
            "exists (",
        ] {
            let query = format!("select 1 {}", piece.repeat((1 << 16) / piece.len() - 4));
            let _ = read(&query, dialect);
            let _ = read(&query.replacen("1 ", "", 1), dialect);
        }
        let nested = |depth: usize| format!("select {}1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(read(&nested(32), dialect).is_ok());
        assert!(read(&nested(33), dialect).is_err());
        assert!(read(&format!("select 1{}", " + 1".repeat(2_000)), dialect).is_ok());
        assert!(read(&format!("select 1{}", " + 1".repeat(3_000)), dialect).is_err());
        assert!(read(&format!("select 1{}", " ".repeat(1 << 16)), dialect).is_err());
    }
}

#[test]
fn a_refusal_has_the_byte_and_never_a_part_of_the_query() {
    let refusal = read("select a from secret for update", Dialect::Postgres).unwrap_err();
    assert_eq!(refusal.spot, Spot::Byte(21));
    assert!(!refusal.to_string().contains("secret"));
}
