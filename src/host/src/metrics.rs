//! Counters and histograms of a host. Their names hold only words of ours, so a host can define all of them before the first exchange.

use callgate_engine::{
    CallCode, Code, Cost, DIALECTS, Difference, ExchangeVerdict, RedactedKind, Standing, Tally, UsageSource,
};

pub use crate::histograms::Histogram;
pub(crate) use crate::histograms::measure;

/// The metrics of a host.
pub trait Metrics {
    /// Adds to a counter.
    fn add(&self, counter: Counter, by: u64);

    /// Adds a value to a histogram.
    fn record(&self, histogram: Histogram, value: u64);
}

/// One counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Calls released to clients.
    CallsReleased,
    /// Calls given to the executor.
    CallsRun,
    /// Calls refused with a code.
    CallsRefused(CallCode),
    /// Allowed calls with a broken rule, which is not enforced, by its code.
    CallsShadowed(CallCode),
    /// Exchanges that an enforced contract would end by an error with a code.
    ExchangesShadowed(Code),
    /// Calls decided by a candidate contract too.
    CandidateCalls,
    /// Calls that the candidate refuses with a code, and the active contract not with the same.
    CandidateRefused(CallCode),
    /// Calls that the candidate allows, and the active contract refuses with a code.
    CandidateAllowed(CallCode),
    /// Exchanges whose tokens and cost could not be charged to limits.
    ChargesLost,
    /// Exchanges with a request, a round or a call that passed uncounted, because the executor did not answer.
    ExchangesUncounted,
    /// Conversations begun.
    ConversationsBegun,
    /// Requests in a conversation that was paused.
    ConversationsResumed,
    /// Redacted values of a built-in kind, or of any pattern of the contract.
    Redacted(Option<RedactedKind>),
    /// Unknown members dropped from requests.
    MembersDropped,
    /// Requests of MCP servers to their clients that did not pass.
    InputsWithheld,
    /// Exchanges broken off by the client or the upstream.
    ExchangesCancelled,
    /// Tokens of the input.
    TokensInput,
    /// Tokens of the output.
    TokensOutput,
    /// Exchanges with an estimate among their tokens.
    TokensEstimated,
    /// Costs in millionths of the unit of the contract's currency.
    CostMicros,
    /// Exchanges ended by an error with a code.
    ExchangesRefused(Code),
    /// Exchanges by the name of their dialect and their verdict. `None` is a path without a dialect.
    ExchangesEnded(Option<&'static str>, ExchangeVerdict),
    /// Decisions the executor has acknowledged.
    DecisionsRecorded,
    /// Decisions lost for the audit log.
    DecisionsLost,
}

// === impl Counter ===

impl Counter {
    /// Returns every counter.
    pub fn all() -> impl Iterator<Item = Self> {
        let plain = [
            Self::CallsReleased,
            Self::CallsRun,
            Self::CandidateCalls,
            Self::ChargesLost,
            Self::ExchangesUncounted,
            Self::ConversationsBegun,
            Self::ConversationsResumed,
            Self::MembersDropped,
            Self::InputsWithheld,
            Self::ExchangesCancelled,
            Self::TokensInput,
            Self::TokensOutput,
            Self::TokensEstimated,
            Self::CostMicros,
            Self::DecisionsRecorded,
            Self::DecisionsLost,
        ];
        let of_calls = [Self::CallsRefused, Self::CallsShadowed, Self::CandidateRefused, Self::CandidateAllowed];
        let calls = of_calls.into_iter().flat_map(|of| CallCode::ALL.iter().map(move |code| of(*code)));
        let of_exchanges = [Self::ExchangesRefused, Self::ExchangesShadowed];
        let redacted = RedactedKind::ALL.into_iter().map(Some).chain([None]).map(Self::Redacted);
        let dialects = DIALECTS.iter().map(|row| Some(row.name)).chain([None]);
        let ended = dialects.flat_map(|dialect| {
            ExchangeVerdict::ALL.into_iter().map(move |verdict| Self::ExchangesEnded(dialect, verdict))
        });
        let exchanges = of_exchanges.into_iter().flat_map(|of| Code::all().map(of));
        plain.into_iter().chain(redacted).chain(calls).chain(exchanges).chain(ended)
    }

    /// Returns the name, such as `callgate.calls.refused.arguments_invalid`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::CallsReleased => "callgate.calls.released".to_owned(),
            Self::CallsRun => "callgate.calls.run".to_owned(),
            Self::CallsRefused(code) => format!("callgate.calls.refused.{}", code.as_str()),
            Self::CallsShadowed(code) => format!("callgate.calls.shadowed.{}", code.as_str()),
            Self::ExchangesShadowed(code) => format!("callgate.exchanges.shadowed.{}", code.as_str()),
            Self::CandidateCalls => "callgate.candidate.calls".to_owned(),
            Self::CandidateRefused(code) => format!("callgate.candidate.refused.{}", code.as_str()),
            Self::CandidateAllowed(code) => format!("callgate.candidate.allowed.{}", code.as_str()),
            Self::ChargesLost => "callgate.charges.lost".to_owned(),
            Self::ExchangesUncounted => "callgate.exchanges.uncounted".to_owned(),
            Self::ConversationsBegun => "callgate.conversations.begun".to_owned(),
            Self::ConversationsResumed => "callgate.conversations.resumed".to_owned(),
            Self::Redacted(kind) => format!("callgate.redacted.{}", kind.map_or("pattern", RedactedKind::as_str)),
            Self::MembersDropped => "callgate.request.members.dropped".to_owned(),
            Self::InputsWithheld => "callgate.mcp.inputs.withheld".to_owned(),
            Self::ExchangesCancelled => "callgate.exchanges.cancelled".to_owned(),
            Self::TokensInput => "callgate.tokens.input".to_owned(),
            Self::TokensOutput => "callgate.tokens.output".to_owned(),
            Self::TokensEstimated => "callgate.tokens.estimated".to_owned(),
            Self::CostMicros => "callgate.cost.micros".to_owned(),
            Self::ExchangesRefused(code) => format!("callgate.exchanges.refused.{}", code.as_str()),
            Self::ExchangesEnded(dialect, verdict) => {
                format!("callgate.exchanges.ended.{}.{}", dialect.unwrap_or("none"), verdict.as_str())
            }
            Self::DecisionsRecorded => "callgate.decisions.recorded".to_owned(),
            Self::DecisionsLost => "callgate.decisions.lost".to_owned(),
        }
    }
}

/// Passes the counts of one exchange to `add`, without zeros.
pub fn count(tally: &Tally, mut add: impl FnMut(Counter, u64)) {
    let members = u64::try_from(tally.dropped_members.len()).unwrap_or(u64::MAX);
    let counts = [
        (Counter::CallsReleased, tally.released.into()),
        (Counter::CallsRun, tally.run.into()),
        (Counter::CandidateCalls, tally.compared.into()),
        (Counter::MembersDropped, members.saturating_add(tally.dropped_members_unnamed)),
        (Counter::InputsWithheld, tally.inputs_withheld.into()),
        (Counter::ExchangesCancelled, tally.cancelled.into()),
        (Counter::ExchangesEnded(tally.dialect, tally.ending().0), 1),
        (Counter::ChargesLost, tally.charge_lost.into()),
        (Counter::ExchangesUncounted, tally.uncounted.into()),
        (Counter::TokensInput, tally.usage.input_tokens),
        (Counter::TokensOutput, tally.usage.output_tokens),
        (Counter::TokensEstimated, (tally.usage_source == UsageSource::Estimated).into()),
        (Counter::CostMicros, tally.cost.map_or(0, Cost::micros)),
    ];
    let conversation = tally.conversation.as_ref().and_then(|conversation| match conversation.standing {
        Standing::Begun => Some((Counter::ConversationsBegun, 1)),
        Standing::Resumed => Some((Counter::ConversationsResumed, 1)),
        Standing::Active => None,
    });
    let refused = tally.refused.iter().map(|code| (Counter::CallsRefused(*code), 1));
    let error = tally.error.map(|code| (Counter::ExchangesRefused(code), 1));
    let shadowed = tally.shadowed.iter().map(|code| (Counter::CallsShadowed(*code), 1));
    let errors = tally.shadowed_errors.iter().map(|code| (Counter::ExchangesShadowed(*code), 1));
    let differences = tally.differences.iter().filter_map(|difference| match *difference {
        Difference { candidate: Some(code), .. } => Some((Counter::CandidateRefused(code), 1)),
        Difference { active: Some(code), candidate: None } => Some((Counter::CandidateAllowed(code), 1)),
        Difference { active: None, candidate: None } => None,
    });
    let redacted = tally.redacted.iter().map(|(kind, count)| (Counter::Redacted(kind), count.into()));
    let others = shadowed.chain(errors).chain(differences).chain(redacted);
    for (counter, by) in counts.into_iter().chain(conversation).chain(refused).chain(error).chain(others) {
        if by > 0 {
            add(counter, by);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use callgate_engine::Usage;

    use super::*;

    #[test]
    fn every_counter_has_a_name_of_its_own_in_metric_characters() {
        let names: Vec<String> = Counter::all().map(Counter::name).collect();
        // Codes of an exchange that share their text with the code of a call share both counters of exchanges with it.
        let distinct: HashSet<&String> = names.iter().collect();
        let of_calls: HashSet<&str> = CallCode::ALL.iter().map(|code| code.as_str()).collect();
        let is_own = |code: &Code| !matches!(code, Code::Call(_));
        let shared = Code::all().filter(is_own).filter(|code| of_calls.contains(code.as_str())).count();
        assert!(names.len() > 40 && distinct.len() + 2 * shared == names.len(), "{names:?}");
        let fits =
            |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._0123456789".contains(&byte));
        assert!(names.iter().all(fits), "{names:?}");
        for name in ["callgate.exchanges.ended.chat_completions.allow", "callgate.exchanges.ended.none.pass"] {
            assert!(distinct.contains(&name.to_owned()), "{names:?}");
        }
    }

    #[test]
    fn an_exchange_is_counted_by_its_codes() {
        let tally = Tally {
            released: 2,
            refused: vec![CallCode::ArgumentsInvalid, CallCode::ArgumentsInvalid],
            error: Some(Code::LimitExceeded),
            dialect: Some("messages"),
            usage: Usage { input_tokens: 70, output_tokens: 3, ..Usage::default() },
            usage_source: UsageSource::Estimated,
            ..Tally::default()
        };
        let mut counts = Vec::new();
        count(&tally, |counter, by| counts.push((counter.name(), by)));
        assert_eq!(
            counts,
            [
                ("callgate.calls.released".to_owned(), 2),
                ("callgate.exchanges.ended.messages.error".to_owned(), 1),
                ("callgate.tokens.input".to_owned(), 70),
                ("callgate.tokens.output".to_owned(), 3),
                ("callgate.tokens.estimated".to_owned(), 1),
                ("callgate.calls.refused.arguments_invalid".to_owned(), 1),
                ("callgate.calls.refused.arguments_invalid".to_owned(), 1),
                ("callgate.exchanges.refused.limit_exceeded".to_owned(), 1),
            ]
        );
    }
}
