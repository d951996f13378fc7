//! The functions that only compute: `@pure`.
//!
//! None reads a file, a setting, a catalogue or another session, writes, waits, connects, or runs a text as a query. Their time and
//! memory are the database's limit to set.

use super::Dialect;

const COMMON: &str = "count sum avg min max coalesce nullif abs round ceil ceiling floor sign sqrt power exp ln log log10 pi sin cos tan asin acos atan atan2 \
    degrees radians mod upper lower trim ltrim rtrim replace substring length concat left right reverse row_number rank dense_rank \
    ntile lag lead first_value last_value percent_rank cume_dist nth_value greatest least cast extract position random rand grouping \
    rollup cube current_date current_time current_timestamp row repeat ascii overlay stddev stddev_pop stddev_samp variance var_pop \
    var_samp";

const POSTGRES: &str = "array any_value array_agg string_agg bool_and bool_or every bit_and bit_or bit_xor mode percentile_cont percentile_disc corr \
    covar_pop covar_samp regr_slope regr_intercept regr_r2 regr_count regr_avgx regr_avgy json_agg jsonb_agg json_object_agg jsonb_object_agg json_build_object \
    jsonb_build_object json_build_array jsonb_build_array to_json to_jsonb row_to_json json_array_length jsonb_array_length json_typeof \
    jsonb_typeof json_extract_path json_extract_path_text jsonb_extract_path jsonb_extract_path_text json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_each \
    jsonb_each json_each_text jsonb_each_text json_object_keys jsonb_object_keys jsonb_path_exists jsonb_path_query jsonb_path_query_array \
    jsonb_path_query_first jsonb_set jsonb_strip_nulls jsonb_pretty unnest generate_series array_length array_position array_to_string \
    string_to_array array_append array_prepend array_cat array_remove cardinality array_upper array_lower now localtime localtimestamp statement_timestamp \
    clock_timestamp transaction_timestamp date_trunc date_part date_bin age make_date make_time make_timestamp make_timestamptz make_interval \
    justify_days justify_hours justify_interval isfinite to_char to_date to_timestamp to_number div trunc width_bucket cbrt gcd lcm factorial log2 bit_length char_length \
    character_length octet_length btrim lpad rpad initcap split_part strpos substr translate starts_with format chr md5 sha256 encode decode concat_ws \
    regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table regexp_count regexp_like regexp_substr regexp_instr \
    quote_literal quote_ident quote_nullable to_hex to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd \
    ts_headline setweight num_nulls num_nonnulls lower_inc upper_inc isempty daterange tsrange tstzrange int4range int8range numrange \
    gen_random_uuid host family masklen abbrev date_add date_subtract string_to_table";

const SQLITE: &str = "total group_concat ifnull iif instr substr char unicode hex quote typeof date time datetime julianday strftime unixepoch timediff \
    trunc log2 like glob likely unlikely likelihood json json_array json_array_length json_extract json_object json_type json_valid \
    json_quote json_group_array json_group_object json_each json_tree json_set json_insert json_replace json_remove json_patch format printf \
    concat_ws string_agg octet_length acosh asinh atanh cosh sinh tanh soundex generate_series median percentile if";

const MYSQL: &str = "if ifnull group_concat concat_ws substr substring_index char_length character_length octet_length bit_length lcase ucase lpad rpad instr \
    locate field find_in_set elt format hex unhex bin oct conv char ord space strcmp mid insert now curdate curtime sysdate utc_date utc_time \
    utc_timestamp localtime localtimestamp date time year month day hour minute second microsecond quarter week weekday weekofyear yearweek dayname monthname dayofmonth \
    dayofweek dayofyear last_day date_add date_sub adddate subdate addtime subtime datediff timediff timestampdiff timestampadd timestamp date_format \
    time_format str_to_date from_unixtime unix_timestamp from_days to_days to_seconds sec_to_time time_to_sec makedate maketime period_add period_diff convert_tz convert truncate \
    crc32 md5 sha1 sha2 bit_count bit_and bit_or bit_xor any_value std regexp_replace regexp_like regexp_substr regexp_instr json_extract json_unquote json_object json_array \
    json_arrayagg json_objectagg json_length json_contains json_contains_path json_keys json_type json_valid json_search json_value json_overlaps isnull interval soundex \
    quote to_base64 from_base64 uuid_to_bin bin_to_uuid inet_aton inet_ntoa is_ipv4 is_ipv6 cot";

const MSSQL: &str = "isnull iif choose len datalength charindex patindex stuff replicate space str string_agg string_escape concat_ws translate char nchar unicode quotename \
    soundex difference format convert try_convert parse try_parse try_cast getdate getutcdate sysdatetime sysutcdatetime sysdatetimeoffset dateadd \
    datediff datediff_big datename datepart day month year datefromparts datetimefromparts datetime2fromparts timefromparts eomonth isdate switchoffset todatetimeoffset datetrunc date_bucket isnumeric \
    square cot log atn2 count_big stdev stdevp var varp approx_count_distinct percentile_cont percentile_disc checksum binary_checksum hashbytes \
    json_value json_query isjson json_modify grouping_id newid string_split generate_series checksum_agg";

const DUCKDB: &str = "array any_value arg_max arg_min argmax argmin max_by min_by array_agg list string_agg group_concat listagg bool_and bool_or bit_and bit_or bit_xor median mode quantile quantile_cont \
    quantile_disc percentile_cont percentile_disc approx_count_distinct approx_quantile corr covar_pop covar_samp entropy kurtosis skewness product histogram count_if countif count_star fsum kahan_sum favg geomean geometric_mean \
    first last regr_slope regr_intercept regr_r2 ifnull if trunc even gcd lcm factorial cbrt log2 concat_ws contains starts_with ends_with prefix suffix instr strpos \
    length strlen lcase ucase lpad rpad split_part string_split str_split string_to_array split format printf chr ord unicode md5 sha256 hash hex unhex bin substr array_slice list_slice \
    regexp_matches regexp_replace regexp_extract regexp_extract_all regexp_full_match regexp_split_to_array levenshtein jaccard jaro_similarity jaro_winkler_similarity now today \
    localtime localtimestamp date_trunc date_part datepart date_diff datediff date_add date_sub datesub age make_date make_time make_timestamp strftime strptime try_strptime to_timestamp epoch epoch_ms year month day hour minute second quarter week \
    weekday dayofweek dayofyear dayofmonth isodow weekofyear yearweek dayname monthname last_day time_bucket to_days to_months to_years to_hours to_minutes to_seconds unnest generate_series range list_value list_aggregate list_contains \
    list_distinct list_sort list_sum list_avg list_min list_max list_transform list_filter list_concat list_unique array_length len cardinality struct_pack struct_extract map_keys map_values map_extract \
    json_extract json_extract_string json_array_length json_keys json_object json_array json_group_array json_group_object json_type json_valid to_json row_to_json \
    typeof isnan isinf isfinite uuid gen_random_uuid bit_count bit_length encode decode base64 from_base64 to_base64 strip_accents bar left_grapheme greatest_common_divisor least_common_multiple";

const CLICKHOUSE: &str = "array uniq uniqexact uniqhll12 uniqcombined any anylast argmin argmax quantile quantiles quantileexact quantiletdigest median topk grouparray groupuniqarray sumif countif \
    avgif minif maxif uniqif anyif groupbitand groupbitor groupbitxor corr covarpop covarsamp stddevpop stddevsamp varpop varsamp skewpop skewsamp kurtpop kurtsamp if multiif ifnull isnull isnotnull assumenotnull tonullable \
    isnan isfinite isinfinite intdiv intdivorzero modulo positivemodulo trunc cbrt exp2 exp10 log2 todate todate32 todatetime todatetime64 tostring tofixedstring toint8 toint16 toint32 toint64 touint8 touint16 touint32 touint64 tofloat32 tofloat64 \
    todecimal32 todecimal64 todecimal128 tointervalday tointervalhour tointervalminute tointervalmonth tointervalsecond tointervalweek tointervalyear toyear tomonth todayofmonth todayofweek todayofyear tohour tominute tosecond toquarter toisoweek \
    tostartofyear tostartofquarter tostartofmonth tostartofweek tostartofday tostartofhour tostartofminute tostartoffiveminutes tostartoffifteenminutes tostartofinterval tomonday toyyyymm toyyyymmdd tounixtimestamp fromunixtimestamp now now64 today yesterday \
    datediff date_diff dateadd datesub date_add date_sub date_trunc adddays addhours addminutes addmonths addseconds addweeks addyears subtractdays subtracthours subtractmonths subtractweeks subtractyears formatdatetime parsedatetimebesteffort parsedatetimebesteffortornull totimezone \
    empty notempty lowerutf8 upperutf8 lengthutf8 substr substringutf8 positioncaseinsensitive countsubstrings startswith endswith match multimatchany like ilike notlike extractall \
    replaceone replaceall replaceregexpone replaceregexpall splitbychar splitbystring splitbyregexp arraystringconcat format concatwithseparator concat_ws trimboth trimleft trimright leftpad rightpad base64encode base64decode hex unhex md5 sha256 cityhash64 siphash64 xxhash64 \
    arrayjoin has hasall hasany indexof arraycount arraymap arrayfilter arraysum arrayavg arraymin arraymax arraysort arrayreversesort arraydistinct arrayuniq arrayconcat arrayelement arrayslice arrayexists arrayall arrayfirst range tuple tupleelement \
    map mapkeys mapvalues mapcontains jsonextract jsonextractstring jsonextractint jsonextractuint jsonextractfloat jsonextractbool jsonextractraw jsonextractarrayraw jsonhas jsonlength simplejsonextractstring visitparamextractstring domain toplevelname topleveldomain protocol path \
    cutquerystring extracturlparameter ipv4numtostring ipv4stringtonum tojsonstring runningdifference neighbor transform bar exponentialmovingaverage lagginframe leadinframe numbers";

/// Returns the dialect's functions of `@pure`, in lower case.
pub fn pure_functions(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    COMMON.split_ascii_whitespace().chain(own(dialect).split_ascii_whitespace())
}

/// Tells if a function, as the reader folds it, only computes.
pub(super) fn is_pure(name: &str, dialect: Dialect) -> bool {
    let name = match dialect {
        // The schema of the built-in functions.
        Dialect::Postgres => name.strip_prefix("pg_catalog.").unwrap_or(name),
        _ => name,
    };
    // The lists are in lower case: a quoted name of another case is another function.
    pure_functions(dialect).any(|entry| entry == name)
}

fn own(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::Sqlite => SQLITE,
        Dialect::MySql => MYSQL,
        Dialect::MsSql => MSSQL,
        Dialect::DuckDb => DUCKDB,
        Dialect::ClickHouse => CLICKHOUSE,
    }
}
