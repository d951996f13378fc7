//! `telemetry`: metrics, traces, logs.

mod log;

use std::path::PathBuf;

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

use self::log::LogSection;
pub use self::log::{Log, LogLevel};

const SERVICE_NAME: &str = "callgate-executor";
const HTTP: &str = "http://";
const HTTPS: &str = "https://";

/// Metrics, traces, logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// The destination of spans; `None` makes no spans.
    pub otlp: Option<Otlp>,
    /// The executor's name in traces.
    pub service_name: String,
    /// The kept share of traces beginning here. A caller decides about the traces it began.
    pub sampling: Share,
    /// True if everyone may read `/metrics` on a port other machines reach.
    pub open_metrics: bool,
    /// The levels of the log.
    pub log: Log,
}

/// An OTLP collector over gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// `http://host:port` or `https://host:port`.
    pub endpoint: String,
    /// With `https`, the CA of the collector's certificate: PEM.
    pub authority: Option<PathBuf>,
}

/// A share of a whole, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TelemetrySection {
    otlp: Option<Spanned<String>>,
    otlp_ca: Option<Spanned<String>>,
    service_name: Option<Spanned<String>>,
    sampling: Option<Spanned<f64>>,
    #[serde(default)]
    open_metrics: bool,
    #[serde(default)]
    log: LogSection,
}

impl TelemetrySection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<TelemetrySettings, FieldError> {
        let authority = self.otlp_ca.as_ref().map(|file| place.folder.join(&file.value));
        let otlp = match self.otlp {
            Some(written) => {
                let fault = |message: String| Err(place.fault(written.referenced, message));
                let secure = written.value.starts_with(HTTPS);
                if !secure && !written.value.starts_with(HTTP) {
                    return fault(
                        "telemetry.otlp: expected the collector's gRPC port, such as http://127.0.0.1:4317".into(),
                    );
                }
                if secure != authority.is_some() {
                    return fault(
                        "telemetry.otlp: expected https:// together with telemetry.otlpCa, the file of the authority that \
                         signs the collector's certificate, or http:// without it"
                            .into(),
                    );
                }
                Some(Otlp { endpoint: written.value, authority })
            }
            None => {
                if let Some(alone) = self.otlp_ca {
                    let message = "telemetry.otlpCa: expected telemetry.otlp beside it".into();
                    return Err(place.fault(alone.referenced, message));
                }
                None
            }
        };
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
        let log = self.log.resolve(place)?;
        Ok(TelemetrySettings { otlp, service_name, sampling, open_metrics: self.open_metrics, log })
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
        assert_eq!((telemetry.service_name.as_str(), telemetry.sampling.as_f64()), ("callgate-executor", 1.0));
    }

    #[test]
    fn a_collector_is_read_and_its_faults_are_named() {
        let telemetry = read("otlp: https://collector:4317\notlpCa: ca.pem\nsampling: 0.25\n").unwrap();
        let otlp = telemetry.otlp.unwrap();
        assert_eq!(otlp.authority, Some(PathBuf::from("/etc/callgate/ca.pem")));
        assert_eq!((otlp.endpoint.as_str(), telemetry.sampling.as_f64()), ("https://collector:4317", 0.25));
        for (text, expected) in [
            ("otlp: 127.0.0.1:4317\n", "executor.yaml:1:7: telemetry.otlp: expected the collector's gRPC port"),
            ("otlp: https://collector:4317\n", "executor.yaml:1:7: telemetry.otlp: expected https:// together with"),
            (
                "otlp: http://collector:4317\notlpCa: ca.pem\n",
                "executor.yaml:1:7: telemetry.otlp: expected https:// together",
            ),
            ("otlpCa: ca.pem\n", "executor.yaml:1:9: telemetry.otlpCa: expected telemetry.otlp beside it"),
            ("sampling: 1.5\n", "executor.yaml:1:11: telemetry.sampling: expected 0 to 1, found 1.5"),
            ("sampling: .nan\n", "executor.yaml:1:11: telemetry.sampling: expected 0 to 1, found NaN"),
            ("serviceName: ''\n", "executor.yaml:1:14: telemetry.serviceName: expected a name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
