//! `/api/v1`. The routes and the OpenAPI document come from one list, so neither can differ from the other.

mod approvals;
mod audit;
mod session;

use axum::extract::DefaultBodyLimit;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Web;
use super::problem::Problem;

/// The maximum bytes of a request, more than any real one has.
const REQUEST_BYTES: usize = 16 << 10;
const TOKEN: &str = "token";

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Callgate",
    description = "Read and answer requests for approval; search the audit log. Times are RFC 3339, in UTC.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Document;

pub(super) fn router(web: Web) -> Router {
    let (router, document) = all().split_for_parts();
    let document = complete(document);
    router
        .route("/api/v1/openapi.json", axum::routing::get(async move || Json(document.clone())))
        .fallback(async || Problem::NoSuchPath)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES))
        .with_state(web)
}

pub(super) fn openapi() -> OpenApi {
    complete(all().into_openapi())
}

fn all() -> OpenApiRouter<Web> {
    OpenApiRouter::with_openapi(<Document as utoipa::OpenApi>::openapi())
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::get))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::deny))
        .routes(routes!(audit::search))
        .routes(routes!(session::begin, session::look, session::end))
}

fn complete(mut document: OpenApi) -> OpenApi {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme(TOKEN, scheme);
    document
}
