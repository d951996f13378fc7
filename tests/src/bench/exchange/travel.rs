//! The texts of the usual exchange: a request of 1.5 KB that declares two tools, and an answer of 1 KB that calls both.

/// The body of the request.
pub(super) const REQUEST: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are the assistant of the travel desk of a company. Answer briefly, in the language of the user. Use the tools for anything that can change, such as the weather, prices and timetables; never guess those. If a tool fails, say so and offer to try again. Prices are in euros unless the user asks for another currency, and times are local."},{"role":"user","content":"I am thinking of a long weekend in Rome at the end of the month, leaving from Oslo on Thursday morning with one other person. What will the weather be like, and is there a flight that still has two seats, not too early?"}],"temperature":0.2,"tools":[{"type":"function","function":{"name":"get_weather","description":"The weather in a city, for up to a week.","parameters":{"type":"object","required":["city"],"additionalProperties":false,"properties":{"city":{"type":"string","minLength":1,"maxLength":64},"days":{"type":"integer","minimum":1,"maximum":7},"unit":{"enum":["celsius","fahrenheit"]}}}}},{"type":"function","function":{"name":"find_flights","description":"Flights between two airports on a day.","parameters":{"type":"object","required":["from","to","date"],"additionalProperties":false,"properties":{"from":{"type":"string","pattern":"^[A-Z]{3}$"},"to":{"type":"string","pattern":"^[A-Z]{3}$"},"date":{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},"passengers":{"type":"integer","minimum":1,"maximum":9}}}}}]}"#;

/// The body of the answer.
pub(super) const ANSWER: &str = r#"{"id":"chatcmpl-Bx0123456789abcdefghijklm","object":"chat.completion","created":1750000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Let me look at the weather in Rome for those days and at the flights from Oslo on that Thursday that still have two seats for you.","tool_calls":[{"id":"call_a1b2c3d4e5f6g7h8i9j0k1l2","type":"function","function":{"name":"get_weather","arguments":"{\"city\": \"Rome\", \"days\": 4, \"unit\": \"celsius\"}"}},{"id":"call_m3n4o5p6q7r8s9t0u1v2w3x4","type":"function","function":{"name":"find_flights","arguments":"{\"from\": \"OSL\", \"to\": \"FCO\", \"date\": \"2025-06-26\", \"passengers\": 2}"}}],"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":312,"completion_tokens":71,"total_tokens":383,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"system_fingerprint":"fp_0123456789"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_has_the_sizes_it_is_named_for() {
        assert!((1450..1550).contains(&REQUEST.len()), "{}", REQUEST.len());
        assert!((980..1070).contains(&ANSWER.len()), "{}", ANSWER.len());
        for text in [REQUEST, ANSWER] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }
}
