//! Which methods take keys, and when two requests are the same. The bytes of a message are not enough for that: clients write the
//! entries of a map in whatever order they have them in, another one at each try. So fields are put in the order of their numbers, and
//! the entries of maps in that of their bytes, as the descriptors of our own build say which is which.

use std::{collections::HashMap, sync::LazyLock};

use aws_lc_rs::digest;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, MessageOptions, field_descriptor_proto::Type};

/// Bytes before each message of gRPC: whether it is compressed, and its length.
pub(super) const FRAME_HEAD: usize = 5;
/// How a field is written: the last three bits of its key.
const VARINT: usize = 0;
const FIXED_64: usize = 1;
const LENGTH_DELIMITED: usize = 2;
const FIXED_32: usize = 5;
/// Messages within messages that are looked into; deeper ones are compared by their bytes.
const DEPTH_MAX: usize = 32;

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::of_our_own);

/// Whether a path is a method with one request and one answer: streams take no keys.
pub(super) fn is_unary(path: &str) -> bool {
    SCHEMA.requests.contains_key(path)
}

/// A hash that two requests to a method share when they say the same.
pub(super) fn digest(path: &str, frame: &[u8]) -> Vec<u8> {
    let plain = frame
        .split_first_chunk::<FRAME_HEAD>()
        .filter(|([compressed, length @ ..], message)| {
            *compressed == 0 && u32::from_be_bytes(*length) as usize == message.len()
        })
        .and_then(|(_, message)| SCHEMA.ordered(SCHEMA.requests.get(path)?, message, 0));
    // What cannot be read is refused by the method itself.
    digest::digest(&digest::SHA256, plain.as_deref().unwrap_or(frame)).as_ref().to_vec()
}

/// A field that holds messages.
struct Inner {
    message: String,
    is_map: bool,
}

#[derive(Default)]
struct Schema {
    /// The message of the request by the path of the method.
    requests: HashMap<String, String>,
    /// By message and number of the field.
    inner: HashMap<String, HashMap<usize, Inner>>,
}

impl Schema {
    fn of_our_own() -> Self {
        let files = FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).expect("our own build encoded them").file;
        let mut schema = Self::default();
        let mut maps = Vec::new();
        for file in &files {
            for message in &file.message_type {
                schema.add(&format!(".{}", file.package()), message, &mut maps);
            }
            for service in &file.service {
                let unary = service.method.iter().filter(|m| !m.client_streaming() && !m.server_streaming());
                schema.requests.extend(unary.map(|method| {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    (path, method.input_type().to_owned())
                }));
            }
        }
        for field in schema.inner.values_mut().flat_map(HashMap::values_mut) {
            field.is_map = maps.contains(&field.message);
        }
        schema
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto, maps: &mut Vec<String>) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add(&name, nested, maps);
        }
        if message.options.as_ref().is_some_and(MessageOptions::map_entry) {
            maps.push(name.clone());
        }
        let messages = message.field.iter().filter(|field| field.r#type() == Type::Message);
        let fields = messages
            .map(|f| (f.number() as usize, Inner { message: f.type_name().to_owned(), is_map: false }))
            .collect();
        self.inner.insert(name, fields);
    }

    /// The message in the one order; none for what is no message.
    fn ordered(&self, message: &str, mut bytes: &[u8], depth: usize) -> Option<Vec<u8>> {
        let inner = self.inner.get(message);
        let mut fields: Vec<(usize, bool, Vec<u8>)> = Vec::new();
        while !bytes.is_empty() {
            let whole = bytes;
            let key = number(&mut bytes)?;
            let (field, content) = (key >> 3, bytes);
            match key & 7 {
                VARINT => {
                    number(&mut bytes)?;
                }
                FIXED_64 => bytes = bytes.get(8..)?,
                LENGTH_DELIMITED => {
                    let length = number(&mut bytes)?;
                    bytes = bytes.get(length..)?;
                }
                FIXED_32 => bytes = bytes.get(4..)?,
                _ => return None,
            }
            // Its key, and what follows it.
            let mut written = whole[..whole.len() - bytes.len()].to_vec();
            let holds = inner.and_then(|inner| inner.get(&field));
            if let Some(holds) = holds.filter(|_| key & 7 == LENGTH_DELIMITED && depth < DEPTH_MAX) {
                let mut content = content;
                let length = number(&mut content)?;
                let content = self.ordered(&holds.message, &content[..length], depth + 1)?;
                written.truncate(whole.len() - bytes.len() - length);
                written.extend(content);
            }
            fields.push((field, holds.is_some_and(|holds| holds.is_map), written));
        }
        // Stable: what is repeated stays in its order, which says something.
        fields.sort_by(|(a, is_map, one), (b, _, other)| {
            a.cmp(b).then_with(|| if *is_map { one.cmp(other) } else { std::cmp::Ordering::Equal })
        });
        Some(fields.into_iter().flat_map(|(_, _, written)| written).collect())
    }
}

/// A number as messages have it, in up to ten bytes.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    prost::decode_length_delimiter(bytes).ok()
}

#[cfg(test)]
mod tests {
    use turnout_proto::{common::v1::LocalizedText, registration::v1::RegisterRequest};

    use super::*;

    const REGISTER: &str = "/turnout.registration.v1.RegistrantService/Register";
    const PUT: &str = "/turnout.notifications.v1.NotificationService/PutTemplate";

    fn frame(messages: &[Vec<u8>]) -> Vec<u8> {
        let message = messages.concat();
        let mut frame = vec![0];
        frame.extend((message.len() as u32).to_be_bytes());
        frame.extend(message);
        frame
    }

    fn answer(key: &str, value: &str) -> RegisterRequest {
        RegisterRequest { answers: [(key.to_owned(), value.to_owned())].into(), ..RegisterRequest::default() }
    }

    #[test]
    fn streams_and_what_is_no_method_take_no_keys() {
        assert!(is_unary(REGISTER) && is_unary(PUT));
        for path in [
            "/turnout.presence.v1.PresenceService/WatchCounts",
            "/turnout.registration.v1.RegistrantService/ExportRegistrants",
            "/grpc.health.v1.Health/Check",
            "/nowhere",
        ] {
            assert!(!is_unary(path), "{path}");
        }
    }

    #[test]
    fn the_order_of_fields_and_of_the_entries_of_maps_does_not_matter() {
        let email = RegisterRequest { email: "anna@example.org".into(), ..RegisterRequest::default() };
        let parts = [answer("age", "20"), answer("town", "Turku"), email].map(|part| part.encode_to_vec());
        let [age, town, email] = parts;
        let one = digest(REGISTER, &frame(&[age.clone(), town.clone(), email.clone()]));
        assert_eq!(one, digest(REGISTER, &frame(&[email.clone(), town, age.clone()])));
        assert_ne!(one, digest(REGISTER, &frame(&[email, age])));
    }

    #[test]
    fn entries_of_maps_within_messages_are_ordered_too_and_lists_are_not() {
        let held = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
        let text = |lang: &str| LocalizedText { texts: [(lang.to_owned(), "Gala".to_owned())].into() }.encode_to_vec();
        // The template's subject: a message in two pieces is one with the fields of both.
        let put = |pieces: [Vec<u8>; 2]| digest(PUT, &frame(&[held(1, &held(3, &pieces.concat()))]));
        assert_eq!(put([text("en"), text("fi")]), put([text("fi"), text("en")]));
        assert_ne!(put([text("en"), text("fi")]), put([text("en"), text("sv")]));

        let consents = |consents: [&str; 2]| {
            let consents = consents.map(str::to_owned).to_vec();
            digest(REGISTER, &frame(&[RegisterRequest { consents, ..RegisterRequest::default() }.encode_to_vec()]))
        };
        assert_ne!(consents(["a", "b"]), consents(["b", "a"]));
    }

    #[test]
    fn what_cannot_be_read_is_compared_by_its_bytes() {
        let cut = frame(&[vec![10, 200, 1]]);
        assert_eq!(digest(REGISTER, &cut), digest(REGISTER, &cut));
        assert_ne!(digest(REGISTER, &cut), digest(REGISTER, &frame(&[vec![10, 200, 2]])));
        for odd in [&[][..], &[0, 0], &[1, 0, 0, 0, 1, 9], &[0, 0, 0, 0, 9, 1], &[0, 0, 0, 0, 1, 7]] {
            assert_eq!(digest(REGISTER, odd), digest::digest(&digest::SHA256, odd).as_ref());
        }
    }
}
