//! The request header that tells the next hop which model the gate read, so that a proxy can route by it.
//!
//! The gate reads the model in the body or in the path, and checks it. A proxy sees neither the checked body nor the API's form, so it
//! must never route by anything that the client wrote.

use callgate_contract::is_model_name;
use callgate_wire::ReleasePolicy;

use crate::gate::Rules;
use crate::request::CheckedRequest;

/// The longest model name in the header, in bytes. No provider has longer ones; an ARN of Bedrock has fewer than 200.
const LONGEST: usize = 256;

/// The value for a model whose name does not fit. It is set, because a request without the header may have another route.
const UNFIT: &str = "?";

/// Returns true for a name in lower case that begins with `x-`.
pub(crate) fn is_header_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    name.len() > 2 && name.starts_with("x-") && name.bytes().all(token)
}

/// Returns the header for a checked request, and keeps it for the request's further rounds. The first model counts: the others of an
/// API with fallback models are the provider's to choose.
pub(crate) fn of(rules: &Rules, checked: &mut CheckedRequest) -> Vec<(String, String)> {
    let Some(name) = rules.model_header.as_deref() else { return Vec::new() };
    let models = checked.request.models();
    let model = models.first().copied().unwrap_or_default();
    let fits = is_model_name(model) && model.len() <= LONGEST;
    let value = if fits { model } else { UNFIT }.to_owned();
    if checked.hold == ReleasePolicy::Turn {
        checked.headers.push(name, &value);
    }
    vec![(name.to_owned(), value)]
}

#[cfg(test)]
mod tests {
    use super::is_header_name;

    #[test]
    fn a_model_header_is_an_x_header_in_lower_case() {
        for (name, fits) in [
            ("x-callgate-model", true),
            ("X-Model", false),
            ("x-", false),
            ("host", false),
            ("x-a:b", false),
            ("", false),
        ] {
            assert_eq!(is_header_name(name), fits, "{name}");
        }
    }
}
