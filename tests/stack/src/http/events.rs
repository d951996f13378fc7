//! Reads a stream of events like a client. This is deliberately not the product's own reader: a test with that one would share its
//! mistakes.

use serde_json::Value;

use super::{HttpError, Response};

/// One event: the text after `data: `.
#[derive(Debug, Clone, PartialEq)]
pub enum SseEvent {
    /// JSON.
    Data(Value),
    /// `[DONE]`.
    Done,
    /// Anything else.
    Other(String),
}

/// The events of a body, as they arrive.
#[derive(Debug)]
pub struct Events {
    response: Response,
    pending: Vec<u8>,
    /// All bytes so far.
    pub raw: Vec<u8>,
}

/// A stream, accumulated like an SDK does it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accumulated {
    /// By index.
    pub choices: Vec<AccumulatedChoice>,
    /// The `error` of an event, if one had it.
    pub error: Option<Value>,
    /// `usage` of the last event with one.
    pub usage: Option<Value>,
    /// True if `[DONE]` came, and nothing after it.
    pub done: bool,
    /// Events that are neither JSON nor `[DONE]`.
    pub other: Vec<String>,
}

/// One choice of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccumulatedChoice {
    /// All its text.
    pub text: String,
    /// `(id, name, arguments)` of its calls, the legacy form with an empty id.
    pub calls: Vec<(String, String, String)>,
    /// `finish_reason`.
    pub finish: Option<String>,
}

// === impl Events ===

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self { response, pending: Vec::new(), raw: Vec::new() }
    }

    /// Returns the next event, without comments; `None` at the end of the body.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, HttpError> {
        loop {
            if let Some(block) = self.block() {
                match event(&block) {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => {
                    self.raw.extend_from_slice(&chunk);
                    self.pending.extend(chunk.iter().filter(|byte| **byte != b'\r'));
                }
                None => return Ok(None),
            }
        }
    }

    /// Returns the next event with text of choice 0, and its text.
    pub async fn next_text(&mut self) -> Result<Option<String>, HttpError> {
        while let Some(event) = self.next().await? {
            let SseEvent::Data(data) = event else { continue };
            match data.pointer("/choices/0/delta/content").and_then(Value::as_str) {
                Some(text) if !text.is_empty() => return Ok(Some(text.to_owned())),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Returns the trailers of the body, once it has ended.
    pub fn trailers(&self) -> Option<&hyper::HeaderMap> {
        self.response.trailers.as_ref()
    }

    fn block(&mut self) -> Option<String> {
        let end = self.pending.windows(2).position(|pair| pair == b"\n\n")?;
        let block: Vec<u8> = self.pending.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&block).into_owned())
    }
}

fn event(block: &str) -> Option<SseEvent> {
    let data: Vec<&str> = block
        .lines()
        .filter_map(|line| line.trim_start_matches('\u{feff}').strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    let data = if data.is_empty() { return None } else { data.join("\n") };
    Some(match (data.as_str(), serde_json::from_str(&data)) {
        ("[DONE]", _) => SseEvent::Done,
        (_, Ok(value)) => SseEvent::Data(value),
        (_, Err(_)) => SseEvent::Other(data),
    })
}

// === impl Accumulated ===

impl Accumulated {
    /// Adds an event.
    pub fn add(&mut self, event: &SseEvent) {
        self.done = *event == SseEvent::Done;
        let data = match event {
            SseEvent::Done => return,
            SseEvent::Other(text) => return self.other.push(text.clone()),
            SseEvent::Data(data) => data,
        };
        if let Some(error) = data.get("error") {
            self.error = Some(error.clone());
        }
        if let Some(usage) = data.get("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some(usage.clone());
        }
        for choice in data.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let index =
                choice.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
            if self.choices.len() <= index {
                self.choices.resize(index + 1, AccumulatedChoice::default());
            }
            if let Some(to) = self.choices.get_mut(index) {
                to.add(choice);
            }
        }
    }

    /// Returns the first choice, or an empty one.
    pub fn first(&self) -> AccumulatedChoice {
        self.choices.first().cloned().unwrap_or_default()
    }

    /// Accumulates a whole answer, so a test can compare the two.
    pub fn of_whole(answer: &Value) -> Self {
        let mut all = Self { usage: answer.get("usage").cloned(), done: true, ..Self::default() };
        for choice in answer.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let message = choice.get("message").unwrap_or(&Value::Null);
            let mut read =
                AccumulatedChoice { finish: string(choice, "/finish_reason"), ..AccumulatedChoice::default() };
            read.text = string(message, "/content").unwrap_or_default();
            for (n, call) in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate() {
                read.add_call(n, call);
            }
            if let Some(call) = message.get("function_call") {
                read.add_function(call);
            }
            all.choices.push(read);
        }
        all
    }
}

// === impl AccumulatedChoice ===

impl AccumulatedChoice {
    fn add(&mut self, choice: &Value) {
        if let Some(finish) = string(choice, "/finish_reason") {
            self.finish = Some(finish);
        }
        self.text += &string(choice, "/delta/content").unwrap_or_default();
        for call in choice.pointer("/delta/tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let index =
                call.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
            self.add_call(index, call);
        }
        if let Some(call) = choice.pointer("/delta/function_call") {
            self.add_function(call);
        }
    }

    fn add_call(&mut self, index: usize, call: &Value) {
        if self.calls.len() <= index {
            self.calls.resize(index + 1, Default::default());
        }
        if let Some((id, name, arguments)) = self.calls.get_mut(index) {
            *id += &string(call, "/id").unwrap_or_default();
            *name += &string(call, "/function/name").unwrap_or_default();
            *arguments += &string(call, "/function/arguments").unwrap_or_default();
        }
    }

    fn add_function(&mut self, call: &Value) {
        self.add_call(0, &serde_json::json!({ "function": call }));
    }
}

fn string(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}
