//! Where in the text of a contract the `sha256` scalars stand.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::PinError;

/// The `sha256` of one tool's module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tool: String,
    pub(super) module: String,
    /// What stands there now.
    pub(super) sha256: String,
    /// Where it stands, quotes included, in bytes.
    pub(super) range: Range<usize>,
    single_quoted: bool,
}

impl Place {
    /// `sum` as a scalar: in the quotes the author chose, in double quotes where there were none, because 64 digits can look
    /// like a number.
    pub(super) fn written(&self, sum: &str) -> String {
        if self.single_quoted { format!("'{sum}'") } else { format!("\"{sum}\"") }
    }
}

/// All of them, in the order of the text.
pub(super) fn places(file: &str, text: &str) -> Result<Vec<Place>, PinError> {
    let root = Reader { file, parser: Parser::new_from_str(text) }.document()?;
    let tools = match root.get("spec").and_then(|spec| spec.get("tools")) {
        Some(Node { kind: Kind::Sequence(tools), .. }) => tools.as_slice(),
        // Whatever else is wrong with the contract is said when it is compiled.
        _ => &[],
    };
    let mut places = Vec::new();
    for tool in tools {
        let Some(wasm) = tool.get("run").and_then(|run| run.get("wasm")) else { continue };
        let wrong = |node: &Node, reason| PinError::Place {
            file: file.to_owned(),
            line: node.span.start.line(),
            column: node.span.start.col() + 1,
            reason,
        };
        if matches!(wasm.kind, Kind::Alias) {
            return Err(wrong(wasm, "an alias stands here; write `wasm` out, so that each module has its own sha256"));
        }
        let module = wasm.get("module").and_then(Node::text).ok_or_else(|| wrong(wasm, "`wasm` has no `module`"))?;
        let sha256 = wasm.get("sha256").ok_or_else(|| {
            wrong(wasm, "`wasm` has no `sha256`; write one of 64 zeros, which `callgate pin` then replaces")
        })?;
        let Kind::Scalar { text: value, style } = &sha256.kind else {
            return Err(wrong(sha256, "`sha256` must be a plain or quoted string of 64 hexadecimal digits"));
        };
        let range = located(text, sha256, *style)
            .ok_or_else(|| wrong(sha256, "`sha256` must be a plain or quoted string on one line"))?;
        places.push(Place {
            tool: tool.get("name").and_then(Node::text).unwrap_or("?").to_owned(),
            module: module.to_owned(),
            sha256: value.clone(),
            range,
            single_quoted: *style == ScalarStyle::SingleQuoted,
        });
    }
    Ok(places)
}

/// The bytes of a scalar; `None` when they do not look as its style says.
///
/// By line and column, because the parser counts CR LF as one character in its indices.
fn located(text: &str, node: &Node, style: ScalarStyle) -> Option<Range<usize>> {
    let Kind::Scalar { text: value, .. } = &node.kind else { return None };
    let expected = match style {
        ScalarStyle::Plain => value.clone(),
        ScalarStyle::SingleQuoted => format!("'{value}'"),
        ScalarStyle::DoubleQuoted => format!("\"{value}\""),
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    let marker = node.span.start;
    // A byte order mark is on no line.
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    let line =
        text.get(mark..)?.split_inclusive('\n').take(marker.line().checked_sub(1)?).map(str::len).sum::<usize>() + mark;
    let column = text.get(line..)?.char_indices().nth(marker.col()).map(|(byte, _)| byte)?;
    let start = line.checked_add(column)?;
    (!expected.is_empty() && text.get(start..)?.starts_with(&expected)).then(|| start..start + expected.len())
}

/// YAML with its places: as much of it as is needed to find a scalar.
struct Node {
    kind: Kind,
    span: Span,
}

enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    Alias,
}

// === impl Node ===

impl Node {
    fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Mapping(members) => members.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Deeper than any contract; the recursion below ends here.
    const DEPTH: usize = 128;

    fn document(mut self) -> Result<Node, PinError> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (event, span) => return self.node(event, span, 0),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, PinError> {
        if depth > Self::DEPTH {
            return Err(self.wrong(span.start, "nested too deeply"));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => Kind::Scalar { text: text.into_owned(), style },
            Event::Alias(_) => Kind::Alias,
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Kind::Sequence(items),
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break Kind::Mapping(members),
                        (event, span) => {
                            let key = self.node(event, span, depth + 1)?;
                            let (event, span) = self.next()?;
                            members.push((key, self.node(event, span, depth + 1)?));
                        }
                    }
                }
            }
            _ => return Err(self.wrong(span.start, "no contract stands here")),
        };
        Ok(Node { kind, span })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), PinError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.wrong(*error.marker(), error.info())),
            None => Err(self.wrong(Marker::new(0, 1, 0), "the text ends too early")),
        }
    }

    fn wrong(&self, at: Marker, reason: &str) -> PinError {
        PinError::NotYaml {
            file: self.file.to_owned(),
            line: at.line(),
            column: at.col() + 1,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let mut text = text.to_owned();
        for place in places("contract.yaml", &text).unwrap().iter().rev() {
            text.replace_range(place.range.clone(), &place.written("new"));
        }
        text
    }

    #[test]
    fn every_way_to_write_a_scalar_is_found_and_keeps_its_quotes() {
        for (wasm, expected) in [
            ("{ module: a.wasm, sha256: \"00\" }", "{ module: a.wasm, sha256: \"new\" }"),
            ("{ module: a.wasm, sha256: '00' }", "{ module: a.wasm, sha256: 'new' }"),
            ("{ module: a.wasm, sha256: 00 }", "{ module: a.wasm, sha256: \"new\" }"),
            ("{ sha256: 00, module: a.wasm }", "{ sha256: \"new\", module: a.wasm }"),
            (
                "\n          sha256:   00   # ä pinned\n          module: a",
                "\n          sha256:   \"new\"   # ä pinned\n          module: a",
            ),
        ] {
            let contract =
                |wasm| format!("# ünïcode 😀\nspec:\n  tools:\n    - name: a\n      run:\n        wasm: {wasm}\n");
            assert_eq!(replaced(&contract(wasm)), contract(expected));
            assert_eq!(replaced(&contract(wasm).replace('\n', "\r\n")), contract(expected).replace('\n', "\r\n"));
        }
    }

    #[test]
    fn json_is_found_as_well_and_a_byte_order_mark_does_not_shift_it() {
        let text = "\u{feff}{\"spec\": {\"tools\": [{\"name\": \"a\", \"run\": {\"wasm\": {\"module\": \"m\", \"sha256\": \"0\"}}}]}}";
        assert_eq!(replaced(text), text.replace("\"0\"", "\"new\""));
    }

    #[test]
    fn a_sha256_elsewhere_is_left_alone() {
        let text = "spec:\n  tools:\n    - name: a\n      parameters: { properties: { sha256: { const: 00 } } }\n      run: { client: {} }\n";
        assert_eq!(replaced(text), text);
    }

    #[test]
    fn what_cannot_be_replaced_in_place_is_an_error_that_says_where() {
        for (wasm, at) in [
            ("{ module: a.wasm }", "contract.yaml:3:31: nothing is pinned: `wasm` has no `sha256`"),
            ("{ module: a.wasm, sha256: }", "contract.yaml:3:55: nothing is pinned: `sha256` must be"),
            ("{ module: a.wasm, sha256: [] }", "contract.yaml:3:57: nothing is pinned: `sha256` must be"),
            ("{ module: a.wasm, sha256: \"\\x30\" }", "contract.yaml:3:57: nothing is pinned: `sha256` must be"),
        ] {
            let text = format!("spec:\n  tools:\n    - {{ name: a, run: {{ wasm: {wasm} }} }}\n");
            let error = places("contract.yaml", &text).unwrap_err().to_string();
            assert!(error.starts_with(at), "{error}");
        }
    }
}
