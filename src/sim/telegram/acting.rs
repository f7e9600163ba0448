//! What people do on the simulated Telegram, turned into messages and updates.
//!
//! Owns no state: it changes the world. Must not wait for the bot.

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    chats::Chat,
    html::utf16_len,
    media::TINY_PNG,
    wire::{Acted, Bulk, ChatSpec, Edit, Membership, Press, Say, UserSpec, Voice},
    world::{World, unix_now},
};

/// Why an act was not possible: the status for HTTP and words for the caller.
pub(super) type Refused = (u16, String);

impl World {
    /// The `User` object of this person, with what is new about them.
    fn person(&mut self, spec: &UserSpec) -> Map<String, Value> {
        let user = self.users.entry(spec.id).or_insert_with(|| {
            let mut user = Map::new();
            user.insert("id".into(), spec.id.into());
            user.insert("is_bot".into(), false.into());
            user.insert("first_name".into(), format!("User {}", spec.id).into());
            user
        });
        let texts = [
            ("first_name", &spec.first_name),
            ("last_name", &spec.last_name),
            ("username", &spec.username),
            ("language_code", &spec.language_code),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                user.insert(name.into(), value.clone().into());
            }
        }
        if let Some(is_bot) = spec.is_bot {
            user.insert("is_bot".into(), is_bot.into());
        }
        user.clone()
    }

    /// The chat in which something happens; made when it is new.
    fn room(&mut self, user: &Map<String, Value>, spec: Option<&ChatSpec>) -> &mut Chat {
        let own = user.get("id").and_then(Value::as_i64).unwrap_or_default();
        let id = spec.map_or(own, |spec| spec.id);
        let chat = self.chats.entry(id).or_insert_with(|| {
            self.signals.chats.notify_waiters();
            Chat::new(id, first_look(id))
        });
        if let Some(spec) = spec {
            for (name, value) in [("type", &spec.kind), ("title", &spec.title), ("username", &spec.username)] {
                if let Some(value) = value {
                    chat.json.insert(name.into(), value.clone().into());
                }
            }
        }
        if id == own && chat.is_private() {
            for name in ["first_name", "last_name", "username"] {
                if let Some(value) = user.get(name) {
                    chat.json.insert(name.into(), value.clone());
                }
            }
        }
        chat
    }

    /// A user writes something.
    pub(super) fn say(&mut self, say: Say) -> Result<Acted, Refused> {
        let user = self.person(&say.user);
        let chat = self.room(&user, say.chat.as_ref());
        let (chat_id, chat_json) = (chat.id, chat.json.clone());
        if matches!(chat.status.as_str(), "kicked" | "left") {
            return Err((409, "the bot is blocked or not in this chat".into()));
        }
        let mut content = Map::new();
        let from = voiced(say.voice, &user, &chat_json, &mut content);
        if let Some(target) = say.reply_to_message_id {
            let quoted = self.quoted(chat_id, target).ok_or((404, "the message to answer is not there".to_owned()))?;
            content.insert("reply_to_message".into(), quoted);
        }
        let file = say.file_base64.map(|text| STANDARD.decode(text)).transpose();
        let file = file.map_err(|_| (400, "file_base64 is not base64".to_owned()))?;
        match (say.text, say.content, say.sample) {
            (Some(text), None, None) => content.extend(text_content(&text)),
            (None, Some(raw), None) => content.extend(raw),
            (None, None, Some(kind)) => content.extend(self.sample(&kind, file)?),
            _ => return Err((400, "give exactly one of text, content and sample".into())),
        }
        let posted = self.post(chat_id, Some(from), false, content);
        let (id, json) = posted.map(|stored| (stored.id, Value::Object(stored.json.clone()))).ok_or_else(gone)?;
        let kind = if chat_json["type"] == "channel" { "channel_post" } else { "message" };
        let update_id = self.announce(kind, &json, None);
        Ok(Acted { update_id, message_id: Some(id), cursor: self.cursor(), ..Acted::default() })
    }

    /// A user changes what they wrote.
    pub(super) fn edit(&mut self, edit: &Edit) -> Result<Acted, Refused> {
        let user = self.person(&edit.user);
        let chat_id = self.room(&user, edit.chat.as_ref()).id;
        let (seq, now_us) = (self.next_seq(), self.now_us());
        let chat = self.chats.get_mut(&chat_id).ok_or_else(gone)?;
        if chat.live(edit.message_id).is_some_and(|message| message.by_bot) {
            return Err((409, "that message is the bot's".into()));
        }
        let changed = chat.change(edit.message_id, seq, now_us, |message| {
            message.json.remove("entities");
            message.json.extend(text_content(&edit.text));
            message.json.insert("edit_date".into(), unix_now().into());
            message.edits += 1;
        });
        let json = changed.map(|message| Value::Object(message.json.clone())).ok_or_else(gone)?;
        let update_id = self.announce("edited_message", &json, None);
        Ok(Acted { update_id, message_id: Some(edit.message_id), cursor: self.cursor(), ..Acted::default() })
    }

    /// A user presses a button, or sends data as if a button had carried it.
    pub(super) fn press(&mut self, press: &Press) -> Result<Acted, Refused> {
        let user = self.person(&press.user);
        let chat = self.room(&user, press.chat.as_ref());
        let (message_id, data) = match (&press.data, &press.label) {
            (Some(data), None) => (press.message_id.ok_or((400, "data needs a message_id".to_owned()))?, data.clone()),
            (None, Some(label)) => {
                let found = chat.labelled(label, press.message_id);
                let (id, data) = found.ok_or((404, format!("no message here has a button \"{label}\"")))?;
                (id, data.ok_or((409, format!("the button \"{label}\" carries no data")))?)
            }
            _ => return Err((400, "give exactly one of data and label".into())),
        };
        let chat_json = chat.json.clone();
        let seen = chat.live(message_id).map(|message| Value::Object(message.json.clone()));
        // What Telegram sends of a message that the bot cannot see any more.
        let message = seen.unwrap_or_else(|| json!({ "chat": chat_json, "message_id": message_id, "date": 0 }));
        let query_id = self.open_query();
        let query = json!({
            "id": query_id, "from": user, "message": message, "chat_instance": chat_json["id"].to_string(),
            "data": data,
        });
        let update_id = self.announce("callback_query", &query, None);
        Ok(Acted { update_id, message_id: Some(message_id), callback_query_id: Some(query_id), cursor: self.cursor() })
    }

    /// The bot is blocked, unblocked, added or thrown out.
    pub(super) fn membership(&mut self, change: &Membership) -> Result<Acted, Refused> {
        if !matches!(change.status.as_str(), "member" | "administrator" | "left" | "kicked") {
            return Err((400, "status is one of member, administrator, left, kicked".into()));
        }
        let user = self.person(&change.user);
        let known = self.chats.contains_key(&change.chat.as_ref().map_or(change.user.id, |chat| chat.id));
        let bot = self.me_value();
        let chat = self.room(&user, change.chat.as_ref());
        let before = if known || chat.is_private() { chat.status.clone() } else { "left".into() };
        chat.status.clone_from(&change.status);
        chat.changed.notify_waiters();
        let payload = json!({
            "chat": chat.json, "from": user, "date": unix_now(),
            "old_chat_member": member(&bot, &before), "new_chat_member": member(&bot, &change.status),
        });
        let update_id = self.announce("my_chat_member", &payload, None);
        Ok(Acted { update_id, cursor: self.cursor(), ..Acted::default() })
    }

    /// One slice of many measured text messages: those with these numbers in the row.
    pub(super) fn bulk(&mut self, bulk: &Bulk, slice: std::ops::Range<u64>) -> Result<(), Refused> {
        let users = bulk.users.max(1);
        for number in slice {
            let offset = i64::try_from(number % users).map_err(|_| (400, "too many users".to_owned()))?;
            let spec = UserSpec { id: bulk.first_user_id + offset, ..UserSpec::default() };
            let user = self.person(&spec);
            let chat_id = self.room(&user, None).id;
            let text = bulk.text.replace("{n}", &self.load.next_number().to_string());
            let posted = self.post(chat_id, Some(Value::Object(user)), false, text_content(&text));
            let json = posted.map(|stored| Value::Object(stored.json.clone())).ok_or_else(gone)?;
            if self.queue.wants("message") {
                let now_us = self.now_us();
                let track = self.load.queued(spec.id, bulk.matching, now_us);
                self.queue.push("message", &json, Some(track));
            }
        }
        self.signals.poll.notify_waiters();
        Ok(())
    }

    /// Ready-made content.
    fn sample(&mut self, kind: &str, file: Option<Vec<u8>>) -> Result<Map<String, Value>, Refused> {
        let bytes = |fallback: &'static [u8]| file.map_or_else(|| Bytes::from_static(fallback), Bytes::from);
        let value = match kind {
            "photo" => {
                let file = self.files.keep("photos", "photo.png", Some("image/png"), bytes(TINY_PNG));
                json!({ "photo": [file.photo_size()] })
            }
            "document" => {
                let file = self.files.keep("documents", "note.txt", Some("text/plain"), bytes(b"a note\n"));
                json!({ "document": file.document() })
            }
            "voice" => {
                let file = self.files.keep("voice", "voice.oga", Some("audio/ogg"), bytes(b"OggS"));
                let mut voice = file.document();
                voice["duration"] = 1.into();
                if let Some(voice) = voice.as_object_mut() {
                    voice.remove("file_name");
                }
                json!({ "voice": voice })
            }
            "sticker" => {
                let file = self.files.keep("stickers", "sticker.webp", Some("image/webp"), bytes(b"RIFF\0\0\0\0WEBP"));
                let sticker = json!({
                    "file_id": file.file_id, "file_unique_id": file.unique_id, "type": "regular", "width": 512,
                    "height": 512, "is_animated": false, "is_video": false, "emoji": "🙂",
                    "file_size": file.bytes.len(),
                });
                json!({ "sticker": sticker })
            }
            "location" => json!({ "location": { "latitude": -6.2, "longitude": 106.8 } }),
            "contact" => json!({ "contact": { "phone_number": "+10000000000", "first_name": "Sample" } }),
            _ => return Err((400, format!("no sample is called \"{kind}\""))),
        };
        value.as_object().cloned().ok_or_else(gone)
    }
}

fn gone() -> Refused {
    (404, "no such message or chat".into())
}

/// What an id alone tells about a chat.
fn first_look(id: i64) -> Map<String, Value> {
    let kind = match id {
        1.. => "private",
        ..=-1_000_000_000_000 => "supergroup",
        _ => "group",
    };
    let mut chat = Map::new();
    chat.insert("id".into(), id.into());
    chat.insert("type".into(), kind.into());
    if kind != "private" {
        chat.insert("title".into(), format!("Chat {id}").into());
    }
    chat
}

fn text_content(text: &str) -> Map<String, Value> {
    let mut content = Map::new();
    content.insert("text".into(), text.into());
    if let Some(command) = text.split(char::is_whitespace).next().filter(|word| word.len() > 1 && word.starts_with('/'))
    {
        let mark = json!({ "type": "bot_command", "offset": 0, "length": utf16_len(command) });
        content.insert("entities".into(), json!([mark]));
    }
    content
}

/// Who a message says that it is from; a `sender_chat` goes into the content.
fn voiced(
    voice: Voice,
    user: &Map<String, Value>,
    chat: &Map<String, Value>,
    content: &mut Map<String, Value>,
) -> Value {
    let channel = json!({ "id": -1_001_777_000_777_i64, "type": "channel", "title": "A channel" });
    match voice {
        Voice::User => Value::Object(user.clone()),
        Voice::AnonymousAdmin => {
            content.insert("sender_chat".into(), Value::Object(chat.clone()));
            json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot" })
        }
        Voice::LinkedChannel => {
            content.insert("sender_chat".into(), channel);
            content.insert("is_automatic_forward".into(), true.into());
            json!({ "id": 777_000, "is_bot": false, "first_name": "Telegram" })
        }
        Voice::AsChannel => {
            content.insert("sender_chat".into(), channel);
            json!({ "id": 136_817_688, "is_bot": true, "first_name": "Channel", "username": "Channel_Bot" })
        }
    }
}

fn member(bot: &Value, status: &str) -> Value {
    let mut member = json!({ "user": bot, "status": status });
    if status == "kicked" {
        member["until_date"] = 0.into();
    }
    if status == "administrator" {
        let rights = [
            "can_be_edited",
            "is_anonymous",
            "can_manage_chat",
            "can_delete_messages",
            "can_manage_video_chats",
            "can_restrict_members",
            "can_promote_members",
            "can_change_info",
            "can_invite_users",
            "can_post_stories",
            "can_edit_stories",
            "can_delete_stories",
        ];
        for right in rights {
            member[right] = matches!(right, "can_manage_chat" | "can_delete_messages").into();
        }
    }
    member
}
