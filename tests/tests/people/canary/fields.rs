//! Every field of every request that can hold words, from the descriptors that reflection shows too; and which of them are no personal
//! field. It reads and writes the wire itself, so that a field is known here the moment it is declared.

use std::collections::{BTreeSet, HashMap};

use bytes::Buf as _;
use prost::{
    Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field},
};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};
use turnout_tests::needles::Needles;

/// Names of fields that never hold anything of a person, wherever they stand.
const NOT_PERSONAL: &[&str] = &[
    // Ids, and what only programs make.
    "account_id",
    "after_notice_id",
    "currency",
    "entry_id",
    "event_id",
    "id",
    "idempotency_key",
    "key_id",
    "language",
    "languages",
    "message_id",
    "number_hash",
    "page_token",
    "person_id",
    "paths",
    "public_key",
    "registration_id",
    "registration_ids",
    "room_id",
    "secret_sha256",
    "signature",
    "tenant_id",
    "timestamp",
    "zone",
    // What organisers say about their events, for everybody to read.
    "agreements",
    "channel",
    "consents",
    "field",
    "key",
    "label",
    "purpose",
    "sender_name",
    "summary",
    "text",
    "texts",
    "title",
    "venue",
    "webhook_url",
    // Words of a closed list.
    "action",
    "actor",
    "source",
    "subject",
    // Secrets: those of the canary's life are looked for by themselves, as they were given.
    "code",
    "return_path",
    "session",
    "token",
];
/// A message within so many others is not looked into: messages may hold themselves.
const DEPTH_MAX: usize = 6;

/// What requests look like.
pub struct Fields {
    messages: HashMap<String, DescriptorProto>,
    /// Paths of methods and their requests.
    methods: Vec<(String, String)>,
}

impl Fields {
    pub fn new() -> Self {
        let files = FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap().file;
        let (mut messages, mut methods) = (HashMap::new(), Vec::new());
        for file in &files {
            for message in &file.message_type {
                add(&mut messages, &format!(".{}.{}", file.package(), message.name()), message);
            }
            for service in file.service.iter().filter(|_| file.package().starts_with("turnout.")) {
                let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                let method = |m: &prost_types::MethodDescriptorProto| (path(m.name()), m.input_type().to_owned());
                methods.extend(service.method.iter().map(method));
            }
        }
        assert!(methods.len() >= 90, "{methods:?}");
        Self { messages, methods }
    }

    /// The paths of all methods.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(|(path, _)| path.as_str())
    }

    /// Every field that may hold something of a person, as `Method.field.field`.
    pub fn personal(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (path, input) in &self.methods {
            self.walk(input, &mut vec![method(path).to_owned()], &mut all);
        }
        all
    }

    fn walk(&self, message: &str, at: &mut Vec<String>, all: &mut BTreeSet<String>) {
        for field in self.messages[message].field.iter().filter(|field| is_personal(field)) {
            at.push(field.name().to_owned());
            match field.r#type() {
                Type::Message if at.len() <= DEPTH_MAX => self.walk(field.type_name(), at, all),
                Type::String | Type::Bytes => drop(all.insert(name(at))),
                _ => {}
            }
            at.pop();
        }
    }

    /// The fields of a request in which one of these words stands.
    pub fn holding(&self, path: &str, message: &[u8], needles: &Needles) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.look(self.input(path), message, &mut vec![method(path).to_owned()], needles, &mut found);
        found
    }

    fn look(
        &self,
        kind: &str,
        mut bytes: &[u8],
        at: &mut Vec<String>,
        needles: &Needles,
        found: &mut BTreeSet<String>,
    ) {
        while bytes.has_remaining() {
            let (tag, wire) = decode_key(&mut bytes).unwrap();
            let field = self.messages[kind].field.iter().find(|field| field.number() as u32 == tag);
            let Some(field) = field.filter(|field| wire == WireType::LengthDelimited && is_personal(field)) else {
                skip_field(wire, tag, &mut bytes, DecodeContext::default()).unwrap();
                continue;
            };
            let length = decode_varint(&mut bytes).unwrap() as usize;
            let (value, rest) = bytes.split_at(length);
            bytes = rest;
            at.push(field.name().to_owned());
            match field.r#type() {
                Type::Message => self.look(field.type_name(), value, at, needles, found),
                Type::String | Type::Bytes if !needles.in_bytes(value).is_empty() => drop(found.insert(name(at))),
                _ => {}
            }
            at.pop();
        }
    }

    /// A request with this word in each field that may hold something of a person, and nothing else but this event.
    pub fn filled(&self, path: &str, word: &str, event: &str) -> Vec<u8> {
        self.fill(self.input(path), word, event, 0)
    }

    fn fill(&self, kind: &str, word: &str, event: &str, depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in &self.messages[kind].field {
            let value = match field.r#type() {
                _ if field.name() == "event_id" => event.as_bytes().to_vec(),
                _ if !is_personal(field) => continue,
                Type::Message if depth < DEPTH_MAX => self.fill(field.type_name(), word, event, depth + 1),
                Type::String | Type::Bytes => word.as_bytes().to_vec(),
                _ => continue,
            };
            encode_key(field.number() as u32, WireType::LengthDelimited, &mut bytes);
            encode_varint(value.len() as u64, &mut bytes);
            bytes.extend(value);
        }
        bytes
    }

    fn input(&self, path: &str) -> &str {
        let found = self.methods.iter().find(|(known, _)| known == path);
        &found.unwrap_or_else(|| panic!("{path} is no method")).1
    }
}

fn add(messages: &mut HashMap<String, DescriptorProto>, name: &str, message: &DescriptorProto) {
    for inner in &message.nested_type {
        add(messages, &format!("{name}.{}", inner.name()), inner);
    }
    messages.insert(name.to_owned(), message.clone());
}

/// Whether it, or what is in it, may hold something of a person.
fn is_personal(field: &FieldDescriptorProto) -> bool {
    !NOT_PERSONAL.contains(&field.name())
}

fn method(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// A map is a list of entries with a value each: it is called by its own name.
fn name(at: &[String]) -> String {
    at.join(".").trim_end_matches(".value").to_owned()
}

#[cfg(test)]
mod tests {
    use turnout_proto::registration::v1::{Act, RegisterRequest};

    use super::*;

    const REGISTER: &str = "/turnout.registration.v1.RegistrantService/Register";

    #[test]
    fn fields_of_people_are_known_and_others_are_left_out() {
        let all = Fields::new().personal();
        for personal in ["Register.email", "Register.answers", "Register.act.reason", "SignIn.password"] {
            assert!(all.contains(personal), "{personal}: {all:?}");
        }
        assert!(all.iter().all(|field| !field.ends_with("event_id") && !field.ends_with("texts")), "{all:?}");
    }

    #[test]
    fn a_field_that_holds_a_word_is_found_however_deep_it_is() {
        let fields = Fields::new();
        let request = RegisterRequest {
            email: "quokkaword@example.org".into(),
            name: "somebody".into(),
            answers: [("diet".to_owned(), "a quokkaword".to_owned())].into(),
            form_version: 7,
            act: Some(Act { reason: "quokkaword".into() }),
            ..Default::default()
        };
        let found = fields.holding(REGISTER, &request.encode_to_vec(), &Needles::of(["quokkaword"]));
        assert_eq!(Vec::from_iter(found), ["Register.act.reason", "Register.answers", "Register.email"]);
    }

    #[test]
    fn a_filled_request_is_one_and_has_the_word_in_every_field_of_people() {
        let fields = Fields::new();
        let needles = Needles::of(["quokkaword"]);
        for path in fields.methods() {
            let bytes = fields.filled(path, "quokkaword", "someevent");
            let expected = fields.personal().into_iter().filter(|name| name.split('.').next() == Some(method(path)));
            assert_eq!(fields.holding(path, &bytes, &needles), expected.collect(), "{path}");
        }
        let filled = RegisterRequest::decode(&*fields.filled(REGISTER, "quokkaword", "someevent")).unwrap();
        assert_eq!((&*filled.event_id, &*filled.phone, &*filled.language), ("someevent", "quokkaword", ""));
    }
}
