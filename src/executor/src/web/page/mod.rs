//! The page: files embedded in the program, and headers that restrict the browser.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Path, content type and content.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("index.html")),
    ("/page/style.css", CSS, include_str!("style.css")),
    ("/page/main.js", JS, include_str!("main.js")),
    ("/page/api.js", JS, include_str!("api.js")),
    ("/page/build.js", JS, include_str!("build.js")),
    ("/page/pending.js", JS, include_str!("pending.js")),
    ("/page/reading.js", JS, include_str!("reading.js")),
    ("/page/ended.js", JS, include_str!("ended.js")),
    ("/page/audit.js", JS, include_str!("audit.js")),
    ("/page/icon.svg", SVG, include_str!("icon.svg")),
];
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Headers of every response: only the embedded scripts, nothing from elsewhere, no framing, no caching, and no string
/// ever becomes HTML or script (trusted types).
const HEADERS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

pub(super) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
        let answer = async || ([(header::CONTENT_TYPE, *kind)], *content).into_response();
        router.route(path, get(answer))
    })
}

pub(super) fn with_headers(router: Router) -> Router {
    router.layer(middleware::map_response(async |mut response: Response| {
        for (name, value) in HEADERS {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }))
}
