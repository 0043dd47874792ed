//! The ways in which a request comes to the function, and what each calls the parts of a request.

use serde_json::Value;

use super::envelope::Envelope;

/// One way in. Pointers are JSON pointers; of several, the first that leads to something counts.
#[derive(Debug)]
pub struct FrontDoor {
    /// An event is one of this front door if it has all marks of one of these groups.
    marks: &'static [&'static [&'static str]],
    /// Where the method is.
    pub(super) method: &'static [&'static str],
    /// Where the path is.
    pub(super) path: &'static [&'static str],
    /// Marks of a caller whose signature AWS has checked (AWS_IAM). No client can set them.
    pub(super) signed: &'static [&'static str],
    /// The parameters of the query are as they were in the URL, not decoded.
    pub(super) is_query_encoded: bool,
    /// What an answer looks like.
    pub(super) reply: ReplyForm,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReplyForm {
    /// A REST API's, also payload format 1.0 of an HTTP API.
    ApiGatewayV1,
    /// An HTTP API's, also a Function URL's.
    ApiGatewayV2,
    /// An Application Load Balancer's.
    LoadBalancer,
    /// VPC Lattice's, of both versions.
    Lattice,
}

/// All front doors. The first that matches counts, so those with a field of their own come first.
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

/// The fields of which requests are made, `body` aside.
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
    /// Whether AWS has checked who the caller is. Guests of a Cognito identity pool sign, too, but they may be anybody.
    pub(super) fn has_checked_caller(&self, envelope: &Envelope<'_>) -> bool {
        !is_guest(envelope) && self.signed.iter().any(|mark| envelope.has(mark))
    }

    /// The front door through which an event came, if any.
    pub(super) fn of(envelope: &Envelope<'_>) -> Option<&'static Self> {
        FRONT_DOORS
            .iter()
            .find(|door| door.marks.iter().any(|group| group.iter().all(|mark| envelope.has(mark))))
    }
}

/// Whether the caller is a guest of a Cognito identity pool. A REST API says so in a text, an HTTP API in a list of the
/// ways in which the caller was authenticated (`amr`).
fn is_guest(envelope: &Envelope<'_>) -> bool {
    const GUEST: &str = "unauthenticated";
    let ways = envelope.at("/requestContext/authorizer/iam/cognitoIdentity/amr").and_then(Value::as_array);
    envelope.text("/requestContext/identity/cognitoAuthenticationType") == Some(GUEST)
        || ways.is_some_and(|ways| ways.iter().any(|way| way == GUEST))
}
