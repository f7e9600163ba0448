use super::*;
use std::sync::Arc;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::types::message::{MessageInfo, MessageSource};

struct Known(Vec<(&'static str, &'static str)>);

#[async_trait]
impl Directory for Known {
    async fn counterpart(&self, of: &WaJid) -> Option<WaJid> {
        let of = of.to_string();
        self.0.iter().find_map(|(pn, lid)| match of.as_str() {
            of if of == *pn => lid.parse().ok(),
            of if of == *lid => pn.parse().ok(),
            _ => None,
        })
    }
    fn own(&self) -> Option<WaJid> {
        "111111111:7@s.whatsapp.net".parse().ok()
    }
}

const ME: (&str, &str) = ("111111111@s.whatsapp.net", "9001@lid");
const ANNA: (&str, &str) = ("222222222@s.whatsapp.net", "9002@lid");

fn known() -> Known {
    Known(vec![ME, ANNA])
}

fn text(text: &str) -> wa::Message {
    wa::Message { conversation: Some(text.into()), ..Default::default() }
}

fn wrapped(inner: wa::Message) -> MessageField<wa::message::FutureProofMessage> {
    MessageField::some(wa::message::FutureProofMessage { message: MessageField::some(inner) })
}

fn received(chat: &str, sender: &str, from_me: bool) -> MessageInfo {
    MessageInfo {
        id: "M1".into(),
        push_name: " Anna ".into(),
        source: MessageSource {
            chat: chat.parse().unwrap(),
            sender: sender.parse().unwrap(),
            is_from_me: from_me,
            is_group: chat.ends_with("@g.us"),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn shown(message: &wa::Message, edit: &EditAttribute) -> String {
    match content(message, edit) {
        Some(Content::Text(text)) => format!("text {text}"),
        Some(Content::Other(kind)) => kind,
        None => "nothing".into(),
    }
}

async fn converted(info: MessageInfo, said: wa::Message) -> Option<InboundMessage> {
    let received = Received::builder().message(Arc::new(said)).info(Arc::new(info)).build();
    message(&received, &known()).await
}

#[tokio::test]
async fn one_person_has_one_address_however_the_message_names_them() {
    for (sender, alt) in [
        ("222222222:3@s.whatsapp.net", None),
        ("222222222@s.whatsapp.net", Some("9002@lid")),
        ("9002:5@lid", None),
        ("9002@lid", Some("222222222@s.whatsapp.net")),
        ("222222222@hosted", None),
        ("9002@hosted.lid", None),
    ] {
        let mut info = received(sender, sender, false);
        info.source.chat = info.source.chat.to_non_ad();
        info.source.sender_alt = alt.map(|alt: &str| alt.parse().unwrap());
        let told = converted(info, text("hi")).await.unwrap();
        assert_eq!(told.chat.0, ANNA.0, "{sender}");
        assert_eq!(told.sender.0, ANNA.0, "{sender}");
        assert_eq!(told.sender_alt.unwrap().0, ANNA.1, "{sender}");
        assert_eq!(told.push_name.as_deref(), Some("Anna"));
        assert!(!told.from_me && !told.is_group);
    }
}

#[tokio::test]
async fn an_unknown_lid_stays_a_lid() {
    let told = converted(received("777@lid", "777:1@lid", false), text("hi")).await.unwrap();
    assert_eq!((told.chat.0.as_str(), told.sender.0.as_str()), ("777@lid", "777@lid"));
    assert_eq!(told.sender_alt, None);
    assert_eq!(told.chat.phone(), None);
}

#[tokio::test]
async fn what_the_owner_wrote_elsewhere_lies_in_the_recipients_chat() {
    let told = converted(received("9002@lid", "9001:0@lid", true), text("hi")).await.unwrap();
    assert!(told.from_me);
    assert_eq!((told.chat.0.as_str(), told.sender.0.as_str()), (ANNA.0, ME.0));
}

#[tokio::test]
async fn a_group_keeps_its_address_and_a_broadcast_list_is_the_senders_chat() {
    let told = converted(received("120363@g.us", "9002:2@lid", false), text("hi")).await.unwrap();
    assert!(told.is_group);
    assert_eq!((told.chat.0.as_str(), told.sender.0.as_str()), ("120363@g.us", ANNA.0));
    let mut info = received("1234@broadcast", "222222222@s.whatsapp.net", false);
    info.source.is_group = true;
    let told = converted(info, text("hi")).await.unwrap();
    assert!(!told.is_group);
    assert_eq!(told.chat.0, ANNA.0);
}

#[tokio::test]
async fn what_is_not_for_people_is_dropped() {
    let peer = MessageInfo { category: MessageCategory::Peer, ..received(ME.0, ME.0, true) };
    assert_eq!(converted(peer, text("x")).await, None);
    for chat in ["status@broadcast", "123@newsletter"] {
        assert_eq!(converted(received(chat, ANNA.0, false), text("x")).await, None, "{chat}");
    }
    let keys = wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            r#type: Some(wa::message::protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(converted(received(ANNA.0, ANNA.0, false), keys).await, None);
    let only_context =
        wa::Message { message_context_info: MessageField::some(Default::default()), ..Default::default() };
    assert_eq!(converted(received(ANNA.0, ANNA.0, false), only_context).await, None);
}

#[test]
fn text_is_found_inside_every_wrapper() {
    let extended = wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some("hi".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let sent = wa::Message {
        device_sent_message: MessageField::some(wa::message::DeviceSentMessage {
            message: MessageField::some(wa::Message { ephemeral_message: wrapped(text("hi")), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    for message in [
        text("hi"),
        extended,
        wa::Message { ephemeral_message: wrapped(text("hi")), ..Default::default() },
        wa::Message { view_once_message_v2: wrapped(text("hi")), ..Default::default() },
        sent,
    ] {
        assert_eq!(shown(&message, &EditAttribute::Empty), "text hi");
    }
}

#[test]
fn other_kinds_are_named() {
    let image = wa::Message { image_message: MessageField::some(Default::default()), ..Default::default() };
    assert_eq!(shown(&image, &EditAttribute::Empty), "image");
    let once = wa::Message { view_once_message: wrapped(image), ..Default::default() };
    assert_eq!(shown(&once, &EditAttribute::Empty), "image");
    let edited = wa::Message { edited_message: wrapped(text("new")), ..Default::default() };
    assert_eq!(shown(&edited, &EditAttribute::Empty), "edit");
    assert_eq!(shown(&text("new"), &EditAttribute::MessageEdit), "edit");
    let voice = wa::Message {
        audio_message: MessageField::some(wa::message::AudioMessage { ptt: Some(true), ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(shown(&voice, &EditAttribute::Empty), "voice");
    let strange = wa::Message {
        bcall_message: MessageField::some(wa::message::BCallMessage {
            session_id: Some("x".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(shown(&strange, &EditAttribute::Empty), "unknown");
}

#[test]
fn endless_nesting_ends() {
    let mut message = text("deep");
    for _ in 0..100 {
        message = wa::Message { ephemeral_message: wrapped(message), ..Default::default() };
    }
    assert_eq!(shown(&message, &EditAttribute::Empty), "unknown");
}
