//! Where traces go: the daemon of X-Ray that Lambda names, or a collector that the variables of OpenTelemetry name.
//!
//! These are no flags: other programs read the same variables, and headers may be secrets. By the specification of
//! OpenTelemetry a value that is not understood is told in the log and counts as unset. Only an endpoint and headers that
//! cannot be sent to are mistakes: whoever sets them wants traces.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::aws::is_address;
use super::check::Check;
use super::lambda;

/// Where traces go.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// The daemon of X-Ray. Only under Lambda.
    pub xray: Option<SocketAddr>,
    /// The collector. Not under Lambda, which freezes the process before anything could be sent.
    pub otlp: Option<Otlp>,
    /// What is not understood, for the log.
    pub warnings: Vec<String>,
}

/// A collector that takes OTLP over HTTP, and what is sent to it.
#[derive(Clone, PartialEq)]
pub struct Otlp {
    /// Where spans are posted to.
    pub endpoint: String,
    /// Sent with each request. Values may be secrets.
    pub headers: Vec<(String, String)>,
    /// The time that a request to the collector may take.
    pub timeout: Duration,
    /// The time in which spans are gathered before they are sent.
    pub delay: Duration,
    /// What the spans come from, by the names of OpenTelemetry.
    pub resource: Vec<(String, String)>,
    /// Which requests have spans.
    pub sampler: Sampler,
}

/// Which requests have spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Where a caller says whether it records the trace, that counts.
    pub follows_parent: bool,
    /// The share of the traces, 0 to 1.
    pub ratio: f64,
}

impl Traces {
    /// Checks the variables.
    pub(super) fn checked(check: &mut Check) -> Self {
        let reader = Reader { get: &lambda::variable, warnings: Vec::new() };
        if lambda::is_runtime() { reader.xray() } else { reader.otlp(&mut check.mistakes) }
    }
}

/// What the spans come from, unless the variables say otherwise.
const SERVICE: &str = "image-classifier";

/// Reads variables, and keeps what is not understood.
struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn xray(mut self) -> Traces {
        const NAME: &str = "AWS_XRAY_DAEMON_ADDRESS";
        let text = (self.get)(NAME).unwrap_or_default();
        // The daemon may take commands and documents at different addresses: `tcp:…:2000 udp:…:2000`.
        let address = text.split_whitespace().find_map(|part| part.strip_prefix("udp:")).unwrap_or(&text);
        let xray = address.parse().ok();
        if xray.is_none() && !text.is_empty() {
            self.warnings.push(format!(
                "no spans are sent to X-Ray: {NAME} should be an address such as 169.254.79.129:2000, not \"{text}\""
            ));
        }
        Traces { xray, otlp: None, warnings: self.warnings }
    }

    fn otlp(mut self, mistakes: &mut Vec<String>) -> Traces {
        let otlp = self.collector(mistakes);
        // Without an endpoint the other variables concern other programs.
        Traces { xray: None, warnings: if otlp.is_some() { self.warnings } else { Vec::new() }, otlp }
    }

    fn collector(&mut self, mistakes: &mut Vec<String>) -> Option<Otlp> {
        let (name, endpoint) = self.either("ENDPOINT")?;
        if self.is_off() {
            return None;
        }
        if !cfg!(feature = "otlp") {
            mistakes.push(format!(
                "{name} needs a program that was built with the feature otlp; build it so, or unset {name}"
            ));
            return None;
        }
        if !is_address(&endpoint) {
            // Not the address itself: there may be a password in it.
            mistakes.push(format!("{name} must be an address, such as http://127.0.0.1:4318"));
        }
        let is_whole = name.contains("TRACES");
        let endpoint =
            if is_whole { endpoint } else { format!("{}/v1/traces", endpoint.trim_end_matches('/')) };
        self.check_protocol();
        Some(Otlp {
            endpoint,
            headers: self.headers(mistakes),
            timeout: self.milliseconds(self.name_of("TIMEOUT"), 10_000),
            delay: self.milliseconds("OTEL_BSP_SCHEDULE_DELAY".to_owned(), 5_000),
            resource: self.resource(),
            sampler: self.sampler(),
        })
    }

    /// The name of a variable of the exporter that is set: that for traces wins over that for all signals.
    fn name_of(&self, what: &str) -> String {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        let [of_traces, of_all] = names;
        if (self.get)(&of_traces).is_some() { of_traces } else { of_all }
    }

    fn either(&self, what: &str) -> Option<(String, String)> {
        let name = self.name_of(what);
        let value = (self.get)(&name)?;
        Some((name, value.trim().to_owned()))
    }

    /// Whether traces are switched off.
    fn is_off(&mut self) -> bool {
        let disabled = (self.get)("OTEL_SDK_DISABLED").unwrap_or_default().to_ascii_lowercase();
        if !["", "true", "false"].contains(&disabled.as_str()) {
            self.warnings.push(format!(
                "OTEL_SDK_DISABLED should be true or false, not \"{disabled}\"; it counts as false"
            ));
        }
        let exporter = (self.get)("OTEL_TRACES_EXPORTER").unwrap_or_default();
        if !["", "otlp", "none"].contains(&exporter.as_str()) {
            self.warnings.push(format!(
                "OTEL_TRACES_EXPORTER should be otlp or none, not \"{exporter}\"; it counts as otlp"
            ));
        }
        disabled == "true" || exporter == "none"
    }

    fn check_protocol(&mut self) {
        let Some((name, protocol)) = self.either("PROTOCOL").filter(|(_, protocol)| protocol != "http/json")
        else {
            return;
        };
        let advice = match protocol.as_str() {
            "http/protobuf" => "which collectors take at the same address",
            _ => "for which collectors listen on port 4318",
        };
        self.warnings.push(format!("{name} is \"{protocol}\", but spans are sent as http/json, {advice}"));
    }

    fn headers(&self, mistakes: &mut Vec<String>) -> Vec<(String, String)> {
        let Some((name, text)) = self.either("HEADERS") else { return Vec::new() };
        let is_header = |(name, value): &(String, String)| {
            HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok()
        };
        let headers = pairs(&text).filter(|headers| headers.iter().all(is_header));
        if headers.is_none() {
            // Not the headers themselves: they may be secrets.
            mistakes.push(format!(
                "{name} must be headers, such as api-key=secret,tenant=photos; percent-encode other characters"
            ));
        }
        headers.unwrap_or_default()
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let text = (self.get)("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let mut resource = pairs(&text).unwrap_or_else(|| {
            self.warnings.push(
                "OTEL_RESOURCE_ATTRIBUTES should be names and values, such as team=photos,tier=web; it is ignored".to_owned(),
            );
            Vec::new()
        });
        if let Some(name) = (self.get)("OTEL_SERVICE_NAME") {
            resource.retain(|(found, _)| found != "service.name");
            resource.push(("service.name".to_owned(), name));
        }
        for (name, value) in [("service.name", SERVICE), ("service.version", env!("CARGO_PKG_VERSION"))] {
            if resource.iter().all(|(found, _)| found != name) {
                resource.push((name.to_owned(), value.to_owned()));
            }
        }
        resource
    }

    fn sampler(&mut self) -> Sampler {
        let name = (self.get)("OTEL_TRACES_SAMPLER").unwrap_or_default();
        let (follows_parent, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None if name.is_empty() => (true, "always_on"),
            None => (false, name.as_str()),
        };
        let ratio = match root {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => self.ratio(),
            _ => {
                self.warnings.push(format!(
                    "OTEL_TRACES_SAMPLER should be always_on, always_off or traceidratio, or one of them after parentbased_, \
                     not \"{name}\"; it counts as parentbased_always_on"
                ));
                return Sampler { follows_parent: true, ratio: 1.0 };
            }
        };
        Sampler { follows_parent, ratio }
    }

    fn ratio(&mut self) -> f64 {
        let text = (self.get)("OTEL_TRACES_SAMPLER_ARG");
        let ratio = text.as_deref().map_or(Some(1.0), |text| text.trim().parse().ok());
        ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            let text = text.unwrap_or_default();
            self.warnings.push(format!(
                "OTEL_TRACES_SAMPLER_ARG should be a number from 0 to 1, not \"{text}\"; it counts as 1"
            ));
            1.0
        })
    }

    fn milliseconds(&mut self, name: String, default: u64) -> Duration {
        let text = (self.get)(&name);
        let number = text.as_deref().map_or(Some(default), |text| text.trim().parse().ok());
        // Zero would keep a processor busy, or refuse every answer.
        let number = number.filter(|number| (1..=3_600_000).contains(number)).unwrap_or_else(|| {
            let text = text.unwrap_or_default();
            self.warnings.push(format!(
                "{name} should be a number from 1 to 3600000, not \"{text}\"; it counts as {default}"
            ));
            default
        });
        Duration::from_millis(number)
    }
}

/// Reads `name=value,name=value`, with percent-encoded values; `None` if it is something else.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((name.trim().to_owned(), value.into_owned())).filter(|(name, _)| !name.is_empty())
    };
    parts.map(pair).collect()
}

impl fmt::Debug for Otlp {
    /// Without what may be a secret: the values of headers, and what stands in the address besides the host.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Otlp")
            .field("headers", &headers)
            .field("sampler", &self.sampler)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], is_lambda: bool) -> (Traces, Vec<String>) {
        let get = |name: &str| {
            let found = variables.iter().find(|(set, value)| *set == name && !value.is_empty());
            found.map(|(_, value)| (*value).to_owned())
        };
        let (reader, mut mistakes) = (Reader { get: &get, warnings: Vec::new() }, Vec::new());
        (if is_lambda { reader.xray() } else { reader.otlp(&mut mistakes) }, mistakes)
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");

    #[test]
    fn the_daemon_is_the_one_that_takes_documents() {
        let xray = |text: &str| {
            let (traces, _) = read(&[("AWS_XRAY_DAEMON_ADDRESS", text)], true);
            (traces.xray.map(|daemon| daemon.to_string()), traces.warnings.len())
        };
        assert_eq!(xray("169.254.79.129:2000"), (Some("169.254.79.129:2000".to_owned()), 0));
        assert_eq!(xray("tcp:127.0.0.1:1 udp:127.0.0.1:2"), (Some("127.0.0.1:2".to_owned()), 0));
        assert_eq!(xray("[::1]:2000"), (Some("[::1]:2000".to_owned()), 0));
        assert_eq!(xray(""), (None, 0));
        for bad in ["xray:2000", "127.0.0.1", "tcp:127.0.0.1:1", "127.0.0.1:70000"] {
            assert_eq!(xray(bad), (None, 1), "{bad}");
        }
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn the_variable_for_traces_wins_and_is_the_whole_address() {
        let endpoint = |variables: &[(&str, &str)]| read(variables, false).0.otlp.map(|otlp| otlp.endpoint);
        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[ENDPOINT]).unwrap(), "http://127.0.0.1:4318/v1/traces");
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://a.example/x");
        assert_eq!(endpoint(&[ENDPOINT, of_traces]).unwrap(), "https://a.example/x");
        // Without a collector nothing is told of what concerns other programs.
        let (traces, mistakes) =
            read(&[("OTEL_TRACES_SAMPLER", "x"), ("OTEL_EXPORTER_OTLP_HEADERS", "x")], false);
        assert_eq!((traces.otlp, traces.warnings.len(), mistakes.len()), (None, 0, 0));
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn samplers_have_the_names_of_the_specification() {
        for (name, argument, follows_parent, ratio, warnings) in [
            ("", "", true, 1.0, 0),
            ("always_on", "", false, 1.0, 0),
            ("always_off", "", false, 0.0, 0),
            ("traceidratio", "0.25", false, 0.25, 0),
            ("traceidratio", "", false, 1.0, 0),
            ("traceidratio", "1.5", false, 1.0, 1),
            ("traceidratio", "NaN", false, 1.0, 1),
            ("parentbased_always_on", "x", true, 1.0, 0),
            ("parentbased_always_off", "", true, 0.0, 0),
            ("parentbased_traceidratio", "0.1", true, 0.1, 0),
            ("parentbased_", "", true, 1.0, 1),
            ("jaeger_remote", "", true, 1.0, 1),
        ] {
            let variables = [ENDPOINT, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
            let (traces, _) = read(&variables, false);
            assert_eq!(traces.otlp.unwrap().sampler, Sampler { follows_parent, ratio }, "{name} {argument}");
            assert_eq!(traces.warnings.len(), warnings, "{name} {argument}");
        }
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn names_and_values_are_decoded() {
        assert_eq!(
            pairs(" a = b%20c%2Cd ,, e=f=g,"),
            Some(vec![("a".into(), "b c,d".into()), ("e".into(), "f=g".into())])
        );
        assert_eq!(pairs(""), Some(Vec::new()));
        for bad in ["a", "=b", "a=%ff", "a=b;c"] {
            assert_eq!(pairs(bad).is_none(), bad != "a=b;c", "{bad}");
        }
        let variables = [ENDPOINT, ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,service.version=2,b=c")];
        let resource = |name: &str| {
            let (traces, _) = read(&[&variables[..], &[("OTEL_SERVICE_NAME", name)]].concat(), false);
            traces
                .otlp
                .unwrap()
                .resource
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(resource(""), ["service.name=a", "service.version=2", "b=c"]);
        assert_eq!(resource("d"), ["service.version=2", "b=c", "service.name=d"]);
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn a_secret_is_never_shown() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:s3cret@127.0.0.1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret"),
        ];
        let shown = format!("{:?}", read(&variables, false));
        assert!(shown.contains("api-key") && !shown.contains("s3cret"), "{shown}");
    }
}
