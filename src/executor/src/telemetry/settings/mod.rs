//! `telemetry`: metrics, traces, logs.

mod attributes;
mod content;
mod log;
mod otlp;

use std::collections::BTreeMap;

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use self::attributes::{AttributeSettings, SpanSource};
use self::content::ContentSection;
pub use self::content::ContentSettings;
use self::log::LogSection;
pub use self::log::{Log, LogLevel};
use self::otlp::OtlpFields;
pub use self::otlp::{HeaderSource, Otlp, OtlpProtocol};

const SERVICE_NAME: &str = "callgate-executor";

/// Metrics, traces, logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// The destination of spans; `None` makes no spans.
    pub otlp: Option<Otlp>,
    /// The executor's name in traces.
    pub service_name: String,
    /// Attributes by configuration.
    pub attributes: AttributeSettings,
    /// The arguments and results in spans.
    pub content: ContentSettings,
    /// The kept share of traces beginning here. A caller decides about the traces it began.
    pub sampling: Share,
    /// True if everyone may read `/metrics` on a port other machines reach.
    pub open_metrics: bool,
    /// The levels of the log.
    pub log: Log,
}

/// A share of a whole, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TelemetrySection {
    otlp: Option<Spanned<String>>,
    otlp_protocol: Option<Spanned<String>>,
    #[serde(default)]
    otlp_headers: BTreeMap<String, Spanned<String>>,
    otlp_ca: Option<Spanned<String>>,
    #[serde(default)]
    otlp_unencrypted: bool,
    #[serde(default)]
    attributes: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    span_attributes: BTreeMap<String, Spanned<String>>,
    langfuse: Option<Spanned<bool>>,
    #[serde(default)]
    content: ContentSection,
    service_name: Option<Spanned<String>>,
    sampling: Option<Spanned<f64>>,
    #[serde(default)]
    open_metrics: bool,
    #[serde(default)]
    log: LogSection,
}

impl TelemetrySection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<TelemetrySettings, FieldError> {
        let fields = OtlpFields {
            endpoint: self.otlp,
            protocol: self.otlp_protocol,
            headers: self.otlp_headers,
            authority: self.otlp_ca,
            unencrypted: self.otlp_unencrypted,
        };
        let langfuse = self.langfuse.as_ref().is_some_and(|langfuse| langfuse.value);
        if let (Some(written), true, None) = (&self.langfuse, langfuse, &fields.endpoint) {
            let message = "telemetry.langfuse: expected telemetry.otlp beside it, Langfuse's address".into();
            return Err(place.fault(written.referenced, message));
        }
        let service_name = match self.service_name {
            None => SERVICE_NAME.to_owned(),
            Some(written) if !written.value.is_empty() => written.value,
            Some(written) => {
                return Err(place.fault(written.referenced, "telemetry.serviceName: expected a name".into()));
            }
        };
        let sampling = match self.sampling {
            None => Share(Share::WHOLE),
            Some(written) => Share::of(written.value).ok_or_else(|| {
                place.fault(written.referenced, format!("telemetry.sampling: expected 0 to 1, found {}", written.value))
            })?,
        };
        Ok(TelemetrySettings {
            otlp: fields.resolve(place)?,
            service_name,
            attributes: AttributeSettings::resolve(self.attributes, self.span_attributes, langfuse, place)?,
            content: self.content.resolve(place)?,
            sampling,
            open_metrics: self.open_metrics,
            log: self.log.resolve(place)?,
        })
    }
}

// === impl Share ===

impl Share {
    const WHOLE: u32 = 1_000_000;

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and a million, rounded"
    )]
    fn of(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * f64::from(Self::WHOLE)).round() as u32))
    }

    /// From 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<TelemetrySettings, String> {
        let section: TelemetrySection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_sent_anywhere_unless_told() {
        let telemetry = read("{}").unwrap();
        assert_eq!((telemetry.otlp, telemetry.open_metrics), (None, false));
        assert_eq!((telemetry.attributes, telemetry.content.is_off()), (AttributeSettings::default(), true));
        assert_eq!((telemetry.service_name.as_str(), telemetry.sampling.as_f64()), ("callgate-executor", 1.0));
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        assert_eq!(read("sampling: 0.25\n").unwrap().sampling.as_f64(), 0.25);
        for (text, expected) in [
            ("sampling: 1.5\n", "executor.yaml:1:11: telemetry.sampling: expected 0 to 1, found 1.5"),
            ("sampling: .nan\n", "executor.yaml:1:11: telemetry.sampling: expected 0 to 1, found NaN"),
            ("langfuse: true\n", "executor.yaml:1:11: telemetry.langfuse: expected telemetry.otlp beside it"),
            ("serviceName: ''\n", "executor.yaml:1:14: telemetry.serviceName: expected a name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
