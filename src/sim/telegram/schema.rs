//! Which methods the server answers, and which parameters Bot API 10.1 documents for each of them.
//!
//! Owns the table. Must not know what a method does.

use std::{collections::HashMap, sync::LazyLock};

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Boolean,
    Text,
    /// An id, or `@name` of something public.
    Chat,
    /// An object or an array; in forms it comes as JSON text.
    Json,
    /// An uploaded part, `attach://part`, a file id or a URL.
    File,
}

impl Kind {
    pub(super) fn documented_name(self) -> &'static str {
        match self {
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::Text => "String",
            Self::Chat => "Integer or String",
            Self::Json => "Object or Array",
            Self::File => "InputFile or String",
        }
    }
}

/// One method of the table.
#[derive(Debug)]
pub(super) struct Method {
    /// As Telegram spells it.
    pub(super) name: &'static str,
    params: Vec<(&'static str, Kind)>,
}

impl Method {
    pub(super) fn kind_of(&self, param: &str) -> Option<Kind> {
        self.params.iter().find(|(name, _)| *name == param).map(|(_, kind)| *kind)
    }
}

/// Finds a method by its name in any case.
pub(super) fn method(name: &str) -> Option<&'static Method> {
    BY_NAME.get(name.to_ascii_lowercase().as_str())
}

static BY_NAME: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    TABLE
        .iter()
        .map(|(name, params)| {
            let params = params.split_whitespace().filter_map(|word| word.split_once(':')).map(|(param, letter)| {
                let kind = match letter {
                    "i" => Kind::Integer,
                    "b" => Kind::Boolean,
                    "s" => Kind::Text,
                    "c" => Kind::Chat,
                    "u" => Kind::File,
                    _ => Kind::Json,
                };
                (param, kind)
            });
            (name.to_ascii_lowercase(), Method { name, params: params.collect() })
        })
        .collect()
});

/// Letters: i integer, b boolean, s text, c chat id, j JSON, u upload.
const TABLE: &[(&str, &str)] = &[
    ("getMe", ""),
    ("logOut", ""),
    ("close", ""),
    ("getUpdates", "offset:i limit:i timeout:i allowed_updates:j"),
    (
        "setWebhook",
        "url:s certificate:u ip_address:s max_connections:i allowed_updates:j drop_pending_updates:b \
         secret_token:s",
    ),
    ("deleteWebhook", "drop_pending_updates:b"),
    ("getWebhookInfo", ""),
    (
        "sendMessage",
        "business_connection_id:s chat_id:c message_thread_id:i direct_messages_topic_id:i text:s parse_mode:s \
         entities:j link_preview_options:j disable_notification:b protect_content:b allow_paid_broadcast:b \
         message_effect_id:s suggested_post_parameters:j reply_parameters:j reply_markup:j",
    ),
    (
        "sendPhoto",
        "business_connection_id:s chat_id:c message_thread_id:i direct_messages_topic_id:i photo:u caption:s \
         parse_mode:s caption_entities:j show_caption_above_media:b has_spoiler:b disable_notification:b \
         protect_content:b allow_paid_broadcast:b message_effect_id:s suggested_post_parameters:j \
         reply_parameters:j reply_markup:j",
    ),
    (
        "sendDocument",
        "business_connection_id:s chat_id:c message_thread_id:i direct_messages_topic_id:i document:u thumbnail:u \
         caption:s parse_mode:s caption_entities:j disable_content_type_detection:b disable_notification:b \
         protect_content:b allow_paid_broadcast:b message_effect_id:s suggested_post_parameters:j \
         reply_parameters:j reply_markup:j",
    ),
    ("sendChatAction", "business_connection_id:s chat_id:c message_thread_id:i action:s"),
    (
        "editMessageText",
        "business_connection_id:s chat_id:c message_id:i inline_message_id:s text:s parse_mode:s entities:j \
         link_preview_options:j rich_message:j reply_markup:j",
    ),
    (
        "editMessageCaption",
        "business_connection_id:s chat_id:c message_id:i inline_message_id:s caption:s parse_mode:s \
         caption_entities:j show_caption_above_media:b reply_markup:j",
    ),
    ("editMessageMedia", "business_connection_id:s chat_id:c message_id:i inline_message_id:s media:j reply_markup:j"),
    ("editMessageReplyMarkup", "business_connection_id:s chat_id:c message_id:i inline_message_id:s reply_markup:j"),
    ("deleteMessage", "chat_id:c message_id:i"),
    ("deleteMessages", "chat_id:c message_ids:j"),
    ("answerCallbackQuery", "callback_query_id:s text:s show_alert:b url:s cache_time:i"),
    ("setMyCommands", "commands:j scope:j language_code:s"),
    ("getMyCommands", "scope:j language_code:s"),
    ("deleteMyCommands", "scope:j language_code:s"),
    ("setMyName", "name:s language_code:s"),
    ("getMyName", "language_code:s"),
    ("setMyDescription", "description:s language_code:s"),
    ("getMyDescription", "language_code:s"),
    ("setMyShortDescription", "short_description:s language_code:s"),
    ("getMyShortDescription", "language_code:s"),
    ("setMessageReaction", "chat_id:c message_id:i reaction:j is_big:b"),
    ("getFile", "file_id:s"),
    ("getChat", "chat_id:c"),
    ("leaveChat", "chat_id:c"),
];
