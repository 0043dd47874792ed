//! Converts a response to the format of the front door.

use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_http::aws_lambda_events::alb::AlbTargetGroupResponse;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::aws_lambda_events::vpc_lattice::VpcLatticeResponse;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::value::RawValue;

use super::front_door::{FrontDoor, ReplyForm};
use super::objects;

/// The payload that is returned to Lambda. Bodies are always text, never base64: JSON or the web page.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    ApiGatewayV1(Box<ApiGatewayProxyResponse>),
    ApiGatewayV2(Box<ApiGatewayV2httpResponse>),
    LoadBalancer(Box<AlbTargetGroupResponse>),
    Lattice(Box<Lattice>),
    Plain(Box<RawValue>),
    Objects(objects::Reply),
    Ping { warm: bool },
}

/// VPC Lattice's reply with a status description, which the type of `lambda_http` lacks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lattice {
    #[serde(flatten)]
    response: VpcLatticeResponse,
    status_description: String,
}

impl Reply {
    /// The reply to a request through a front door.
    pub(super) fn http(door: &FrontDoor, mut parts: Parts, body: String) -> Self {
        // HTTP servers remove this header, too (RFC 9110, section 8.6).
        if matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        let status = parts.status.as_u16();
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let status_description = format!("{status} {reason}");
        let body = Some(body.into());
        match door.reply {
            ReplyForm::ApiGatewayV1 => {
                let mut reply = ApiGatewayProxyResponse::default();
                reply.status_code = status.into();
                // Set only one of the two maps, because the gateway merges them.
                reply.multi_value_headers = parts.headers;
                reply.body = body;
                Self::ApiGatewayV1(Box::new(reply))
            }
            ReplyForm::ApiGatewayV2 => {
                let mut reply = ApiGatewayV2httpResponse::default();
                reply.status_code = status.into();
                reply.headers = joined(&parts.headers);
                reply.body = body;
                Self::ApiGatewayV2(Box::new(reply))
            }
            ReplyForm::LoadBalancer => {
                let mut reply = AlbTargetGroupResponse::default();
                reply.status_code = status.into();
                reply.status_description = Some(status_description);
                // Set both maps: the target group's settings decide which one is read.
                reply.headers = joined(&parts.headers);
                reply.multi_value_headers = parts.headers;
                reply.body = body;
                Self::LoadBalancer(Box::new(reply))
            }
            ReplyForm::Lattice => {
                let mut response = VpcLatticeResponse::default();
                response.status_code = status;
                response.headers = joined(&parts.headers);
                response.body = body;
                Self::Lattice(Box::new(Lattice { response, status_description }))
            }
        }
    }

    /// The reply to a direct invocation: only the JSON.
    pub(super) fn plain(body: String) -> Result<Self, Diagnostic> {
        RawValue::from_string(body).map(Self::Plain).map_err(|error| Diagnostic {
            error_type: "Internal".to_owned(),
            error_message: error.to_string(),
        })
    }

    /// The reply to a ping.
    pub(super) const PING: Self = Self::Ping { warm: true };
}

/// Joins several values of a header with commas (RFC 9110, section 5.3). A front door that takes one value
/// per name would drop the others.
fn joined(headers: &HeaderMap) -> HeaderMap {
    let mut joined = HeaderMap::with_capacity(headers.len());
    for name in headers.keys() {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            joined.insert(name, value);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_of_a_header_become_one() {
        let vary = |value| ("vary".parse().unwrap(), HeaderValue::from_static(value));
        let headers = HeaderMap::from_iter([vary("origin"), vary("accept")]);
        assert_eq!(joined(&headers)["vary"], "origin, accept");
    }
}
