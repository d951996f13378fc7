//! The executor's protobuf interface: `src/proto/proto` compiled to Rust.
//!
//! By default it has only the messages, which also build for `wasm32-wasip1`; the feature `service` adds the tonic client
//! and server. The comments in the `.proto` files document the items.
//!
//! ```
//! use callgate_proto::executor::v1::{CallOutcome, Failure, FailureKind, call_outcome::Outcome};
//!
//! let failure = Failure { kind: FailureKind::Timeout.into(), ..Failure::default() };
//! let outcome = CallOutcome { id: "call_1".into(), outcome: Some(Outcome::Failure(failure)), usage: None };
//! assert!(matches!(outcome.outcome, Some(Outcome::Failure(failure)) if failure.kind() == FailureKind::Timeout));
//! ```

#[cfg(feature = "service")]
mod codec;

/// `callgate.executor`.
pub mod executor {
    /// `callgate.executor.v1`: the filter's requests to the executor.
    #[allow(
        missing_docs,
        unreachable_pub,
        clippy::allow_attributes_without_reason,
        clippy::pedantic,
        clippy::nursery,
        reason = "generated from the .proto file"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/callgate.executor.v1.rs"));

        /// Full name of the service, as in a gRPC path: `/callgate.executor.v1.Executor/Execute`.
        pub const EXECUTOR_SERVICE: &str = "callgate.executor.v1.Executor";
    }
}

/// `callgate.worker`.
pub mod worker {
    /// `callgate.worker.v1`: the executor's requests to a worker.
    #[allow(
        missing_docs,
        unreachable_pub,
        clippy::allow_attributes_without_reason,
        clippy::pedantic,
        clippy::nursery,
        reason = "generated from the .proto file"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/callgate.worker.v1.rs"));
    }
}

/// The encoded `google.protobuf.FileDescriptorSet` of all `.proto` files, for gRPC server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(test)]
mod tests {
    use prost::Message;

    use crate::executor::v1::{CallOutcome, Failure, FailureKind, call_outcome::Outcome};

    #[test]
    fn an_outcome_survives_encoding() {
        let outcome = CallOutcome {
            id: "call_1".into(),
            outcome: Some(Outcome::Failure(Failure {
                kind: FailureKind::Denied.into(),
                message: "no".into(),
                violation_code: "tool_not_in_contract".into(),
                approval_id: String::new(),
            })),
            usage: None,
        };
        let bytes = outcome.encode_to_vec();
        assert_eq!(CallOutcome::decode(bytes.as_slice()).unwrap(), outcome);
    }

    #[test]
    fn kinds_have_their_wire_names() {
        assert_eq!(FailureKind::OutOfFuel.as_str_name(), "FAILURE_KIND_OUT_OF_FUEL");
    }
}
