//! The source of the caller's tenant and role, for the templates.

use minijinja::{Value, context};

use super::args::IdentityOption;
use super::options::Options;

/// The key in Envoy's dynamic metadata under which jwt_authn leaves the verified claims for the filter.
pub(super) const PAYLOAD: &str = "jwt_payload";

/// Returns the configuration of the jwt_authn filter; `None` with `--identity header`.
pub(super) fn jwt(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Jwt).then(|| {
        context! {
            payload => PAYLOAD,
            issuer => arguments.jwt_issuer,
            audiences => arguments.jwt_audience,
            jwks => arguments.jwt_jwks,
            header => arguments.jwt_header,
            bearer => arguments.jwt_header.eq_ignore_ascii_case("authorization"),
            tenant => arguments.tenant_claim,
            role => arguments.role_claim,
        }
    })
}

/// Returns the names of the trusted headers; `None` with `--identity jwt`.
pub(super) fn headers(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Header)
        .then(|| context! { tenant => arguments.tenant_header, role => arguments.role_header })
}
