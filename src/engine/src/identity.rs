//! The source of the caller's identity: tenant, role and claims.

use std::collections::{BTreeMap, HashMap};

use callgate_contract::{
    Caller, CallerClaims, ClaimFault, ClaimType, ClaimTypes, Code as CallCode, Contract, Violation,
};

use crate::gate::{GateError, Rules};
use crate::headers::Headers;
use crate::scopes::ScopeRoles;
use crate::{Code, Refusal};

/// The source of the caller's tenant, role and claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// Headers that only a trusted proxy can set. They are not forwarded to the upstream.
    Header {
        /// Name of the tenant's, in lower case.
        tenant: String,
        /// Name of the role's, in lower case.
        role: String,
        /// Names of the claims', in lower case, by claim.
        claims: BTreeMap<String, String>,
    },
    /// A header with the client's id, which only Envoy's `api_key_auth` can set, and the caller of each id. The header is not forwarded
    /// to the upstream.
    Client {
        /// Name of the header, in lower case.
        header: String,
        /// The callers by the clients' ids.
        callers: HashMap<String, Caller>,
    },
    /// Claims of a token verified by the host.
    Claims,
    /// Scopes of an access token verified by the host, and the role of each.
    Scopes(ScopeRoles),
    /// A client certificate verified by the host, and the caller of each name in it.
    Certificate {
        /// The callers by the certificates' URI SANs, such as SPIFFE ids.
        callers: HashMap<String, Caller>,
    },
    /// Every request has this caller, in this workspace: whoever reaches the listener. No header states the workspace.
    Fixed(Caller),
}

// === impl IdentitySource ===

impl IdentitySource {
    /// Refuses a client that could never be served, and claims that do not fit. `possible` gives the contracts that a caller may get.
    pub(crate) fn check<'c>(
        &self,
        all: &[&Rules],
        possible: impl Fn(&Caller) -> Vec<&'c Contract>,
    ) -> Result<(), GateError> {
        let declared = |name: &str| -> Result<Vec<ClaimType>, GateError> {
            let contracts = all.iter().flat_map(|rules| [Some(&rules.contract), rules.candidate.as_ref()]).flatten();
            let types: Vec<ClaimType> = contracts.filter_map(|contract| contract.claims().get(name)).collect();
            if types.is_empty() { Err(GateError::ClaimUndeclared { name: name.to_owned() }) } else { Ok(types) }
        };
        match self {
            Self::Claims => Ok(()),
            Self::Scopes(scopes) => scopes.check(all),
            Self::Header { claims, .. } => claims.keys().try_for_each(|name| {
                if declared(name)?.contains(&ClaimType::Texts) {
                    return Err(GateError::ClaimList { name: name.clone() });
                }
                Ok(())
            }),
            Self::Client { callers, .. } | Self::Certificate { callers } => {
                callers.iter().try_for_each(|(client, caller)| served(client, caller, &possible(caller), declared))
            }
            Self::Fixed(caller) => {
                let contracts = possible(caller);
                served(FIXED, caller, &contracts, declared)?;
                fixed_workspace(caller, &contracts)
            }
        }
    }

    /// Returns the claims that the caller's contract declares, and those of its candidate. `given` are those that the source states, of
    /// any type.
    ///
    /// A claim of another type, or in two headers, refuses the request: as an absent claim it could open what it was meant to close. The
    /// candidate refuses nothing, so without the right types it gets no further claims.
    pub(crate) fn claims(
        &self,
        (contract, candidate): (&Contract, Option<&Contract>),
        given: &CallerClaims,
        headers: &Headers<'_>,
    ) -> Result<CallerClaims, Refusal> {
        let claims = self.admitted(contract.claims(), given, headers).map_err(|fault| {
            Refusal::new(Code::CallerUnknown, format!("The caller's {fault}, as the contract declares it."))
        })?;
        Ok(match candidate {
            Some(candidate) => claims.or(self.admitted(candidate.claims(), given, headers).unwrap_or_default()),
            None => claims,
        })
    }

    fn admitted(
        &self,
        types: &ClaimTypes,
        given: &CallerClaims,
        headers: &Headers<'_>,
    ) -> Result<CallerClaims, ClaimFault> {
        let Self::Header { claims, .. } = self else { return types.admit(given.iter()) };
        let mut admitted = CallerClaims::default();
        for (name, kind) in types.iter() {
            let Some(header) = claims.get(name) else { continue };
            let mut values = headers.iter().filter(|(other, _)| other == header).map(|(_, value)| *value);
            let value = match (values.next(), values.next()) {
                (None, _) => continue,
                (Some(value), None) => std::str::from_utf8(value).ok().and_then(|text| kind.parse(text)),
                (Some(_), Some(_)) => None,
            };
            admitted.insert(name, value.ok_or_else(|| kind.fault(name))?);
        }
        Ok(admitted)
    }

    /// Returns the refusal of a request whose call another scope of the token would allow.
    pub(crate) fn step_up(&self, contract: &Contract, caller: &Caller, violation: &Violation) -> Option<Refusal> {
        match self {
            Self::Scopes(scopes) if violation.code == CallCode::RoleForbidden => {
                scopes.step_up(contract, &caller.role, &violation.tool)
            }
            _ => None,
        }
    }

    /// Returns the headers with the caller's identity. They are for the gate, not for the upstream.
    pub(crate) fn headers(&self) -> Vec<String> {
        match self {
            Self::Header { tenant, role, claims } => {
                [tenant, role].into_iter().chain(claims.values()).cloned().collect()
            }
            Self::Client { header, .. } => vec![header.clone()],
            Self::Claims | Self::Scopes(_) | Self::Certificate { .. } | Self::Fixed(_) => Vec::new(),
        }
    }
}

/// The name of the client of [`IdentitySource::Fixed`] in errors.
const FIXED: &str = "fixed";

/// Refuses a client that the contracts it may get never serve.
fn served(
    client: &str,
    caller: &Caller,
    contracts: &[&Contract],
    declared: impl Fn(&str) -> Result<Vec<ClaimType>, GateError>,
) -> Result<(), GateError> {
    let client = || client.to_owned();
    if contracts.is_empty() {
        return Err(GateError::ClientUnmatched { client: client() });
    }
    if contracts.iter().all(|contract| contract.role(&caller.role).is_none()) {
        return Err(GateError::ClientRole { client: client(), role: caller.role.clone() });
    }
    for (name, _) in caller.claims.iter() {
        declared(name)?;
    }
    for contract in contracts {
        let admitted = contract.claims().admit(caller.claims.iter());
        admitted.map_err(|fault| GateError::ClientClaim { client: client(), fault })?;
    }
    Ok(())
}

/// Refuses a fixed caller without the workspace that a contract reads from a header, and with one that no contract reads.
fn fixed_workspace(caller: &Caller, contracts: &[&Contract]) -> Result<(), GateError> {
    let fault = |reason: String| Err(GateError::FixedWorkspace { reason });
    let mut readers = contracts.iter().filter(|contract| contract.workspace_header().is_some()).peekable();
    let header = readers.peek().and_then(|contract| contract.workspace_header());
    match (&caller.workspace, header) {
        (None, None) => Ok(()),
        (None, Some(header)) => fault(format!(
            "the contract reads the workspace from the header `{header}`, which the client could set itself; give the workspace here"
        )),
        (Some(_), None) => fault("no contract reads a workspace from a header; leave the workspace out".to_owned()),
        (Some(stated), Some(_)) => match readers.find_map(|contract| contract.workspace_fault(stated)) {
            Some(reason) => fault(format!("the workspace must be the absolute path of one directory: {reason}")),
            None => Ok(()),
        },
    }
}
