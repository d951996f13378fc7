//! Faults of schemas and of values, each with its place.

/// A fault of a schema, and its place.
#[derive(Clone, Debug)]
pub(crate) struct SchemaFault {
    pub(crate) pointer: String,
    pub(crate) message: String,
}

/// The reason why a value does not satisfy a schema, and the place in the value.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) pointer: String,
    pub(crate) message: String,
}
