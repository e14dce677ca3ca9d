//! gRPC as an organiser's own service calls it: with an API key, from outside.

use tonic::{Request, Status, transport::Channel};
use turnout_proto::presence::v1::{
    Count, GetCountHistoryRequest, GetCountRequest, GetPeakRequest, presence_service_client::PresenceServiceClient,
};

/// A channel to `host:port`.
pub async fn channel(address: &str) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("the service listens")
}

/// A request with an API key.
pub fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().expect("a key is plain text"));
    request
}

/// The count now.
pub async fn count(address: &str, key: &str, event: &str) -> Result<Count, Status> {
    count_of_room(address, key, event, "").await
}

/// The count of a room now.
pub async fn count_of_room(address: &str, key: &str, event: &str, room: &str) -> Result<Count, Status> {
    let request = with_key(key, GetCountRequest { event_id: event.into(), room_id: room.into() });
    let response = PresenceServiceClient::new(channel(address).await).get_count(request).await?;
    Ok(response.into_inner().count.unwrap_or_default())
}

/// The peak.
pub async fn peak(address: &str, key: &str, event: &str) -> Result<u64, Status> {
    let request = with_key(key, GetPeakRequest { event_id: event.into(), room_id: String::new() });
    Ok(PresenceServiceClient::new(channel(address).await).get_peak(request).await?.into_inner().viewers)
}

/// The viewers of each point of the last so many seconds.
pub async fn history(address: &str, key: &str, event: &str, seconds: i64) -> Result<Vec<u64>, Status> {
    let from = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64 - seconds;
    let request = GetCountHistoryRequest {
        event_id: event.into(),
        from: Some(prost_types::Timestamp { seconds: from, nanos: 0 }),
        ..Default::default()
    };
    let response = PresenceServiceClient::new(channel(address).await).get_count_history(with_key(key, request)).await?;
    Ok(response.into_inner().points.iter().map(|point| point.viewers).collect())
}
