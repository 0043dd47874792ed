//! Payloads that are not requests: pings that keep the function warm, and events of unsupported services.

use lambda_runtime::Diagnostic;

use super::envelope::Envelope;
use upright::Accepted;

/// Fields whose text is examined.
pub(super) const TEXTS: [&str; 8] =
    ["Event", "Name", "action", "detail-type", "event", "eventSource", "source", "type"];

/// The marks of schedules without a custom input.
const SCHEDULES: [&str; 2] = ["/source=aws.events", "/source=aws.scheduler"];

/// Words for a ping that plugins and people use; in lower case, without hyphens and underscores.
const PINGS: [&str; 12] = [
    "heartbeat",
    "iswarm",
    "iswarmup",
    "keepalive",
    "keepwarm",
    "ping",
    "prewarm",
    "warm",
    "warmer",
    "warming",
    "warmup",
    "warmuprequest",
];

/// Fields that may contain such a word: `{"source": "serverless-plugin-warmup"}`.
const SAYINGS: [&str; 4] = ["/action", "/event", "/source", "/type"];

/// The marks of events that look like a request but are not.
const LOOKALIKES: [(&str, &str); 3] = [
    ("/requestContext/connectionId", "API Gateway's WebSocket API"),
    ("/methodArn", "API Gateway for an authorizer"),
    ("/routeArn", "API Gateway for an authorizer"),
];

/// The marks of unsupported services, and the names of the services.
const SERVICES: [(&str, &str); 37] = [
    ("/getObjectContext", "Amazon S3 Object Lambda"),
    ("/Records/0/source=aws:dynamodb", "Amazon DynamoDB"),
    ("/Records/0/source=aws:kinesis", "Amazon Kinesis"),
    ("/Records/0/source=aws:ses", "Amazon SES"),
    ("/Records/0/source=aws:codecommit", "AWS CodeCommit"),
    ("/Records/0/cf", "CloudFront (Lambda@Edge)"),
    ("/deliveryStreamArn", "Amazon Data Firehose"),
    ("/eventSource=aws:kafka", "Amazon MSK"),
    ("/eventSource=SelfManagedKafka", "Apache Kafka"),
    ("/eventSource=aws:mq", "Amazon MQ"),
    ("/eventSource=aws:rmq", "Amazon MQ"),
    ("/eventSource=aws:amq", "Amazon MQ"),
    ("/eventSource=aws:docdb", "Amazon DocumentDB"),
    ("/triggerSource", "Amazon Cognito"),
    ("/datasetRecords", "Amazon Cognito Sync"),
    ("/awslogs", "CloudWatch Logs"),
    ("/alarmArn", "CloudWatch alarms"),
    ("/invokingEvent", "AWS Config"),
    ("/CodePipeline.job", "AWS CodePipeline"),
    ("/DeploymentId", "AWS CodeDeploy"),
    ("/StackId", "AWS CloudFormation"),
    ("/SecretId", "AWS Secrets Manager"),
    ("/Name=ContactFlowEvent", "Amazon Connect"),
    ("/CampaignId", "Amazon Pinpoint"),
    ("/flowDirection", "Amazon WorkMail"),
    ("/labelingJobArn", "Amazon SageMaker Ground Truth"),
    ("/currentIntent", "Amazon Lex"),
    ("/sessionState", "Amazon Lex"),
    ("/agent", "Amazon Bedrock"),
    ("/session", "Alexa"),
    ("/directive", "Alexa"),
    ("/deviceInfo", "AWS IoT"),
    ("/selectionSetList", "AWS AppSync"),
    ("/info", "AWS AppSync"),
    ("/responsePayload", "AWS Lambda destinations"),
    ("/requestPayload", "AWS Lambda destinations"),
    ("/detail-type", "Amazon EventBridge"),
];

/// Whether the presence of this field is a mark.
pub(super) fn is_mark(name: &str) -> bool {
    LOOKALIKES.iter().chain(&SERVICES).any(|(mark, _)| mark.strip_prefix('/') == Some(name))
}

/// Whether a text is a word for a ping, in any spelling: `keep-warm`, `keepWarm`.
pub(super) fn is_ping(text: &str) -> bool {
    let letters = text.chars().filter(|letter| !matches!(letter, '-' | '_'));
    let plain: String = letters.take(16).map(|letter| letter.to_ascii_lowercase()).collect();
    PINGS.contains(&plain.as_str())
}

/// Whether the sender expects no work: the event is empty, comes from a schedule, or contains a word for a
/// ping.
pub(super) fn wants_nothing(envelope: &Envelope<'_>) -> bool {
    let has_word = |text: &str| is_ping(text) || text.split(['-', '.', '/', ':']).any(is_ping);
    let says_so = || SAYINGS.iter().filter_map(|field| envelope.text(field)).any(has_word);
    envelope.is_empty
        || SCHEDULES.iter().any(|mark| envelope.has(mark))
        || (service(envelope).is_none() && (envelope.says_ping || says_so()))
}

/// The service that sent an event, if known.
fn service(envelope: &Envelope<'_>) -> Option<&'static str> {
    SERVICES.iter().find(|(mark, _)| envelope.has(mark)).map(|(_, service)| *service)
}

/// The error for an event that looks like a request but must not be handled like one.
pub(super) fn lookalike(envelope: &Envelope<'_>) -> Option<Diagnostic> {
    let (_, service) = LOOKALIKES.iter().find(|(mark, _)| envelope.has(mark))?;
    Some(refusal(&format!("an event of {service}, which this function does not serve")))
}

/// The error for an unsupported payload. It names the sending service, if known.
pub(super) fn refuse(envelope: &Envelope<'_>) -> Diagnostic {
    match service(envelope) {
        Some(service) => refusal(&format!("an event of {service}, which this function does not serve")),
        None => unknown(),
    }
}

/// The error for an event about S3 objects if no bucket is configured.
pub(super) fn objects_are_off(service: &str) -> Diagnostic {
    refusal(&format!(
        "an event of {service}. Such events are served where the setting S3_BUCKETS names the buckets whose objects may be \
         read, and it is not set. Set it, or let this service send its events elsewhere"
    ))
}

/// The error for an event of a supported service that cannot be parsed.
pub(super) fn broken(service: &str, fault: &str) -> Diagnostic {
    Diagnostic {
        error_type: INVALID_EVENT.to_owned(),
        error_message: format!("The payload is an event of {service} that cannot be read. {fault}"),
    }
}

/// The error for a payload of unknown kind.
pub(super) fn unknown() -> Diagnostic {
    refusal("not one that this function accepts")
}

/// The error type for rejected payloads.
const INVALID_EVENT: &str = "InvalidEvent";

fn refusal(what: &str) -> Diagnostic {
    Diagnostic {
        error_type: INVALID_EVENT.to_owned(),
        error_message: format!(
            "The payload is {what}. Send an event of API Gateway (HTTP API or REST API), a Function URL, an \
             Application Load Balancer or VPC Lattice, or invoke the function directly with a {Accepted} image as \
             {{\"image\": \"<base64>\"}}, {{\"images\": [\"<base64>\", …]}} or {{\"inputs\": \"<base64>\"}}."
        ),
    }
}
