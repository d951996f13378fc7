//! Arguments as the query of a GET or DELETE.
//!
//! A query has only names and texts, so only top-level texts, numbers and booleans fit: a text unchanged, the others as
//! JSON writes them. No agreed way to write `null`, lists and objects exists. A guess would let two servers read two
//! things, so those are refused.

use callgate_json::Value;
use reqwest::Url;

/// The JSON Pointer of a member a query cannot hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotFlat(pub(super) String);

/// Writes canonical arguments into the query of `url`.
pub(super) fn write(url: &mut Url, arguments: &str) -> Result<(), NotFlat> {
    let Ok(Value::Object(members)) = callgate_json::read(arguments.as_bytes()) else {
        return Err(NotFlat(String::new()));
    };
    if members.is_empty() {
        return Ok(());
    }
    let mut query = url.query_pairs_mut();
    for (name, value) in &members {
        match value {
            Value::String(text) => query.append_pair(name, text),
            Value::Number(_) | Value::Bool(_) => query.append_pair(name, &callgate_json::canonical(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(NotFlat(format!("/{}", name.replace('~', "~0").replace('/', "~1"))));
            }
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(arguments: &str) -> Result<String, NotFlat> {
        let mut url: Url = "http://a/v1/orders".parse().unwrap();
        write(&mut url, arguments).map(|()| url.to_string())
    }

    #[test]
    fn texts_numbers_and_booleans_are_written() {
        assert_eq!(query("{}").unwrap(), "http://a/v1/orders");
        assert_eq!(
            query(r#"{"a":"x y&b=c#é","big":1e21,"n":-1.5,"open":true}"#).unwrap(),
            "http://a/v1/orders?a=x+y%26b%3Dc%23%C3%A9&big=1e%2B21&n=-1.5&open=true"
        );
    }

    #[test]
    fn what_no_query_can_hold_is_named() {
        for (arguments, pointer) in [(r#"{"a":null}"#, "/a"), (r#"{"a/b":[1]}"#, "/a~1b"), (r#"{"a":{}}"#, "/a")] {
            assert_eq!(query(arguments).unwrap_err(), NotFlat(pointer.into()));
        }
    }
}
