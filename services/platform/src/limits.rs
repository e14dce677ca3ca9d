//! The named limits that more than one crate obeys. A limit that one file alone needs stands in that file.

/// Characters of an id.
pub const ID_CHARS_MAX: usize = 64;

/// Characters of a title that people see.
pub const TITLE_CHARS_MAX: usize = 200;

/// Bytes of a ticket or a token, checked before it is parsed.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// Bytes of one bus message. NATS allows 1 MiB as shipped; the mesh asks for less, so that one message cannot stall a link.
pub const BUS_PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// Messages that wait in one bus subscription before further ones are dropped and counted.
pub const BUS_SUBSCRIPTION_MESSAGES_MAX: usize = 8192;

/// Bytes of one gRPC request.
pub const RPC_REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one gRPC response.
pub const RPC_RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
