//! An order book kept as files in one folder: the tool behind `contracts/order-desk`.
//!
//! The tool is a WASI preview 1 command. The first argument names the action, standard input holds the call's arguments,
//! and standard output receives one JSON value. The tool reads and writes `/data`, which the contract grants; it can reach
//! nothing else.
//!
//! | argument | standard input                                       | standard output                     |
//! |----------|------------------------------------------------------|-------------------------------------|
//! | `create` | `{"customer_id", "sku", "quantity", "note"?}`         | the order, with its new `order_id`  |
//! | `get`    | `{"order_id"}`                                       | the order                           |
//! | `list`   | `{"customer_id"?, "status"?, "limit"?}`              | `{"orders": […], "total"}`          |
//! | `cancel` | `{"order_id", "reason"}`                             | the order, now `cancelled`          |
//!
//! A failure is one line on standard error, written for the model, and exit code 1. The contract's schemas are enforced
//! before the tool runs; the tool checks only what a schema cannot express.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::book::Book;
use crate::error::Error;

mod book;
mod error;
mod order;

/// The path at which the contract's `files` grant mounts the order book.
const DATA: &str = "/data";

fn main() -> ExitCode {
    let action = std::env::args().nth(1).unwrap_or_default();
    match run(&action, Path::new(DATA)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, nobody can read the message.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: &str, data: &Path) -> Result<(), Error> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).map_err(Error::Stdin)?;
    let answer = act(action, &Book::at(data), &input)?;
    std::io::stdout().write_all(answer.to_string().as_bytes()).map_err(Error::Stdout)
}

fn act(action: &str, book: &Book, input: &[u8]) -> Result<Value, Error> {
    let answer = match action {
        "create" => serde_json::to_value(book.create(arguments(input)?)?),
        "get" => serde_json::to_value(book.get(&arguments::<order::Id>(input)?.order_id)?),
        "list" => serde_json::to_value(book.list(&arguments(input)?)?),
        "cancel" => serde_json::to_value(book.cancel(arguments(input)?)?),
        other => return Err(Error::Action(other.to_owned())),
    };
    answer.map_err(Error::Answer)
}

fn arguments<T: DeserializeOwned>(input: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(input).map_err(Error::Arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn call(folder: &tempfile::TempDir, action: &str, arguments: Value) -> Result<Value, String> {
        act(action, &Book::at(folder.path()), arguments.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_created_order_can_be_read_back_and_listed() {
        let data = folder();
        let made = call(&data, "create", json!({ "customer_id": "C-7", "sku": "LAMP-1", "quantity": 2 })).unwrap();
        let expected =
            json!({ "order_id": "O-1001", "customer_id": "C-7", "sku": "LAMP-1", "quantity": 2, "status": "open" });
        assert_eq!(made, expected);
        assert_eq!(call(&data, "get", json!({ "order_id": "O-1001" })).unwrap(), expected);
        assert_eq!(call(&data, "list", json!({})).unwrap(), json!({ "orders": [expected], "total": 1 }));
    }

    #[test]
    fn numbers_go_up_and_no_order_is_overwritten() {
        let data = folder();
        for expected in ["O-1001", "O-1002", "O-1003"] {
            let made = call(&data, "create", json!({ "customer_id": "C-7", "sku": "LAMP-1", "quantity": 1 })).unwrap();
            assert_eq!(made["order_id"], expected);
        }
    }

    #[test]
    fn a_list_is_filtered_newest_first_and_has_the_total() {
        let data = folder();
        for customer in ["C-1", "C-2", "C-1", "C-1"] {
            call(&data, "create", json!({ "customer_id": customer, "sku": "LAMP-1", "quantity": 1 })).unwrap();
        }
        call(&data, "cancel", json!({ "order_id": "O-1003", "reason": "changed their mind" })).unwrap();
        let found = call(&data, "list", json!({ "customer_id": "C-1", "status": "open", "limit": 1 })).unwrap();
        assert_eq!((&found["total"], &found["orders"][0]["order_id"]), (&json!(2), &json!("O-1004")));
        assert_eq!(found["orders"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_order_is_cancelled_once() {
        let data = folder();
        call(&data, "create", json!({ "customer_id": "C-1", "sku": "LAMP-1", "quantity": 1 })).unwrap();
        let cancelled = call(&data, "cancel", json!({ "order_id": "O-1001", "reason": "damaged" })).unwrap();
        assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("cancelled"), &json!("damaged")));
        let again = call(&data, "cancel", json!({ "order_id": "O-1001", "reason": "damaged" }));
        assert_eq!(again.unwrap_err(), "order O-1001 is already cancelled");
    }

    #[test]
    fn an_order_number_is_never_a_path() {
        let data = folder();
        for id in ["../secret", "O-1/../../x", "O-", "/etc/passwd", ""] {
            let message = call(&data, "get", json!({ "order_id": id })).unwrap_err();
            assert!(message.contains("looks like O-1001"), "{message}");
        }
        assert_eq!(
            call(&data, "get", json!({ "order_id": "O-9" })).unwrap_err(),
            "unknown order O-9; list_orders shows the known ones"
        );
    }

    #[test]
    fn an_unknown_action_is_named() {
        assert!(call(&folder(), "drop", json!({})).unwrap_err().contains("not with `drop`"));
    }
}
