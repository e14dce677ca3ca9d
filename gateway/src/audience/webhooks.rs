//! Webhooks of payment and mail providers, signed as the Standard Webhooks specification says. The body goes to the service as it came:
//! the signature is over its bytes, and the service has the secret. Mails that servers return come here too: what they hold of our
//! mail is their signature.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{ApplyDeliveryReportRequest, ApplyReturnedMailRequest},
    registration::v1::ApplyPaymentNoticeRequest,
};

use crate::{
    Shared,
    upstream::{Acting, bounded},
};

/// What a provider is told to wait, in seconds, when it cannot be taken now.
const RETRY_AFTER_S: u32 = 5;

/// `POST /v1/tenants/<tenant>/payments`
pub(super) async fn payment(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = ApplyPaymentNoticeRequest {
        tenant_id: tenant,
        id: text(&headers, "webhook-id"),
        timestamp: text(&headers, "webhook-timestamp"),
        signature: text(&headers, "webhook-signature"),
        body: body.to_vec(),
    };
    answer(shared.upstream.registrants(&Acting::Mesh).apply_payment_notice(bounded(request)).await.map(drop))
}

/// `POST /v1/tenants/<tenant>/delivery-reports`
pub(super) async fn delivery_report(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = ApplyDeliveryReportRequest {
        tenant_id: tenant,
        id: text(&headers, "webhook-id"),
        timestamp: text(&headers, "webhook-timestamp"),
        signature: text(&headers, "webhook-signature"),
        body: body.to_vec(),
    };
    answer(shared.upstream.notifications(&Acting::Mesh).apply_delivery_report(bounded(request)).await.map(drop))
}

/// `POST /v1/returned-mails`: the mail as it arrived.
pub(super) async fn returned_mail(State(shared): State<Shared>, body: Bytes) -> Response {
    let request = ApplyReturnedMailRequest { mail: body.to_vec() };
    answer(shared.upstream.notifications(&Acting::Mesh).apply_returned_mail(bounded(request)).await.map(drop))
}

/// A header's value; empty when it is missing, and then no signature fits.
fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A provider comes again after anything but a 2xx; 401 and 422 tell its people what to mend.
fn answer(done: Result<(), Status>) -> Response {
    let Err(status) = done else { return StatusCode::NO_CONTENT.into_response() };
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            (StatusCode::UNAUTHORIZED, "no valid signature\n").into_response()
        }
        Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::AlreadyExists => {
            (StatusCode::UNPROCESSABLE_ENTITY, "this cannot be applied\n").into_response()
        }
        Code::Internal | Code::Unknown | Code::Unimplemented => {
            tracing::error!(code = ?status.code(), "a webhook could not be applied");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        _ => {
            let mut answer = (StatusCode::SERVICE_UNAVAILABLE, "come back later\n").into_response();
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_told_whether_to_mend_something_or_to_come_back() {
        let rows = [
            (Code::Unauthenticated, 401),
            (Code::InvalidArgument, 422),
            (Code::NotFound, 422),
            (Code::FailedPrecondition, 422),
            (Code::Unavailable, 503),
            (Code::DeadlineExceeded, 503),
            (Code::ResourceExhausted, 503),
            (Code::Aborted, 503),
            (Code::Internal, 500),
        ];
        for (code, expected) in rows {
            let told = answer(Err(Status::new(code, "")));
            assert_eq!(told.status(), expected, "{code:?}");
            assert_eq!(told.headers().contains_key(header::RETRY_AFTER), expected == 503);
        }
        assert_eq!(answer(Ok(())).status(), StatusCode::NO_CONTENT);
    }
}
