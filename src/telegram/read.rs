//! What a stored update says, as an [`Input`].
//!
//! Pure, and lenient: it looks at the few fields it needs and at nothing else, so no new kind of content can make an
//! update unreadable. Must not judge what an input means.
use super::owner::owner;
use crate::domain::{Input, Language, MessageId, PhoneNumber};
use crate::users::port::{Heard, ReadUpdate};
use serde_json::Value;
use std::sync::{Arc, OnceLock};

/// The longest command name. Source: Telegram Bot API, `BotCommand.command`.
const COMMAND_CHARS: usize = 32;

/// Content that is not understood, with a word for people. Some contents carry a second field for older clients
/// (an animation is also a document, a venue also a location), so the more exact one comes first.
const CONTENTS: [(&str, &str); 22] = [
    ("animation", "GIF"),
    ("live_photo", "live photo"),
    ("photo", "photo"),
    ("video", "video"),
    ("video_note", "video message"),
    ("voice", "voice message"),
    ("audio", "audio file"),
    ("sticker", "sticker"),
    ("document", "file"),
    ("venue", "place"),
    ("location", "location"),
    ("poll", "poll"),
    ("dice", "dice"),
    ("game", "game"),
    ("story", "story"),
    ("checklist", "checklist"),
    ("paid_media", "paid media"),
    ("invoice", "invoice"),
    ("giveaway", "giveaway"),
    ("giveaway_winners", "giveaway"),
    ("gift", "gift"),
    ("unique_gift", "gift"),
];

/// What a message carries besides its content, and the messages that Telegram itself writes into a private chat. A
/// message with nothing else is none of a person's words. Source: Telegram Bot API 10.1, `Message`.
const NOT_CONTENT: [&str; 60] = [
    "message_id",
    "message_thread_id",
    "direct_messages_topic",
    "from",
    "sender_chat",
    "sender_boost_count",
    "sender_business_bot",
    "sender_tag",
    "date",
    "guest_query_id",
    "business_connection_id",
    "chat",
    "forward_origin",
    "is_topic_message",
    "is_automatic_forward",
    "reply_to_message",
    "external_reply",
    "quote",
    "reply_to_story",
    "reply_to_checklist_task_id",
    "reply_to_poll_option_id",
    "via_bot",
    "edit_date",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "media_group_id",
    "author_signature",
    "paid_star_count",
    "link_preview_options",
    "effect_id",
    "show_caption_above_media",
    "has_media_spoiler",
    "reply_markup",
    "new_chat_members",
    "left_chat_member",
    "message_auto_delete_timer_changed",
    "pinned_message",
    "successful_payment",
    "refunded_payment",
    "users_shared",
    "chat_shared",
    "gift_upgrade_sent",
    "connected_website",
    "write_access_allowed",
    "passport_data",
    "proximity_alert_triggered",
    "chat_background_set",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "giveaway_created",
    "giveaway_completed",
    "managed_bot_created",
    "poll_option_added",
    "poll_option_deleted",
    "web_app_data",
];

/// Reads updates of the bot with this name.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    username: Arc<OnceLock<String>>,
}

impl Reader {
    /// A reader for the bot with this user name, with or without `@`.
    pub fn new(username: &str) -> Self {
        let reader = Reader::default();
        reader.named(username);
        reader
    }

    /// Tells the bot's user name, once Telegram has told it. Until then a command for any bot counts as ours.
    pub fn named(&self, username: &str) {
        let username = username.trim_start_matches('@');
        if !username.is_empty() {
            self.username.get_or_init(|| username.to_owned());
        }
    }

    fn message(&self, message: &Value) -> Option<Input> {
        let id = message_id(message)?;
        if let Some(text) = string(message, "text") {
            return match command(text, self.username.get()) {
                Found::Command { name, rest } => Some(Input::Command { name, rest, message: id }),
                Found::OtherBots => None,
                Found::Text => {
                    let reply_to = message.get("reply_to_message").and_then(message_id);
                    Some(Input::Text { text: text.to_owned(), message: id, reply_to })
                }
            };
        }
        if let Some(contact) = present(message, "contact") {
            let phone = string(contact, "phone_number").and_then(|number| PhoneNumber::parse(number).ok());
            return Some(Input::Contact { phone, message: id });
        }
        let known = CONTENTS.iter().find(|(field, _)| present(message, field).is_some());
        let kind = known.map(|(_, kind)| *kind).or_else(|| has_unknown_content(message).then_some("message"))?;
        Some(Input::Other { kind: kind.to_owned(), message: id })
    }
}

impl ReadUpdate for Reader {
    fn read(&self, payload: &str) -> Option<Heard> {
        let update: Value = serde_json::from_str(payload).ok()?;
        // Only what has an owner is ever stored; asking again costs nothing and holds whoever calls this.
        owner(&update)?;
        let input = self.input(&update)?;
        Some(Heard { input, language: language(&update) })
    }

    fn refers(&self, payload: &str) -> bool {
        ["\"reply_to_message\"", "\"callback_query\""].iter().any(|field| payload.contains(field))
    }
}

/// In which language whoever did this uses Telegram.
fn language(update: &Value) -> Option<Language> {
    let content = ["message", "edited_message", "callback_query", "my_chat_member"];
    let content = content.iter().find_map(|kind| present(update, kind))?;
    string(content.get("from")?, "language_code").map(Language::from_telegram)
}

impl Reader {
    fn input(&self, update: &Value) -> Option<Input> {
        if let Some(message) = present(update, "message") {
            return self.message(message);
        }
        if let Some(message) = present(update, "edited_message") {
            return Some(Input::Edited { message: message_id(message)? });
        }
        if let Some(press) = present(update, "callback_query") {
            return Some(Input::Press {
                data: string(press, "data")?.to_owned(),
                message: press.get("message").and_then(message_id),
                callback: press.get("id").and_then(id_text)?,
            });
        }
        match string(update.get("my_chat_member")?.get("new_chat_member")?, "status")? {
            "kicked" => Some(Input::Blocked),
            "member" => Some(Input::Unblocked),
            _ => None,
        }
    }
}

fn present<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|v| !v.is_null())
}

fn string<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn message_id(message: &Value) -> Option<MessageId> {
    message.get("message_id")?.as_i64().map(MessageId)
}

/// An id that Telegram writes as text, and a simpler server as a number.
fn id_text(id: &Value) -> Option<String> {
    id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))
}

fn has_unknown_content(message: &Value) -> bool {
    let fields = message.as_object();
    fields.is_some_and(|fields| fields.iter().any(|(f, v)| !v.is_null() && !NOT_CONTENT.contains(&f.as_str())))
}

enum Found {
    Command {
        name: String,
        rest: String,
    },
    /// A command that names another bot.
    OtherBots,
    Text,
}

/// `/name`, `/name rest` and `/name@bot rest`. A path such as `/home/me` is a text.
fn command(text: &str, username: Option<&String>) -> Found {
    let Some(after) = text.strip_prefix('/') else { return Found::Text };
    let (word, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
    let (name, bot) = match word.split_once('@') {
        Some((name, bot)) => (name, Some(bot)),
        None => (word, None),
    };
    let is_name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name(name) || name.len() > COMMAND_CHARS || bot.is_some_and(|bot| !is_name(bot)) {
        return Found::Text;
    }
    if bot.zip(username).is_some_and(|(bot, ours)| !bot.eq_ignore_ascii_case(ours)) {
        return Found::OtherBots;
    }
    Found::Command { name: name.to_ascii_lowercase(), rest: rest.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::owner::tests::any_json;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(update: &Value) -> Option<Input> {
        Reader::new("@SekatBot").read(&update.to_string()).map(|heard| heard.input)
    }

    fn message(content: Value) -> Value {
        let mut message = json!({"message_id": 5, "date": 1, "from": {"id": 7, "is_bot": false, "first_name": "A"},
            "chat": {"id": 7, "type": "private"}});
        let Value::Object(content) = content else { panic!("an object") };
        message.as_object_mut().unwrap().extend(content);
        json!({"update_id": 1, "message": message})
    }

    fn text(text: &str) -> Option<Input> {
        read(&message(json!({ "text": text })))
    }

    fn is_command(text_: &str, expected: (&str, &str)) {
        match text(text_) {
            Some(Input::Command { name, rest, message }) => {
                assert_eq!((name.as_str(), rest.as_str(), message), (expected.0, expected.1, MessageId(5)), "{text_}");
            }
            _ => panic!("{text_} is a command"),
        }
    }

    #[test]
    fn commands_are_read_in_every_spelling() {
        is_command("/start", ("start", ""));
        is_command("/Start  abc def ", ("start", "abc def"));
        is_command("/link@sekatbot now", ("link", "now"));
        is_command("/erase\nmy things", ("erase", "my things"));
        assert!(text("/start@OtherBot").is_none());
        for plain in
            ["/", "/home/me", "/ start", "/näme", "hi /start", "//", "/a@b c@", &format!("/{}", "a".repeat(33))]
        {
            let input = text(plain);
            let other_bot = plain.starts_with("/a@b");
            assert!(other_bot || matches!(input, Some(Input::Text { .. })), "{plain}");
        }
    }

    #[test]
    fn a_reply_names_what_it_answers() {
        let update = message(json!({"text": "yes", "reply_to_message": {"message_id": 3, "strange": null}}));
        assert!(matches!(read(&update), Some(Input::Text { reply_to: Some(MessageId(3)), .. })));
    }

    #[test]
    fn contents_have_words_and_service_messages_are_nothing() {
        let kind = |content| match read(&message(content)) {
            Some(Input::Other { kind, .. }) => Some(kind),
            _ => None,
        };
        assert_eq!(kind(json!({"photo": [], "caption": "look"})).as_deref(), Some("photo"));
        assert_eq!(kind(json!({"document": {}, "animation": {}})).as_deref(), Some("GIF"));
        assert_eq!(kind(json!({"hologram": {"x": 1}})).as_deref(), Some("message"), "newer than this program");
        assert!(read(&message(json!({"pinned_message": {"message_id": 1}}))).is_none());
        assert!(read(&message(json!({}))).is_none());
    }

    #[test]
    fn a_contact_is_read_with_and_without_a_number() {
        let phone = |content| match read(&message(content)) {
            Some(Input::Contact { phone, .. }) => phone.map(|p| p.digits().to_owned()),
            _ => panic!("a contact"),
        };
        assert_eq!(phone(json!({"contact": {"phone_number": "+62 812 3456 7890"}})).as_deref(), Some("6281234567890"));
        assert_eq!(phone(json!({"contact": {"phone_number": "911"}})), None);
        assert_eq!(phone(json!({"contact": 3})), None);
    }

    #[test]
    fn presses_edits_and_blocks_are_read() {
        let person = json!({"id": 7, "is_bot": false});
        let chat = json!({"id": 7, "type": "private"});
        let press = json!({"update_id": 1, "callback_query": {"id": "99", "from": person, "data": "x|y",
            "message": {"message_id": 4, "date": 0, "chat": chat}}});
        match read(&press) {
            Some(Input::Press { data, message, callback }) => {
                assert_eq!((data.as_str(), message, callback.as_str()), ("x|y", Some(MessageId(4)), "99"));
            }
            _ => panic!("a press"),
        }
        let edited = json!({"update_id": 1, "edited_message": {"message_id": 4, "from": person, "chat": chat}});
        assert!(matches!(read(&edited), Some(Input::Edited { message: MessageId(4) })));
        let member = |status: &str| {
            read(&json!({"update_id": 1, "my_chat_member": {"from": person, "chat": chat, "date": 1,
                "old_chat_member": {"status": "member"}, "new_chat_member": {"status": status, "until_date": 0}}}))
        };
        assert!(matches!(member("kicked"), Some(Input::Blocked)));
        assert!(matches!(member("member"), Some(Input::Unblocked)));
        assert!(member("administrator").is_none());
    }

    #[test]
    fn what_has_no_owner_is_not_read() {
        let mut update = message(json!({"text": "hi"}));
        update["message"]["chat"]["type"] = "group".into();
        assert!(read(&update).is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(update in any_json(), text in ".{0,40}") {
            let reader = Reader::new("SekatBot");
            reader.read(&update.to_string());
            reader.read(&text);
            if let Value::Object(content) = &update {
                reader.read(&message(Value::Object(content.clone())).to_string());
            }
        }
    }
}
