//! What the library's messages and addresses are in Sekat's words.
//!
//! Pure but for one question: which phone number stands behind a LID. Owns no state. Must not decide what becomes of a
//! message, only what it is.
use crate::domain::{Content, InboundMessage, Jid, PhoneNumber, Timestamp};
use async_trait::async_trait;
use whatsapp_rust::wacore::types::events::InboundMessage as Received;
use whatsapp_rust::wacore::types::message::{EditAttribute, MessageCategory};
use whatsapp_rust::wacore_binary::{Jid as WaJid, JidExt};
use whatsapp_rust::waproto::whatsapp as wa;

/// Who knows the two addresses of one person.
#[async_trait]
pub(super) trait Directory: Send + Sync {
    /// The other address of `of`: the phone number of a LID or the LID of a phone number.
    async fn counterpart(&self, of: &WaJid) -> Option<WaJid>;
    /// This device's own phone-number address.
    fn own(&self) -> Option<WaJid>;
}

/// The address without device and without the variants that hosted accounts have.
pub(super) fn plain(jid: &WaJid) -> WaJid {
    if jid.server.is_pn_family() {
        WaJid::pn(jid.user_base())
    } else if jid.server.is_lid_family() {
        WaJid::lid(jid.user_base())
    } else {
        jid.to_non_ad()
    }
}

/// Both addresses of a person, the phone number first where it is known.
pub(super) async fn person(jid: &WaJid, alt: Option<&WaJid>, directory: &dyn Directory) -> (WaJid, Option<WaJid>) {
    let first = plain(jid);
    if !first.is_pn() && !first.is_lid() {
        return (first, None);
    }
    let told = alt.map(plain).filter(|other| other.is_pn() != first.is_pn() && (other.is_pn() || other.is_lid()));
    let other = match told {
        Some(other) => Some(other),
        None => directory.counterpart(&first).await.map(|other| plain(&other)),
    };
    match other {
        Some(other) if other.is_pn() => (other, Some(first)),
        other => (first, other),
    }
}

/// The canonical form of an address.
pub(super) fn jid(of: &WaJid) -> Jid {
    Jid(of.to_string())
}

/// The number of a phone-number address.
pub(super) fn phone(of: &WaJid) -> Option<PhoneNumber> {
    of.server.is_pn_family().then(|| PhoneNumber::parse(of.user_base()).ok()).flatten()
}

/// The message as the rest of Sekat sees it; `None` when it says nothing to a person: keys and settings between
/// devices, status posts, channels.
pub(super) async fn message(received: &Received, directory: &dyn Directory) -> Option<InboundMessage> {
    let (info, source) = (&received.info, &received.info.source);
    if info.id.is_empty() || source.chat.is_newsletter() || source.chat.is_status_broadcast() {
        return None;
    }
    if info.category == MessageCategory::Peer {
        return None;
    }
    let content = content(&received.message, &info.edit)?;
    let (sender, sender_alt) = if source.is_from_me {
        let own = directory.own();
        person(own.as_ref().unwrap_or(&source.sender), source.sender_alt.as_ref(), directory).await
    } else {
        person(&source.sender, source.sender_alt.as_ref(), directory).await
    };
    let is_group = source.chat.is_group();
    let chat = if is_group {
        source.chat.clone()
    } else if source.is_from_me {
        let alt = source.recipient_alt.as_ref().or(info.peer_recipient_pn.as_ref());
        person(&source.chat, alt, directory).await.0
    } else {
        // Also what came through a broadcast list: it belongs to the direct chat with its sender.
        sender.clone()
    };
    Some(InboundMessage {
        id: info.id.clone(),
        chat: jid(&chat),
        sender: jid(&sender),
        sender_alt: sender_alt.as_ref().map(jid),
        push_name: Some(info.push_name.trim()).filter(|name| !name.is_empty()).map(str::to_owned),
        from_me: source.is_from_me,
        is_group,
        sent_at: Timestamp(info.timestamp.timestamp_millis()),
        content,
    })
}

/// What a message holds; `None` when it holds nothing for a person.
fn content(message: &wa::Message, edit: &EditAttribute) -> Option<Content> {
    let other = |kind: &str| Some(Content::Other(kind.to_owned()));
    match edit {
        EditAttribute::MessageEdit | EditAttribute::AdminEdit => return other("edit"),
        EditAttribute::SenderRevoke | EditAttribute::AdminRevoke => return other("revoke"),
        EditAttribute::PinInChat => return other("pin"),
        _ => {}
    }
    let inner = match unwrap(message) {
        Unwrapped::Message(inner) => inner,
        Unwrapped::Edit => return other("edit"),
    };
    if let Some(text) = inner.conversation.as_deref().filter(|text| !text.is_empty()) {
        return Some(Content::Text(text.to_owned()));
    }
    if let Some(extended) = inner.extended_text_message.as_option() {
        return extended.text.as_deref().filter(|text| !text.is_empty()).map(|text| Content::Text(text.to_owned()));
    }
    if let Some(protocol) = inner.protocol_message.as_option() {
        use wa::message::protocol_message::Type;
        return match protocol.r#type {
            Some(Type::REVOKE) => other("revoke"),
            Some(Type::MESSAGE_EDIT) => other("edit"),
            _ => None,
        };
    }
    kind(inner).map(|kind| Content::Other(kind.to_owned()))
}

enum Unwrapped<'a> {
    Message(&'a wa::Message),
    Edit,
}

/// Takes off what only says how a message is to be shown or kept.
fn unwrap(message: &wa::Message) -> Unwrapped<'_> {
    let mut current = message;
    // Honest messages nest two or three wrappers; the bound is for the others.
    for _ in 0..8 {
        if current.edited_message.is_set() {
            return Unwrapped::Edit;
        }
        macro_rules! inner {
            ($($field:ident),+ $(,)?) => {
                None$(.or_else(|| current.$field.as_option().and_then(|wrapper| wrapper.message.as_option())))+
            };
        }
        let next: Option<&wa::Message> = inner!(
            device_sent_message,
            ephemeral_message,
            view_once_message,
            view_once_message_v2,
            view_once_message_v2_extension,
            document_with_caption_message,
            group_mentioned_message,
            bot_invoke_message,
            associated_child_message,
            lottie_sticker_message,
            poll_creation_message_v4,
            event_cover_image,
            spoiler_message,
            question_message,
            question_reply_message,
        );
        match next {
            Some(inner) => current = inner,
            None => break,
        }
    }
    Unwrapped::Message(current)
}

/// The kind of a message that is not text; `None` when it carries nothing at all.
fn kind(m: &wa::Message) -> Option<&'static str> {
    if let Some(audio) = m.audio_message.as_option() {
        return Some(if audio.ptt == Some(true) { "voice" } else { "audio" });
    }
    macro_rules! kinds {
        ($($field:ident => $kind:literal,)+) => { $(if m.$field.is_set() { return Some($kind); })+ };
    }
    kinds! {
        image_message => "image",
        video_message => "video",
        ptv_message => "video_note",
        document_message => "document",
        sticker_message => "sticker",
        location_message => "location",
        live_location_message => "live_location",
        contact_message => "contact",
        contacts_array_message => "contacts",
        reaction_message => "reaction",
        enc_reaction_message => "reaction",
        poll_creation_message => "poll",
        poll_creation_message_v2 => "poll",
        poll_creation_message_v3 => "poll",
        poll_creation_message_v5 => "poll",
        poll_creation_message_v6 => "poll",
        poll_update_message => "poll_vote",
        poll_result_snapshot_message => "poll_result",
        event_message => "event",
        enc_event_response_message => "event_response",
        comment_message => "comment",
        enc_comment_message => "comment",
        group_invite_message => "group_invite",
        album_message => "album",
        sticker_pack_message => "sticker_pack",
        product_message => "product",
        order_message => "order",
        buttons_message => "buttons",
        buttons_response_message => "button_reply",
        list_message => "list",
        list_response_message => "list_reply",
        template_message => "template",
        template_button_reply_message => "button_reply",
        interactive_message => "interactive",
        interactive_response_message => "button_reply",
        request_payment_message => "payment",
        send_payment_message => "payment",
        call_log_messsage => "call",
        pin_in_chat_message => "pin",
        keep_in_chat_message => "keep",
        secret_encrypted_message => "edit",
        placeholder_message => "unavailable",
    }
    // What is left of it without the parts that only devices read: nothing, or a kind that is not known yet.
    let mut rest = m.clone();
    rest.message_context_info = Default::default();
    rest.sender_key_distribution_message = Default::default();
    rest.fast_ratchet_key_sender_key_distribution_message = Default::default();
    rest.conversation = None;
    (rest != wa::Message::default()).then_some("unknown")
}

#[cfg(test)]
mod tests;
