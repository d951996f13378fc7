//! HTTP requests, sent exactly as they are written: no URL is corrected on the way.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasip2::io::streams::{InputStream, StreamError};

/// The most redirects it follows.
const HOPS: usize = 4;
/// The most bytes it reads at once.
const CHUNK: u64 = 64 << 10;

/// One request.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ask {
    /// `http://` or `https://`, an authority, and perhaps a path.
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    /// True if it follows a redirect.
    #[serde(default)]
    follow: bool,
    /// True if it counts the answer's bytes instead of keeping them.
    #[serde(default)]
    count: bool,
    #[serde(default)]
    first_byte_milliseconds: Option<u64>,
    #[serde(default)]
    between_bytes_milliseconds: Option<u64>,
}

/// Sends one request, follows its redirects, and reports the last answer.
pub(crate) fn ask(ask: &Ask) -> Value {
    let mut ask = ask.clone();
    for _ in 0..HOPS {
        let answer = match start(&ask).and_then(|answer| head(&answer)) {
            Ok(answer) => answer,
            Err(error) => return json!({ "error": error }),
        };
        let location = answer.headers().get("location").pop();
        match location {
            Some(location) if ask.follow => ask.url = String::from_utf8_lossy(&location).into_owned(),
            _ => return report(&answer, ask.count),
        }
    }
    json!({ "error": "too many redirects" })
}

/// Starts all requests, then waits for each.
pub(crate) fn together(asks: &[Ask]) -> Vec<Value> {
    let started: Vec<_> = asks.iter().map(start).collect();
    // Kept to the end: a request is in flight until its answer is dropped.
    let answers: Vec<_> = started.into_iter().map(|started| started.and_then(|future| head(&future))).collect();
    answers
        .iter()
        .map(|answer| match answer {
            Ok(answer) => json!({ "status": answer.status() }),
            Err(error) => json!({ "error": error }),
        })
        .collect()
}

fn start(ask: &Ask) -> Result<FutureIncomingResponse, String> {
    let unclear = |part: &str| format!("the guest's own: {part}");
    let (scheme, rest) = ask.url.split_once("://").ok_or_else(|| unclear("scheme"))?;
    let path = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);

    let fields = Fields::new();
    for (name, value) in &ask.headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    request.set_scheme(Some(&scheme)).map_err(|()| unclear("scheme"))?;
    request.set_authority(Some(authority)).map_err(|()| unclear("authority"))?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(|()| unclear("path"))?;
    if let Some(method) = &ask.method {
        request.set_method(&Method::Other(method.clone())).map_err(|()| unclear("method"))?;
    }
    let options = RequestOptions::new();
    let nanoseconds = |milliseconds: Option<u64>| milliseconds.map(|ms| ms * 1_000_000);
    options.set_first_byte_timeout(nanoseconds(ask.first_byte_milliseconds)).map_err(|()| unclear("options"))?;
    options.set_between_bytes_timeout(nanoseconds(ask.between_bytes_milliseconds)).map_err(|()| unclear("options"))?;

    let body = request.body().map_err(|()| unclear("body"))?;
    let future = handle(request, Some(options)).map_err(|code| format!("{code:?}"))?;
    if let Some(text) = &ask.body {
        let stream = body.write().map_err(|()| unclear("body"))?;
        for part in text.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(part).map_err(|error| format!("{error:?}"))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
    Ok(future)
}

/// Waits for the head of an answer.
fn head(future: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(answer)) => answer.map_err(|code| format!("{code:?}")),
        Some(Err(())) | None => Err("the guest's own: no answer".into()),
    }
}

fn report(answer: &IncomingResponse, count: bool) -> Value {
    let headers: BTreeMap<String, String> = answer
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let mut report = json!({ "status": answer.status(), "headers": headers });
    let Ok(body) = answer.consume() else { return report };
    let (name, value) = match read(&body, count) {
        Ok(Read::Text(text)) => ("body", Value::from(text)),
        Ok(Read::Count(bytes)) => ("bytes", bytes.into()),
        Err(error) => ("error", error.into()),
    };
    if let Value::Object(members) = &mut report {
        members.insert(name.to_owned(), value);
    }
    report
}

enum Read {
    Text(String),
    Count(u64),
}

fn read(body: &IncomingBody, count: bool) -> Result<Read, String> {
    let stream: InputStream = body.stream().map_err(|()| "the guest's own: stream".to_owned())?;
    let (mut kept, mut counted) = (Vec::new(), 0);
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(bytes) if count => counted += bytes.len() as u64,
            Ok(bytes) => kept.extend(bytes),
            Err(StreamError::Closed) if count => return Ok(Read::Count(counted)),
            Err(StreamError::Closed) => return Ok(Read::Text(String::from_utf8_lossy(&kept).into_owned())),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}
