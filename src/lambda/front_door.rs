//! Front doors: the services through which requests reach the function, and the fields of their events.

use serde_json::Value;

use super::envelope::Envelope;

/// A front door. Pointers are JSON pointers; of several, the first one with a value is used.
#[derive(Debug)]
pub struct FrontDoor {
    /// An event belongs to this front door if it has all marks of at least one group.
    marks: &'static [&'static [&'static str]],
    /// Pointers to the method.
    pub(super) method: &'static [&'static str],
    /// Pointers to the path.
    pub(super) path: &'static [&'static str],
    /// Marks that show that AWS has checked the caller's signature (AWS_IAM). Clients cannot set them.
    pub(super) signed: &'static [&'static str],
    /// Whether query parameters are encoded as in the URL, rather than decoded.
    pub(super) is_query_encoded: bool,
    /// The format of the reply.
    pub(super) reply: ReplyForm,
}

/// The format of a reply.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReplyForm {
    /// For a REST API, and for an HTTP API with payload format 1.0.
    ApiGatewayV1,
    /// For an HTTP API or a Function URL.
    ApiGatewayV2,
    /// For an Application Load Balancer.
    LoadBalancer,
    /// For VPC Lattice, versions 1 and 2.
    Lattice,
}

/// All front doors. The first match is used, so those with a unique field come first.
static FRONT_DOORS: [FrontDoor; 5] = [
    // An Application Load Balancer.
    FrontDoor {
        marks: &[&["/requestContext/elb"]],
        method: &["/httpMethod", "/requestContext/httpMethod"],
        path: &["/path"],
        signed: &[],
        is_query_encoded: true,
        reply: ReplyForm::LoadBalancer,
    },
    // VPC Lattice, version 2 of its events.
    FrontDoor {
        marks: &[
            &["/requestContext/serviceNetworkArn"],
            &["/requestContext/serviceArn"],
            &["/requestContext/targetGroupArn"],
        ],
        method: &["/method"],
        path: &["/path"],
        signed: &["/requestContext/identity/type=AWS_IAM"],
        is_query_encoded: true,
        reply: ReplyForm::Lattice,
    },
    // VPC Lattice, version 1.
    FrontDoor {
        marks: &[&["/raw_path"]],
        method: &["/method"],
        path: &["/raw_path"],
        signed: &[],
        is_query_encoded: true,
        reply: ReplyForm::Lattice,
    },
    // An HTTP API of API Gateway, or a Function URL.
    FrontDoor {
        marks: &[&["/requestContext/http"], &["/rawPath"], &["/version=2.0", "/requestContext"]],
        method: &["/requestContext/http/method"],
        path: &["/rawPath", "/path"],
        signed: &["/requestContext/authorizer/iam/userArn"],
        is_query_encoded: false,
        reply: ReplyForm::ApiGatewayV2,
    },
    // A REST API, or an HTTP API with payload format 1.0.
    FrontDoor {
        marks: &[&["/httpMethod"], &["/requestContext"]],
        method: &["/httpMethod", "/requestContext/httpMethod"],
        path: &["/path"],
        signed: &["/requestContext/identity/userArn", "/requestContext/authorizer/iam/userArn"],
        is_query_encoded: false,
        reply: ReplyForm::ApiGatewayV1,
    },
];

/// The fields from which requests are built, except `body`.
pub(super) const FIELDS: [&str; 17] = [
    "headers",
    "httpMethod",
    "isBase64Encoded",
    "is_base64_encoded",
    "method",
    "multiValueHeaders",
    "multiValueQueryStringParameters",
    "path",
    "pathParameters",
    "queryStringParameters",
    "query_string_parameters",
    "rawPath",
    "rawQueryString",
    "raw_path",
    "requestContext",
    "resource",
    "version",
];

impl FrontDoor {
    /// Whether AWS has authenticated the caller. Guests of a Cognito identity pool also sign their requests,
    /// but anyone can be a guest.
    pub(super) fn has_checked_caller(&self, envelope: &Envelope<'_>) -> bool {
        !is_guest(envelope) && self.signed.iter().any(|mark| envelope.has(mark))
    }

    /// The front door of an event, if any.
    pub(super) fn of(envelope: &Envelope<'_>) -> Option<&'static Self> {
        FRONT_DOORS
            .iter()
            .find(|door| door.marks.iter().any(|group| group.iter().all(|mark| envelope.has(mark))))
    }
}

/// Whether the caller is a guest of a Cognito identity pool. A REST API reports this in a text field, an HTTP
/// API in the list of authentication methods (`amr`).
fn is_guest(envelope: &Envelope<'_>) -> bool {
    const GUEST: &str = "unauthenticated";
    let ways = envelope.at("/requestContext/authorizer/iam/cognitoIdentity/amr").and_then(Value::as_array);
    envelope.text("/requestContext/identity/cognitoAuthenticationType") == Some(GUEST)
        || ways.is_some_and(|ways| ways.iter().any(|way| way == GUEST))
}
