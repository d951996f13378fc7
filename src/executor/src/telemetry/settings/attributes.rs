//! `telemetry.attributes`, `telemetry.spanAttributes`, `telemetry.langfuse`: attributes by configuration.

use std::collections::BTreeMap;

use callgate_genai::{self as genai, langfuse};
use callgate_settings::{ConfigFile, FieldError};
use serde_saphyr::Spanned;

const ATTRIBUTES_MAX: usize = 64;
const NAME_BYTES: usize = 128;
const VALUE_BYTES: usize = 1024;
/// Attributes of the resource that the executor sets itself.
const OWN_RESOURCE: [&str; 3] = ["service.instance.id", "service.name", "service.version"];
/// Beginnings of attributes of spans that the executor sets itself.
const OWN_SPAN: [&str; 3] = ["callgate.", genai::ERROR_TYPE, genai::PREFIX];

/// Attributes by configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeSettings {
    /// Constant attributes of the resource: names and values.
    pub resource: Vec<(String, String)>,
    /// Attributes of every span: names, and the facts of the call they hold.
    pub spans: Vec<(String, SpanSource)>,
    /// True if spans and requests have what Langfuse reads, beside the above.
    pub langfuse: bool,
}

/// A fact of a call that an attribute of its spans can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanSource {
    /// The conversation: a hash of tenant, role and id. Absent if the contract has no rule for conversations.
    Conversation,
    /// The caller's tenant.
    Tenant,
    /// The caller's role.
    Role,
    /// The exchange, as the filter names it.
    Exchange,
    /// The proxy's id of the HTTP request.
    Request,
}

// === impl AttributeSettings ===

impl AttributeSettings {
    pub(super) fn resolve(
        resource: BTreeMap<String, Spanned<String>>,
        spans: BTreeMap<String, Spanned<String>>,
        langfuse: bool,
        place: &ConfigFile<'_>,
    ) -> Result<Self, FieldError> {
        let mut settings = Self { langfuse, ..Self::default() };
        for (name, value) in bounded("attributes", resource, place)? {
            if OWN_RESOURCE.contains(&name.as_str()) {
                let message = format!("telemetry.attributes.{name}: expected another name; the executor sets this one");
                return Err(place.fault(value.referenced, message));
            }
            settings.resource.push((name, value.value));
        }
        for (name, value) in bounded("spanAttributes", spans, place)? {
            let fault =
                |message: String| place.fault(value.referenced, format!("telemetry.spanAttributes.{name}: {message}"));
            if OWN_SPAN.iter().any(|prefix| name.starts_with(prefix)) {
                return Err(fault("expected another name; the executor sets this one".into()));
            }
            let source = SpanSource::ALL.into_iter().find(|source| source.as_str() == value.value);
            let source = source.ok_or_else(|| {
                let known = SpanSource::ALL.map(SpanSource::as_str).join(", ");
                fault(format!("expected one of {known}"))
            })?;
            settings.spans.push((name, source));
        }
        Ok(settings)
    }

    /// Returns the attributes of every span: those that the file lists, and those that Langfuse reads.
    pub fn of_spans(&self) -> Vec<(String, SpanSource)> {
        let preset = [(langfuse::SESSION_ID, SpanSource::Conversation), (langfuse::USER_ID, SpanSource::Tenant)];
        let preset = preset.into_iter().filter(|(name, _)| {
            // The file's own choice wins.
            self.langfuse && !self.spans.iter().any(|(listed, _)| listed == name)
        });
        self.spans.iter().cloned().chain(preset.map(|(name, source)| (name.to_owned(), source))).collect()
    }
}

/// Checks the number and the sizes of attributes.
fn bounded(
    field: &str,
    attributes: BTreeMap<String, Spanned<String>>,
    place: &ConfigFile<'_>,
) -> Result<BTreeMap<String, Spanned<String>>, FieldError> {
    for (number, (name, value)) in attributes.iter().enumerate() {
        let fault = |message: String| Err(place.fault(value.referenced, format!("telemetry.{field}: {message}")));
        if number >= ATTRIBUTES_MAX {
            return fault(format!("expected at most {ATTRIBUTES_MAX} attributes"));
        }
        let plain = |byte: u8| byte.is_ascii_graphic();
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(plain) {
            return fault(format!("expected names of 1 to {NAME_BYTES} printable characters without spaces"));
        }
        if value.value.is_empty() || value.value.len() > VALUE_BYTES {
            return fault(format!("expected a value of 1 to {VALUE_BYTES} bytes for {name}"));
        }
    }
    Ok(attributes)
}

// === impl SpanSource ===

impl SpanSource {
    const ALL: [Self; 5] = [Self::Conversation, Self::Tenant, Self::Role, Self::Exchange, Self::Request];

    fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Tenant => "tenant",
            Self::Role => "role",
            Self::Exchange => "exchange",
            Self::Request => "request",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::telemetry::settings::TelemetrySection;

    use super::*;

    fn read(text: &str) -> Result<AttributeSettings, String> {
        let section: TelemetrySection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place).map(|telemetry| telemetry.attributes).map_err(|error| error.to_string())
    }

    #[test]
    fn langfuse_adds_session_and_user_unless_the_file_names_others() {
        let names = |text: &str| -> Vec<String> {
            let spans = read(text).unwrap().of_spans();
            spans.iter().map(|(name, source)| format!("{name}={}", source.as_str())).collect()
        };
        assert!(names("{}").is_empty());
        assert_eq!(
            names("langfuse: true\notlp: http://a\n"),
            ["langfuse.session.id=conversation", "langfuse.user.id=tenant"]
        );
        assert_eq!(
            names("langfuse: true\notlp: http://a\nspanAttributes: { langfuse.user.id: role }\n"),
            ["langfuse.user.id=role", "langfuse.session.id=conversation"]
        );
        assert_eq!(names("spanAttributes: { session.id: conversation }\n"), ["session.id=conversation"]);
    }

    #[test]
    fn faults_are_named_with_their_places() {
        let long = format!("attributes: {{ a: {} }}\n", "x".repeat(1025));
        let many: String = (0..65).map(|n| format!("  a{n}: b\n")).collect();
        let many = format!("attributes:\n{many}");
        for (text, expected) in [
            ("attributes: { service.name: x }\n", "1:29: telemetry.attributes.service.name: expected another name"),
            ("attributes: { 'a b': x }\n", "1:22: telemetry.attributes: expected names of 1 to 128 printable"),
            ("attributes: { a: '' }\n", "1:18: telemetry.attributes: expected a value of 1 to 1024 bytes for a"),
            (&long, "1:18: telemetry.attributes: expected a value of 1 to 1024 bytes for a"),
            (
                "spanAttributes: { error.type: role }\n",
                "1:31: telemetry.spanAttributes.error.type: expected another name",
            ),
            (
                "spanAttributes: { a: arguments }\n",
                "1:22: telemetry.spanAttributes.a: expected one of conversation, tenant, role, exchange, request",
            ),
        ] {
            assert_eq!(
                read(text).unwrap_err().strip_prefix("executor.yaml:").map(|e| &e[..expected.len()]),
                Some(expected)
            );
        }
        assert!(read(&many).unwrap_err().contains("telemetry.attributes: expected at most 64 attributes"));
    }
}
