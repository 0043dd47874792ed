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
