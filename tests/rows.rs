//! The rows of a person's vault: what each repository promises, on a real SQLCipher file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use proptest::prelude::*;
use sekat::domain::effect::{Origin, Slot};
use sekat::domain::{
    AccountId, AccountState, Body, ChatId, Class, Content, Conversation, InboundMessage, Jid, Label, Language,
    LoginMethod, MessageId, Open, Outgoing, PhoneNumber, Place, Reason, RemovedBy, RichText, TelegramId, Timestamp,
    UpdateId,
};
use sekat::store::keys::MasterKey;
use sekat::store::says::Said;
use sekat::store::sends::{NewSend, SendState};
use sekat::store::shows::{Due, Show};
use sekat::store::{
    Claim, Claims, DbThreads, RawKey, Tx, Vault, Vaults, accounts, flags, inbox, messages, says, sends, shows, talked,
};
use std::time::Duration;

const ANA: TelegramId = TelegramId(1001);
const NOW: Timestamp = Timestamp(1_790_000_000_000);

struct Room {
    _folder: tempfile::TempDir,
    vaults: Vaults,
    threads: DbThreads,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(2);
        let vaults = Vaults::new(threads.clone(), MasterKey::generate().unwrap(), folder.path());
        Room { _folder: folder, vaults, threads }
    }

    async fn vault(&self) -> Vault {
        self.vaults.open(ANA).await.unwrap()
    }
}

fn text(text: &str) -> Outgoing {
    Outgoing {
        chat: ChatId(1001),
        body: Body::Text(RichText::plain(text)),
        keyboard: Vec::new(),
        reply_to: None,
        silent: false,
        replaces: None,
        language: Language::default(),
    }
}

fn said(out: &Outgoing) -> &str {
    match &out.body {
        Body::Text(t) => &t.text,
        Body::Qr { payload, .. } => payload,
        Body::Chart { .. } => panic!("no chart was to be said"),
    }
}

fn inbound(id: &str, sender: &str, alt: Option<&str>) -> InboundMessage {
    InboundMessage {
        id: id.into(),
        chat: Jid(sender.into()),
        sender: Jid(sender.into()),
        sender_alt: alt.map(|a| Jid(a.into())),
        push_name: Some("Citra".into()),
        from_me: false,
        is_group: false,
        sent_at: NOW,
        content: Content::Text("hello".into()),
    }
}

#[tokio::test]
async fn an_update_is_taken_once_and_set_aside_after_two_failures() {
    let room = Room::new();
    let taken = room
        .vault()
        .await
        .tx(|tx| {
            let first = inbox::take(tx, 7, UpdateId(1), NOW)?;
            let again = inbox::take(tx, 7, UpdateId(1), NOW)?;
            let failed = [(); 2].map(|()| inbox::failed(tx, 7, UpdateId(2), "{}", NOW).unwrap());
            let after = inbox::take(tx, 7, UpdateId(2), NOW)?;
            inbox::failed(tx, 7, UpdateId(3), "{}", NOW)?;
            let second_try = inbox::take(tx, 7, UpdateId(3), NOW)?;
            Ok((first, again, failed, after, second_try))
        })
        .await
        .unwrap();
    assert_eq!(taken, (true, false, [false, true], false, true));
}

#[tokio::test]
async fn what_is_said_goes_by_class_then_age_and_is_marked_after_a_death() {
    let room = Room::new();
    let vault = room.vault().await;
    let order = vault
        .tx(|tx| {
            says::add(tx, Class::Forward, &text("forward"), None, NOW)?;
            says::add(tx, Class::Answer, &text("first answer"), None, NOW)?;
            says::add(tx, Class::Answer, &text("second answer"), None, NOW)?;
            let mut order = Vec::new();
            while let Some(say) = says::take(tx, Timestamp(0))? {
                order.push((said(&say.out).to_owned(), say.repeated));
            }
            Ok(order)
        })
        .await
        .unwrap();
    let expected = ["first answer", "second answer", "forward"].map(|t| (t.to_owned(), false));
    assert_eq!(order, expected);
    let (recovered, say) =
        vault.tx(|tx| Ok((says::recover(tx)?, says::take(tx, Timestamp(0))?.unwrap()))).await.unwrap();
    assert_eq!((recovered, say.repeated), (3, true));
}

#[tokio::test]
async fn a_said_message_stands_for_its_chat() {
    let room = Room::new();
    let origin = Origin { account: AccountId(3), chat: Jid("628@s.whatsapp.net".into()) };
    let wanted = origin.clone();
    let found = room
        .vault()
        .await
        .tx(move |tx| {
            says::add(tx, Class::Forward, &text("hi"), Some(&origin), NOW)?;
            let say = says::take(tx, Timestamp(0))?.unwrap();
            says::record(tx, &say, Said::Sent(MessageId(55)))?;
            Ok((says::origin(tx, ChatId(1001), MessageId(55))?, says::origin(tx, ChatId(1001), MessageId(56))?))
        })
        .await
        .unwrap();
    assert!(found.0 == Some(wanted) && found.1.is_none());
}

#[tokio::test]
async fn what_is_held_up_comes_together_chat_by_chat_and_in_order() {
    let room = Room::new();
    let vault = room.vault().await;
    let late = Timestamp(NOW.0 + 6_000);
    let origin = |chat: &str| Origin { account: AccountId(3), chat: Jid(chat.into()) };
    let said = vault
        .tx(move |tx| {
            for n in 0..20 {
                for who in ["Citra", "Dewi"] {
                    let from = origin(&format!("{who}@s.whatsapp.net"));
                    says::add(tx, Class::Forward, &text(&format!("{who} → me\n\n{n}")), Some(&from), NOW)?;
                }
            }
            says::add(tx, Class::Forward, &text(&"x".repeat(4_090)), Some(&origin("Citra@s.whatsapp.net")), NOW)?;
            says::add(tx, Class::Answer, &text("an answer"), None, NOW)?;
            // What has just come is not held up, whatever there is of it.
            let answer = says::take(tx, NOW)?.unwrap();
            let alone = says::take(tx, NOW)?.unwrap();
            assert!(alone.merged.is_empty());
            says::record(tx, &alone, Said::Again { maybe: false })?;
            says::record(tx, &answer, Said::Sent(MessageId(1)))?;

            let first = says::take(tx, late)?.unwrap();
            says::record(tx, &first, Said::Apart(late))?;
            let apart = says::take(tx, late)?.unwrap();
            assert!(apart.merged.is_empty(), "each by itself, since one may be at fault");
            says::record(tx, &apart, Said::Again { maybe: false })?;
            let later = Timestamp(late.0 + 6_000);
            let mut said = Vec::new();
            for message in 10.. {
                let Some(say) = says::take(tx, later)? else { break };
                said.push((self::said(&say.out).to_owned(), say.merged.len()));
                says::record(tx, &say, Said::Sent(MessageId(message)))?;
            }
            assert!(says::origin(tx, ChatId(1001), MessageId(10))? == Some(origin("Citra@s.whatsapp.net")));
            Ok(said)
        })
        .await
        .unwrap();
    let all = (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join("\n\n");
    assert_eq!(said[0], (format!("Citra → me\n\n{all}"), 19), "the long one has no room in it");
    // Fewer than that are no pressure.
    assert_eq!(said[1], ("Dewi → me\n\n0".to_owned(), 0));
    assert_eq!(said.len(), 1 + 20 + 1);
}

/// What is to be shown at this moment.
fn due(tx: &Tx<'_>, now: Timestamp) -> sekat::store::Result<Option<Show>> {
    Ok(if let Due::Now(show) = shows::next(tx, now)? { Some(*show) } else { None })
}

#[tokio::test]
async fn an_outcome_is_shown_once_it_has_settled_and_holds_up_nothing_else() {
    let room = Room::new();
    let millis = |count| NOW.after(Duration::from_millis(count));
    room.vault()
        .await
        .tx(move |tx| {
            let wait = |now| -> sekat::store::Result<Duration> {
                Ok(if let Due::In(wait) = shows::next(tx, now)? { wait } else { Duration::MAX })
            };
            let outcome = Slot::outcome("M1");
            shows::put(tx, &outcome, &text("sent"), None, NOW)?;
            assert_eq!(wait(NOW)?, Duration::from_millis(250));
            shows::put(tx, &outcome, &text("delivered"), None, millis(100))?;
            assert_eq!(wait(millis(300))?, Duration::from_millis(50));
            shows::put(tx, &Slot::linking(AccountId(1)), &text("link"), None, millis(300))?;
            let link = due(tx, millis(300))?.unwrap();
            assert_eq!(said(&link.out), "link");
            shows::shown(tx, &link, Some(MessageId(8)))?;
            // The clock was set back: it is not waited for.
            assert_eq!(said(&due(tx, Timestamp(0))?.unwrap().out), "delivered");
            let outcome = due(tx, millis(350))?.unwrap();
            assert_eq!((said(&outcome.out), outcome.message), ("delivered", None));
            shows::shown(tx, &outcome, Some(MessageId(9)))?;
            assert!(matches!(shows::next(tx, millis(350))?, Due::Never));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_slot_shows_only_the_newest() {
    let room = Room::new();
    let seen = room
        .vault()
        .await
        .tx(|tx| {
            let slot = Slot::linking(AccountId(1));
            shows::put(tx, &slot, &text("old"), None, NOW)?;
            let old = due(tx, NOW)?.unwrap();
            shows::put(tx, &slot, &text("new"), None, NOW)?;
            // The old one was just sent when the new one came.
            shows::shown(tx, &old, Some(MessageId(9)))?;
            let new = due(tx, NOW)?.unwrap();
            shows::shown(tx, &new, Some(MessageId(9)))?;
            let none = due(tx, NOW)?.is_none();
            shows::again(tx, &old)?;
            let still_none = due(tx, NOW)?.is_none();
            shows::again(tx, &new)?;
            Ok((said(&new.out).to_owned(), new.message, none, still_none, due(tx, NOW)?.is_some()))
        })
        .await
        .unwrap();
    assert_eq!(seen, ("new".to_owned(), Some(MessageId(9)), true, true, true));
}

#[tokio::test]
async fn a_redelivery_meets_its_key_under_either_address() {
    let room = Room::new();
    let stored = room
        .vault()
        .await
        .tx(|tx| {
            let (lid, pn) = ("77@lid", "628220000001@s.whatsapp.net");
            let a = AccountId(1);
            let first = messages::add(tx, a, &inbound("A", lid, None))?.is_some();
            let known_by_both = messages::add(tx, a, &inbound("A", pn, Some(lid)))?.is_some();
            let other_id = messages::add(tx, a, &inbound("B", pn, Some(lid)))?.is_some();
            let by_alias = messages::add(tx, a, &inbound("B", lid, None))?.is_some();
            let other_number = messages::add(tx, AccountId(2), &inbound("B", pn, None))?.is_some();
            let name = messages::name(tx, &messages::canonical(tx, a, &Jid(lid.into()))?)?;
            Ok(([first, known_by_both, other_id, by_alias, other_number], name))
        })
        .await
        .unwrap();
    assert_eq!(stored, ([true, false, true, false, true], Some("Citra".to_owned())));
}

#[tokio::test]
async fn a_message_sending_at_a_death_is_unknown_and_repeats_only_when_asked() {
    let room = Room::new();
    let chat = Jid("628@s.whatsapp.net".into());
    let states = room
        .vault()
        .await
        .tx(move |tx| {
            let new =
                NewSend { account: AccountId(1), chat: &chat, message_id: "3EB0", text: "hi", asked_by: MessageId(4) };
            sends::add(tx, "u", 0, &new, NOW)?;
            let taken = sends::take(tx, AccountId(1))?.unwrap();
            let other_account = sends::take(tx, AccountId(2))?.is_none();
            let lost = sends::recover(tx)?;
            let nothing_waits = sends::take(tx, AccountId(1))?.is_none();
            let resent = sends::advance(tx, taken.id, SendState::Pending, None)?;
            let same_id = sends::take(tx, AccountId(1))?.unwrap().message_id;
            Ok((other_account, lost.len(), nothing_waits, resent, same_id))
        })
        .await
        .unwrap();
    assert_eq!(states, (true, 1, true, true, "3EB0".to_owned()));
}

#[tokio::test]
async fn accounts_and_conversation_survive_a_reopening() {
    let room = Room::new();
    let phone = PhoneNumber::parse("+628110000001").unwrap();
    let vault = room.vault().await;
    let stored = phone.clone();
    let id = vault
        .tx(move |tx| {
            let id = accounts::create(tx, &LoginMethod::Qr, NOW)?;
            accounts::set_phone(tx, id, &stored)?;
            accounts::set_state(tx, id, AccountState::Failed, Some(Reason::Banned), NOW)?;
            accounts::next_generation(tx, id)?;
            let waits = Conversation { open: Some(Open::new("link", "number")), ..Conversation::default() };
            flags::set_conversation(tx, &waits, NOW)?;
            Ok(id)
        })
        .await
        .unwrap();
    vault.db().close().await.unwrap();
    let again = room.vault().await;
    let (list, conversation) = again.db().read(|db| Ok((accounts::list(db)?, flags::conversation(db)?))).await.unwrap();
    assert_eq!((list.len(), list[0].id, list[0].state), (1, id, AccountState::Failed));
    assert_eq!((list[0].reason, list[0].phone.clone()), (Some(Reason::Banned), Some(phone)));
    assert_eq!(conversation.0.place(), Some(Place::new("link", "number")));
    assert_eq!(conversation.1, Some(NOW));
}

/// The numbers with a star on the primary one, as they stand.
async fn stars(vault: &Vault) -> Vec<(i64, bool)> {
    let list = vault.db().read(accounts::list).await.unwrap();
    list.iter().map(|account| (account.id.0, account.is_primary)).collect()
}

#[tokio::test]
async fn one_of_the_linked_numbers_is_the_primary_one_whatever_comes_and_goes() {
    let room = Room::new();
    let vault = room.vault().await;
    let state = async |id: AccountId, state| {
        vault.tx(move |tx| accounts::set_state(tx, id, state, None, NOW)).await.unwrap();
    };
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(vault.tx(|tx| accounts::create(tx, &LoginMethod::Qr, NOW)).await.unwrap());
    }
    assert!(stars(&vault).await.iter().all(|(_, primary)| !primary), "none is linked");
    state(ids[1], AccountState::Authenticated).await;
    state(ids[0], AccountState::Connected).await;
    assert_eq!(stars(&vault).await, [(1, false), (2, true), (3, false)], "the first that was linked");
    let id = ids[2];
    vault.tx(move |tx| accounts::make_primary(tx, id)).await.unwrap();
    assert_eq!(stars(&vault).await, [(1, false), (2, true), (3, false)], "it is not linked");
    state(ids[2], AccountState::Disconnected).await;
    vault.tx(move |tx| accounts::make_primary(tx, id)).await.unwrap();
    state(ids[2], AccountState::Failed).await;
    assert_eq!(stars(&vault).await, [(1, false), (2, false), (3, true)], "it may come back");
    state(ids[2], AccountState::LoggingOut).await;
    state(ids[2], AccountState::Removed).await;
    assert_eq!(stars(&vault).await, [(1, true), (2, false)], "the oldest takes its place");
    let uuids = vault.db().read(accounts::list).await.unwrap();
    assert!(uuids[0].uuid.as_ref().unwrap().len() == 36 && uuids[0].uuid != uuids[1].uuid);
}

#[tokio::test]
async fn a_number_that_is_logged_out_stays_on_record_until_it_is_deleted_with_its_messages_and_no_others() {
    let room = Room::new();
    let vault = room.vault().await;
    let phone = PhoneNumber::parse("+628110000001").unwrap();
    let (first, other, again) = vault
        .tx(move |tx| {
            let mut ids = Vec::new();
            for phone in [&phone, &PhoneNumber::parse("+628110000002").unwrap(), &phone] {
                let id = accounts::create(tx, &LoginMethod::Qr, NOW)?;
                accounts::set_phone(tx, id, phone)?;
                accounts::set_state(tx, id, AccountState::Connected, None, NOW)?;
                accounts::rename(tx, id, Label::parse(&format!("Toko {}", id.0)).ok().as_ref())?;
                messages::add(tx, id, &inbound(&format!("m{id}"), "1@s.whatsapp.net", Some("1@lid")))?;
                if ids.is_empty() {
                    accounts::set_state(tx, id, AccountState::Removed, Some(Reason::LoggedOut), NOW)?;
                }
                ids.push(id);
            }
            Ok((ids[0], ids[1], ids[2]))
        })
        .await
        .unwrap();
    let former = || vault.db().read(accounts::former);
    assert!(former().await.unwrap().is_empty(), "it is linked again");
    vault.tx(move |tx| accounts::delete(tx, again)).await.unwrap();
    assert_eq!(stars(&vault).await.len(), 2, "what is linked is not deleted");
    vault.tx(move |tx| accounts::set_state(tx, again, AccountState::Removed, None, NOW)).await.unwrap();
    let gone = former().await.unwrap();
    assert_eq!((gone.len(), gone[0].id, gone[0].removed), (1, again, Some((NOW, RemovedBy::Owner))));
    let earlier = vault.db().read(move |db| accounts::get(db, first)).await.unwrap().unwrap();
    assert_eq!(earlier.removed, Some((NOW, RemovedBy::Phone)));
    // A fresh one of the same number is called as it was.
    let label = vault
        .tx(|tx| {
            let id = accounts::create(tx, &LoginMethod::Qr, NOW)?;
            accounts::set_phone(tx, id, &PhoneNumber::parse("+628110000001").unwrap())?;
            let label = accounts::get(tx, id)?.and_then(|account| account.label);
            tx.execute("DELETE FROM accounts WHERE id = ?1", [id.0])?;
            Ok(label)
        })
        .await
        .unwrap();
    assert_eq!(label.unwrap().as_str(), format!("Toko {again}"));
    vault.tx(move |tx| accounts::delete(tx, again)).await.unwrap();
    let left: Vec<i64> = vault
        .db()
        .read(|db| {
            let mut query = db.prepare("SELECT account FROM messages UNION ALL SELECT account FROM aliases")?;
            Ok(query.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(left, [other.0, other.0]);
    assert!(former().await.unwrap().is_empty());
    assert_eq!(stars(&vault).await, [(other.0, true)]);
}

#[tokio::test]
async fn a_contact_is_remembered_with_every_number_that_they_talked_with() {
    let room = Room::new();
    let vault = room.vault().await;
    let citra = || Jid("1@s.whatsapp.net".into());
    let later = Timestamp(NOW.0 + 60_000);
    let (first, second) = vault
        .tx(move |tx| {
            let ids = [accounts::create(tx, &LoginMethod::Qr, NOW)?, accounts::create(tx, &LoginMethod::Qr, NOW)?];
            // Under the other address at first; once both are known it is one contact, and a redelivery counts once.
            messages::add(tx, ids[0], &inbound("a", "1@lid", None))?;
            messages::add(tx, ids[0], &inbound("b", "1@s.whatsapp.net", Some("1@lid")))?;
            messages::add(tx, ids[0], &inbound("b", "1@lid", None))?;
            messages::add(tx, ids[1], &inbound("c", "1@s.whatsapp.net", None))?;
            let chat = Jid("1@s.whatsapp.net".into());
            let new = NewSend { account: ids[0], chat: &chat, message_id: "d", text: "x", asked_by: MessageId(7) };
            sends::add(tx, "s", 0, &new, later)?;
            sends::add(tx, "s", 0, &new, later)?;
            let group = Jid("9@g.us".into());
            let new = NewSend { account: ids[0], chat: &group, message_id: "e", text: "x", asked_by: MessageId(7) };
            sends::add(tx, "s", 1, &new, later)?;
            Ok((ids[0], ids[1]))
        })
        .await
        .unwrap();
    let known = vault.db().read(move |db| talked::numbers(db, &citra())).await.unwrap();
    let told: Vec<_> = known.iter().map(|t| (t.account, t.last_at == later, t.count)).collect();
    assert_eq!(told, [(first, true, 3), (second, false, 1)]);
    assert!(known[0].first_at < later);
    let none = vault
        .db()
        .read(|db| Ok((talked::numbers(db, &Jid("9@g.us".into()))?, talked::numbers(db, &Jid("1@lid".into()))?)));
    assert_eq!(none.await.unwrap(), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_number_has_one_owner_until_it_is_released() {
    let room = Room::new();
    let folder = tempfile::tempdir().unwrap();
    let key = || zeroize::Zeroizing::new([3; 32]);
    let path = folder.path().join("claims.db");
    let claims =
        Claims::new(room.threads.clone(), &path, RawKey::new([4; 32]), sekat::store::seal::SealKey::new(key()));
    let phone = PhoneNumber::parse("+628110000001").unwrap();
    let budi = TelegramId(1002);
    assert_eq!(claims.claim(&phone, ANA, AccountId(1)).await.unwrap(), Claim::Yours);
    assert_eq!(claims.claim(&phone, ANA, AccountId(1)).await.unwrap(), Claim::Yours);
    assert_eq!(claims.claim(&phone, ANA, AccountId(2)).await.unwrap(), Claim::Taken);
    assert_eq!(claims.claim(&phone, budi, AccountId(1)).await.unwrap(), Claim::Taken);
    assert_eq!(claims.release(budi, AccountId(1)).await.unwrap(), 0);
    assert_eq!(claims.release_all(ANA).await.unwrap(), 1);
    assert_eq!(claims.claim(&phone, budi, AccountId(1)).await.unwrap(), Claim::Yours);
}

const STATES: [SendState; 8] = [
    SendState::Pending,
    SendState::Sending,
    SendState::Unknown,
    SendState::Sent,
    SendState::Delivered,
    SendState::Read,
    SendState::Failed,
    SendState::Forgotten,
];

/// How much of a fact a state is: a larger one is never followed by a smaller.
fn fact(state: SendState) -> u8 {
    match state {
        SendState::Sent => 1,
        SendState::Delivered => 2,
        SendState::Read => 3,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever order acks, receipts, time-outs and button presses come in, a fact is never taken back.
    #[test]
    fn a_fact_about_a_message_is_never_taken_back(moves in prop::collection::vec(0usize..8, 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let room = Room::new();
        let seen = runtime.block_on(async {
            room.vault().await.tx(move |tx| {
                let chat = Jid("628@s.whatsapp.net".into());
                let new = NewSend { account: AccountId(1), chat: &chat, message_id: "X", text: "t", asked_by: MessageId(1) };
                sends::add(tx, "u", 0, &new, NOW)?;
                let mut seen = Vec::new();
                for state in moves {
                    sends::advance(tx, 1, STATES[state], None)?;
                    seen.push(sends::get(tx, 1)?.unwrap().state);
                }
                Ok(seen)
            }).await.unwrap()
        });
        prop_assert!(seen.windows(2).all(|w| fact(w[0]) <= fact(w[1])), "{seen:?}");
    }
}
