//! The gRPC face: asks who calls, hands the request on, writes the answer. The access layer has authenticated each call before it
//! gets here; a failure becomes a status in `turnout_platform::failure`.

use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{Principal, Role, principal_of},
    failure::Failure,
    ids::EventId,
};
use turnout_proto::notifications::v1::{
    ApplyDeliveryReportRequest, ApplyDeliveryReportResponse, ApplyReturnedMailRequest, ApplyReturnedMailResponse,
    GetMessageFiguresRequest, GetMessageFiguresResponse, GetMessageSettingsRequest, GetMessageSettingsResponse,
    GetRemindersRequest, GetRemindersResponse, GetSendingStandingRequest, GetSendingStandingResponse,
    GetTemplateRequest, GetTemplateResponse, LiftMarketingStopRequest, LiftMarketingStopResponse,
    LiftSuppressionRequest, LiftSuppressionResponse, ListMessagesOfEventRequest, ListMessagesOfEventResponse,
    ListMessagesOfPersonRequest, ListMessagesOfPersonResponse, ListMessagesOfRegistrationsRequest,
    ListMessagesOfRegistrationsResponse, ListSuppressionsRequest, ListSuppressionsResponse, Message as WireMessage,
    PreviewTemplateRequest, PreviewTemplateResponse, PutMessageSettingsRequest, PutMessageSettingsResponse,
    PutRemindersRequest, PutRemindersResponse, PutTemplateRequest, PutTemplateResponse, ReplayNoticesRequest,
    ReplayNoticesResponse, ResendMessageRequest, ResendMessageResponse, ResetTemplateRequest, ResetTemplateResponse,
    ResolveUnsubscribeRequest, ResolveUnsubscribeResponse, RotateReportSecretRequest, RotateReportSecretResponse,
    SendSecurityMessageRequest, SendSecurityMessageResponse, SendTestRequest, SendTestResponse, UnsubscribeRequest,
    UnsubscribeResponse, notification_service_server::NotificationService,
};

use crate::{
    Notifications,
    domain::{
        fields,
        message::{Message, Reason},
    },
    store::timestamp,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl NotificationService for Notifications {
    async fn send_security_message(
        &self,
        request: Request<SendSecurityMessageRequest>,
    ) -> Answer<SendSecurityMessageResponse> {
        let (caller, request) = parts(request)?;
        let message_id = self.send_security(caller.tenant()?, request).await?.to_string();
        Ok(Response::new(SendSecurityMessageResponse { message_id }))
    }

    async fn list_messages_of_registrations(
        &self,
        request: Request<ListMessagesOfRegistrationsRequest>,
    ) -> Answer<ListMessagesOfRegistrationsResponse> {
        let (caller, request) = parts(request)?;
        let event: EventId = fields::id("event_id", &request.event_id)?;
        if request.registration_ids.len() > fields::REGISTRATIONS_MAX {
            let problem = format!("must be at most {}", fields::REGISTRATIONS_MAX);
            return Err(Failure::invalid("registration_ids", problem).into());
        }
        self.event(caller.tenant()?, &request.event_id).await?;
        let messages = self.of_registrations(caller.tenant()?, &event, request.registration_ids).await?;
        let messages = messages.into_iter().map(wire).collect();
        Ok(Response::new(ListMessagesOfRegistrationsResponse { messages }))
    }

    async fn list_messages_of_person(
        &self,
        request: Request<ListMessagesOfPersonRequest>,
    ) -> Answer<ListMessagesOfPersonResponse> {
        let (caller, request) = parts(request)?;
        let (messages, next_page_token) = self.of_person(caller.tenant()?, request).await?;
        let messages = messages.into_iter().map(wire).collect();
        Ok(Response::new(ListMessagesOfPersonResponse { messages, next_page_token }))
    }

    async fn list_messages_of_event(
        &self,
        request: Request<ListMessagesOfEventRequest>,
    ) -> Answer<ListMessagesOfEventResponse> {
        let (caller, request) = parts(request)?;
        let (messages, next_page_token) = self.of_event(caller.tenant()?, request).await?;
        let messages = messages.into_iter().map(wire).collect();
        Ok(Response::new(ListMessagesOfEventResponse { messages, next_page_token }))
    }

    async fn resend_message(&self, request: Request<ResendMessageRequest>) -> Answer<ResendMessageResponse> {
        let (caller, request) = parts(request)?;
        let message = self.resend(&caller, request).await?;
        Ok(Response::new(ResendMessageResponse { message: Some(wire(message)) }))
    }

    async fn get_message_figures(
        &self,
        request: Request<GetMessageFiguresRequest>,
    ) -> Answer<GetMessageFiguresResponse> {
        let (caller, request) = parts(request)?;
        let figures = self.figures(caller.tenant()?, &request.event_id).await?;
        Ok(Response::new(GetMessageFiguresResponse { figures }))
    }

    async fn get_template(&self, request: Request<GetTemplateRequest>) -> Answer<GetTemplateResponse> {
        let (caller, request) = parts(request)?;
        let template = self.get_template(caller.tenant()?, request.kind, &request.event_id).await?;
        Ok(Response::new(GetTemplateResponse { template: Some(template) }))
    }

    async fn put_template(&self, request: Request<PutTemplateRequest>) -> Answer<PutTemplateResponse> {
        let (caller, request) = parts(request)?;
        let template = self.put_template(&caller, request.template).await?;
        Ok(Response::new(PutTemplateResponse { template: Some(template) }))
    }

    async fn reset_template(&self, request: Request<ResetTemplateRequest>) -> Answer<ResetTemplateResponse> {
        let (caller, request) = parts(request)?;
        let template = self.reset_template(&caller, request.kind, &request.event_id).await?;
        Ok(Response::new(ResetTemplateResponse { template: Some(template) }))
    }

    async fn preview_template(&self, request: Request<PreviewTemplateRequest>) -> Answer<PreviewTemplateResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.preview(caller.tenant()?, request.template, &request.language).await?))
    }

    async fn send_test(&self, request: Request<SendTestRequest>) -> Answer<SendTestResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.send_test(&caller, request).await?))
    }

    async fn get_reminders(&self, request: Request<GetRemindersRequest>) -> Answer<GetRemindersResponse> {
        let (caller, request) = parts(request)?;
        let reminders = self.get_reminders(caller.tenant()?, &request.event_id).await?;
        Ok(Response::new(GetRemindersResponse { reminders: Some(reminders) }))
    }

    async fn put_reminders(&self, request: Request<PutRemindersRequest>) -> Answer<PutRemindersResponse> {
        let (caller, request) = parts(request)?;
        let reminders = self.put_reminders(&caller, request.reminders).await?;
        Ok(Response::new(PutRemindersResponse { reminders: Some(reminders) }))
    }

    async fn get_message_settings(
        &self,
        request: Request<GetMessageSettingsRequest>,
    ) -> Answer<GetMessageSettingsResponse> {
        let (caller, _) = parts(request)?;
        let mut settings = self.store.settings(caller.tenant()?).await?;
        if caller.role() != Some(Role::Owner) {
            // It may hold a secret, and only owners change it.
            settings.webhook_url.clear();
        }
        let settings = Some(settings);
        Ok(Response::new(GetMessageSettingsResponse { settings, mail_transport: self.mail.name().to_owned() }))
    }

    async fn put_message_settings(
        &self,
        request: Request<PutMessageSettingsRequest>,
    ) -> Answer<PutMessageSettingsResponse> {
        let (caller, request) = parts(request)?;
        let settings = Some(self.put_settings(&caller, request.settings).await?);
        Ok(Response::new(PutMessageSettingsResponse { settings }))
    }

    async fn apply_delivery_report(
        &self,
        request: Request<ApplyDeliveryReportRequest>,
    ) -> Answer<ApplyDeliveryReportResponse> {
        let repeated = self.apply_report(request.into_inner()).await?;
        Ok(Response::new(ApplyDeliveryReportResponse { repeated }))
    }

    async fn apply_returned_mail(
        &self,
        request: Request<ApplyReturnedMailRequest>,
    ) -> Answer<ApplyReturnedMailResponse> {
        let repeated = self.apply_returned_mail(&request.into_inner().mail).await?;
        Ok(Response::new(ApplyReturnedMailResponse { repeated }))
    }

    async fn rotate_report_secret(
        &self,
        request: Request<RotateReportSecretRequest>,
    ) -> Answer<RotateReportSecretResponse> {
        let (caller, _) = parts(request)?;
        let secret = self.rotate_report_secret(&caller).await?;
        Ok(Response::new(RotateReportSecretResponse { secret }))
    }

    async fn resolve_unsubscribe(
        &self,
        request: Request<ResolveUnsubscribeRequest>,
    ) -> Answer<ResolveUnsubscribeResponse> {
        Ok(Response::new(self.resolve_unsubscribe(&request.get_ref().code).await?))
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Answer<UnsubscribeResponse> {
        let request = request.into_inner();
        self.unsubscribe(&request.code, request.all_marketing).await?;
        Ok(Response::new(UnsubscribeResponse {}))
    }

    async fn list_suppressions(&self, request: Request<ListSuppressionsRequest>) -> Answer<ListSuppressionsResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.suppressions(caller.tenant()?, request).await?))
    }

    async fn lift_suppression(&self, request: Request<LiftSuppressionRequest>) -> Answer<LiftSuppressionResponse> {
        let (caller, request) = parts(request)?;
        self.lift_suppression(&caller, &request.email, &request.reason).await?;
        Ok(Response::new(LiftSuppressionResponse {}))
    }

    async fn replay_notices(&self, request: Request<ReplayNoticesRequest>) -> Answer<ReplayNoticesResponse> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.replay_notices(&caller, request).await?))
    }

    async fn get_sending_standing(
        &self,
        request: Request<GetSendingStandingRequest>,
    ) -> Answer<GetSendingStandingResponse> {
        let (caller, _) = parts(request)?;
        let standing = Some(self.sending_standing(caller.tenant()?).await?);
        Ok(Response::new(GetSendingStandingResponse { standing }))
    }

    async fn lift_marketing_stop(
        &self,
        request: Request<LiftMarketingStopRequest>,
    ) -> Answer<LiftMarketingStopResponse> {
        let (caller, request) = parts(request)?;
        let standing = Some(self.lift_marketing_stop(&caller, &request.reason).await?);
        Ok(Response::new(LiftMarketingStopResponse { standing }))
    }
}

fn parts<T>(request: Request<T>) -> Result<(Principal, T), Failure> {
    Ok((principal_of(&request)?, request.into_inner()))
}

fn wire(message: Message) -> WireMessage {
    WireMessage {
        message_id: message.id.to_string(),
        event_id: message.event.as_ref().map(ToString::to_string).unwrap_or_default(),
        registration_id: message.registration,
        kind: message.kind.into(),
        occurrence: message.occurrence,
        channel: message.channel.into(),
        state: message.state.into(),
        reason: message.reason.map_or("", Reason::word).to_owned(),
        due_at: Some(timestamp(message.due_at_ms)),
        state_at: Some(timestamp(message.state_at_ms)),
        attempts: i32::try_from(message.attempts).unwrap_or(i32::MAX),
        maybe_twice: message.maybe_twice,
    }
}
