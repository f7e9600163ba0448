//! Whose an update is: the one person whom Telegram authenticated as its sender in their private chat with the bot.
//!
//! Pure. Everything else (groups, channels, bots, ids that many people share) has no owner and reaches nobody.
use crate::domain::TelegramId;
use serde_json::Value;

/// The kinds of update that we ask Telegram for; others have no owner.
pub const KINDS: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];

/// The update's owner, if it has one.
pub fn owner(update: &Value) -> Option<TelegramId> {
    let update = update.as_object()?;
    let mut known = KINDS.iter().filter_map(|kind| Some((*kind, update.get(*kind).filter(|what| !what.is_null())?)));
    let (kind, what) = known.next()?;
    // Two kinds in one update are no update; which of them would be believed?
    if known.next().is_some() {
        return None;
    }
    let chat = match kind {
        "callback_query" => what.get("message")?.get("chat")?,
        _ => what.get("chat")?,
    };
    if what.get("sender_chat").is_some_and(|chat| !chat.is_null()) {
        return None;
    }
    let from = what.get("from")?;
    // Not every server says of a person that they are no bot; in a private chat with one a bot cannot be anyway.
    if !matches!(from.get("is_bot"), None | Some(Value::Null | Value::Bool(false))) {
        return None;
    }
    let user = TelegramId(from.get("id")?.as_u64()?);
    let private = chat.get("type")?.as_str()? == "private" && chat.get("id")?.as_u64()? == user.0;
    (private && user.is_person() && i64::try_from(user.0).is_ok()).then_some(user)
}

/// The update's id.
pub fn update_id(update: &Value) -> Option<i64> {
    // The largest one is left out: nothing could come after it.
    update.get("update_id")?.as_i64().filter(|id| (0..i64::MAX).contains(id))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Any JSON; often with the words that updates are made of.
    pub fn any_json() -> impl Strategy<Value = Value> {
        let word = prop_oneof![
            prop::sample::select(vec![
                "message",
                "edited_message",
                "callback_query",
                "my_chat_member",
                "chat",
                "from",
                "id",
                "type",
                "private",
                "is_bot",
                "text",
                "message_id",
                "contact",
                "phone_number",
                "data",
                "new_chat_member",
                "status",
                "kicked",
                "reply_to_message",
                "sender_chat",
                "update_id",
                "entities",
                "photo",
            ])
            .prop_map(str::to_owned),
            ".{0,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0i64..20).prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 96, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((word.clone(), inner), 0..8)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn message(from: Value, chat: Value) -> Value {
        json!({"update_id": 1, "message": {"message_id": 5, "date": 1, "from": from, "chat": chat, "text": "hi"}})
    }

    fn person(id: u64) -> Value {
        json!({"id": id, "is_bot": false, "first_name": "A"})
    }

    fn private(id: u64) -> Value {
        json!({"id": id, "type": "private", "first_name": "A"})
    }

    #[test]
    fn a_person_in_their_private_chat_owns_their_updates() {
        assert_eq!(owner(&message(person(7), private(7))), Some(TelegramId(7)));
        let press = json!({"update_id": 1, "callback_query": {"id": "1", "from": person(7), "data": "x",
            "message": {"message_id": 2, "date": 0, "chat": private(7)}}});
        assert_eq!(owner(&press), Some(TelegramId(7)));
        let blocked = json!({"update_id": 1, "my_chat_member": {"from": person(7), "chat": private(7), "date": 1}});
        assert_eq!(owner(&blocked), Some(TelegramId(7)));
    }

    #[test]
    fn what_a_server_leaves_out_or_says_to_be_nothing_does_not_matter() {
        assert_eq!(owner(&message(json!({"id": 7}), private(7))), Some(TelegramId(7)));
        let mut update = message(json!({"id": 7, "is_bot": null}), private(7));
        update["edited_message"] = Value::Null;
        update["callback_query"] = Value::Null;
        update["message"]["sender_chat"] = Value::Null;
        assert_eq!(owner(&update), Some(TelegramId(7)));
    }

    #[test]
    fn nobody_else_owns_anything() {
        for shared in [777_000, 1_087_968_824, 136_817_688, 0] {
            assert_eq!(owner(&message(person(shared), private(shared))), None, "{shared}");
        }
        assert_eq!(owner(&message(json!({"id": 7, "is_bot": true}), private(7))), None);
        assert_eq!(owner(&message(json!({"id": 7, "is_bot": "no"}), private(7))), None);
        assert_eq!(owner(&message(person(7), private(8))), None, "somebody else's chat");
        for kind in ["group", "supergroup", "channel", "Private", ""] {
            assert_eq!(owner(&message(person(7), json!({"id": 7, "type": kind}))), None, "{kind}");
            assert_eq!(owner(&message(person(7), json!({"id": -7, "type": kind}))), None, "{kind}");
        }
        let mut on_behalf = message(person(7), private(7));
        on_behalf["message"]["sender_chat"] = json!({"id": -1001, "type": "channel"});
        assert_eq!(owner(&on_behalf), None);
        let mut post = message(person(7), private(7));
        let inner = post["message"].take();
        assert_eq!(owner(&json!({"update_id": 1, "channel_post": inner.clone()})), None);
        assert_eq!(owner(&json!({"update_id": 1, "business_message": inner.clone()})), None);
        assert_eq!(owner(&json!({"update_id": 1, "message": inner.clone(), "edited_message": inner})), None);
    }

    #[test]
    fn a_press_without_its_message_or_in_a_group_has_no_owner() {
        let press = |message: Value| json!({"callback_query": {"id": "1", "from": person(7), "message": message}});
        assert_eq!(owner(&press(Value::Null)), None);
        assert_eq!(owner(&press(json!({"message_id": 1, "chat": {"id": -5, "type": "group"}}))), None);
        assert_eq!(owner(&json!({"callback_query": {"id": "1", "from": person(7), "inline_message_id": "x"}})), None);
    }

    proptest! {
        #[test]
        fn an_owner_is_always_one_person_in_a_private_chat(update in any_json()) {
            if let Some(user) = owner(&update) {
                prop_assert!(user.is_person());
            }
            update_id(&update);
        }
    }
}
