//! Queries: recorded series, and selectors of the dashboard's variables.
//!
//! A query of a panel has `$G` among the matchers of a gate's series, and `$E` among those of an executor's.

/// A series that Prometheus records because several panels or alerts read it: `rate(METRIC[5m])`.
pub(super) struct Recorded {
    pub(super) name: &'static str,
    pub(super) metric: &'static str,
}

/// The recorded series.
pub(super) const RECORDED: [Recorded; 8] = [
    Recorded { name: "callgate:exchanges_ended:rate5m", metric: "callgate_exchanges_ended" },
    Recorded { name: "callgate:exchanges_refused:rate5m", metric: "callgate_exchanges_refused" },
    Recorded { name: "callgate:calls_refused:rate5m", metric: "callgate_calls_refused" },
    Recorded { name: "callgate:filter_time_us_bucket:rate5m", metric: "callgate_filter_time_us_bucket" },
    Recorded { name: "callgate:response_held_ms_bucket:rate5m", metric: "callgate_response_held_ms_bucket" },
    Recorded { name: "callgate:executor_calls:rate5m", metric: "callgate_executor_calls_total" },
    Recorded {
        name: "callgate:executor_call_duration_seconds_bucket:rate5m",
        metric: "callgate_executor_call_duration_seconds_bucket",
    },
    Recorded {
        name: "callgate:executor_queue_wait_seconds_bucket:rate5m",
        metric: "callgate_executor_queue_wait_seconds_bucket",
    },
];

/// The matchers of a gate's series.
const GATE: &str = r#"cluster=~"$cluster", instance=~"$gate""#;
/// The matchers of an executor's series.
const EXECUTOR: &str = r#"cluster=~"$cluster", instance=~"$executor""#;

/// Writes the matchers of the dashboard's variables.
pub(super) fn selected(query: &str) -> String {
    query.replace("$G", GATE).replace("$E", EXECUTOR)
}

/// Replaces recorded series by their expressions.
pub(super) fn plain(query: &str) -> String {
    RECORDED.iter().fold(query.to_owned(), |query, recorded| {
        let mut pieces = query.split(recorded.name);
        let mut plain = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            // Values of our matchers hold no `}`.
            let end = if piece.starts_with('{') { piece.find('}').map_or(0, |end| end.saturating_add(1)) } else { 0 };
            let (matchers, rest) = piece.split_at_checked(end).unwrap_or(("", piece));
            plain.push_str(&format!("rate({}{matchers}[5m]){rest}", recorded.metric));
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_series_become_rates_with_their_matchers() {
        let query = r#"sum (callgate:calls_refused:rate5m{code="a",$G}) / callgate:calls_refused:rate5m > 0"#;
        assert_eq!(
            selected(&plain(query)),
            r#"sum (rate(callgate_calls_refused{code="a",cluster=~"$cluster", instance=~"$gate"}[5m])) / rate(callgate_calls_refused[5m]) > 0"#
        );
    }
}
