//! The reasons for refusing a gate.

use callgate_contract::ClaimFault;

use crate::select::MatchError;

/// The reason for refusing a gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A server-run tool without an executor to run it.
    #[error("`executor` is missing: tool `{tool}` is run by the executor; name its cluster")]
    NoExecutor {
        /// The first such tool.
        tool: String,
    },
    /// Calls that the executor must release, without an executor.
    #[error(
        "`executor` is missing: the contract lets the client have calls of `{tool}` only if the executor releases them; name its \
         cluster"
    )]
    NoAuthorizer {
        /// The first such tool.
        tool: String,
    },
    /// A path whose tools the executor runs, without an executor.
    #[error(
        "`executor` is missing: no server is behind `{path}`, so the executor runs every tool there; name its cluster"
    )]
    NoRunner {
        /// The path.
        path: String,
    },
    /// Counts at the executor, without an executor.
    #[error("`executor` is missing: the contract counts in the executor's store (`limits.store`); name its cluster")]
    NoCounter,
    /// Further rounds without a cluster to ask the model again.
    #[error("`upstream` is missing: {because}; name the cluster on which the model is asked again")]
    NoUpstream {
        /// The part of the contract that needs further rounds.
        because: String,
    },
    /// Handles of tasks without a key to seal them.
    #[error(
        "`sealing` is missing: the contract has `mcp.tasks`, whose handles are sealed; give `sealing.keys`, with \
         `--sealing-variable` of `callgate render`"
    )]
    NoSealingKey,
    /// An entry of `requestMembers.allow` on which the gate itself decides.
    #[error(
        "`requestMembers.allow` lists `{member}`, which the gate reads and decides on itself; remove it, because listing it \
             would change nothing"
    )]
    MemberJudged {
        /// The entry.
        member: String,
    },
    /// A header for the model that means something else, or that no request can have.
    #[error(
        "`modelHeader` is `{name}`, which is not free; give a name in lower case that begins with `x-` and that the gate does not read"
    )]
    ModelHeader {
        /// The name.
        name: String,
    },
    /// A path that no request can have, or with a `{model}` its API does not read.
    #[error(
        "`paths.{key}` lists `{path}`, which no request can match; write a path in normal form, with one `{{model}}` at most and \
             only if the API is a model's"
    )]
    PathPattern {
        /// The list with the path.
        key: &'static str,
        /// The path.
        path: String,
    },
    /// A budget too small for one exchange.
    #[error(
        "`heldBytes` is too small for the contract; give at least {least} bytes, twice `requestBytes` and `responseBytes`"
    )]
    HeldBytes {
        /// Bytes.
        least: u64,
    },
    /// A client whose role the contract lacks.
    #[error(
        "`identity` gives client `{client}` the role `{role}`, which the contract lacks; name a role of `spec.roles`"
    )]
    ClientRole {
        /// The client's id.
        client: String,
        /// The role.
        role: String,
    },
    /// No scope at all.
    #[error("`identity` gives no scope a role, so no request would be accepted; list at least one scope")]
    NoScope,
    /// An address that could end the quotes of a header.
    #[error(
        "`identity` gives the address `{address}` of the resource's metadata, which has other characters than a URL; give one in printable ASCII"
    )]
    ResourceMetadata {
        /// The address.
        address: String,
    },
    /// A scope that no token can have, or that is listed before.
    #[error(
        "`identity` lists the scope `{scope}` twice, or it has other characters than a scope; list printable ASCII without spaces, quotes and backslashes, once each"
    )]
    Scope {
        /// The scope.
        scope: String,
    },
    /// A scope whose role no contract has.
    #[error(
        "`identity` gives the scope `{scope}` the role `{role}`, which no contract has; name a role of `spec.roles`"
    )]
    ScopeRole {
        /// The scope.
        scope: String,
        /// The role.
        role: String,
    },
    /// A client that gets no contract.
    #[error(
        "`identity` lists client `{client}`, whose tenant and role match no entry of `contracts`; add an entry or remove the client"
    )]
    ClientUnmatched {
        /// The client's id.
        client: String,
    },
    /// A claim of a client that does not fit the client's contract.
    #[error("`identity`, client `{client}`: {fault}, as the contract declares it")]
    ClientClaim {
        /// The client's id.
        client: String,
        /// The claim, and its type.
        fault: ClaimFault,
    },
    /// A claim that no contract declares.
    #[error(
        "`identity` gives the claim `{name}`, which no contract declares in `spec.claims`; declare it or remove it"
    )]
    ClaimUndeclared {
        /// The claim.
        name: String,
    },
    /// A list in a header.
    #[error("`identity.header.claims` names a header for `{name}`, which is a list; a header has no form for lists")]
    ClaimList {
        /// The claim.
        name: String,
    },
    /// A fixed caller without a workspace, or with a useless one.
    #[error("`identity.fixed`: {reason}")]
    FixedWorkspace {
        /// The fault and its remedy.
        reason: String,
    },
    /// A candidate with other types.
    #[error("`candidate` declares the claim `{name}` with another type than the contract; give both the same type")]
    CandidateClaim {
        /// The claim.
        name: String,
    },
    /// A candidate that reads the workspace from another header.
    #[error(
        "`candidate` reads the workspace from the header `{header}`, and the contract from another one; give both the same header"
    )]
    CandidateWorkspace {
        /// The candidate's header.
        header: String,
    },
    /// An entry of `contracts` that cannot be matched.
    #[error("{0}")]
    Match(#[from] MatchError),
    /// A role that the contract of the entry lacks.
    #[error("`match.role` is `{role}`, which the entry's contract lacks; name a role of its `spec.roles`")]
    MatchRole {
        /// The role.
        role: String,
    },
    /// A path prefix without an API below it.
    #[error("`match.pathPrefix` is `{prefix}`, and no API has a path below it; add such a path to `paths`")]
    MatchPath {
        /// The prefix.
        prefix: String,
    },
    /// A fault of one entry of `contracts`.
    #[error("`contracts[{position}]`: {reason}")]
    Entry {
        /// The entry, counted from 0.
        position: usize,
        /// The fault.
        reason: Box<GateError>,
    },
    /// No entry at all.
    #[error("`contracts` is empty, so no request would be accepted; list at least one contract")]
    NoContracts,
    /// Two APIs at one path.
    #[error("`paths` lists `{path}` twice; give each API paths of its own")]
    PathTwice {
        /// The path.
        path: String,
    },
    /// A passthrough path that would forward calls undecided.
    #[error("`paths.passthrough` lists `{path}`, which would let the calls of `{dialect_path}` through undecided")]
    PassthroughHidesDialect {
        /// The passthrough entry.
        path: String,
        /// The covered path of a dialect.
        dialect_path: String,
    },
}
