use super::*;
use crate::domain::PhoneNumber;
use whatsapp_rust::transport::DisconnectReason;
use whatsapp_rust::wacore::types::events as wa;

const NOW: Timestamp = Timestamp(1_000_000);

fn qr() -> Event {
    Event::PairingQrCode(wa::PairingQrCode::builder().code("ref,a,b".into()).timeout(Duration::from_secs(60)).build())
}

fn pair_code() -> Event {
    Event::PairingCode(wa::PairingCode::builder().code("ABCD1234".into()).timeout(Duration::from_secs(170)).build())
}

fn paired(jid: &str) -> Event {
    let id: whatsapp_rust::Jid = jid.parse().unwrap();
    Event::PairSuccess(
        wa::PairSuccess::builder().id(id.clone()).lid(id).business_name(String::new()).platform(String::new()).build(),
    )
}

fn connected() -> Event {
    Event::Connected(wa::Connected::builder().build())
}

fn disconnected() -> Event {
    Event::Disconnected(wa::Disconnected::builder().reason(DisconnectReason::StreamEnded).build())
}

fn failure(code: i32) -> Event {
    Event::ConnectFailure(wa::ConnectFailure::builder().reason(ConnectFailureReason::from(code)).build())
}

fn by_code() -> Option<LoginMethod> {
    Some(LoginMethod::Code(PhoneNumber::parse("+6281234567890").unwrap()))
}

fn told(acts: Vec<Act>) -> Vec<ClientEvent> {
    acts.into_iter().filter_map(|act| if let Act::Tell(event) = act { Some(event) } else { None }).collect()
}

fn refused(reason: Reason) -> Vec<ClientEvent> {
    vec![ClientEvent::Login(LoginStep::Refused(reason))]
}

#[test]
fn linking_by_qr_goes_from_pictures_to_online() {
    let mut link = Link::new(Some(LoginMethod::Qr), false);
    assert_eq!(told(link.connecting()), []);
    for _ in 0..2 {
        let shown = told(link.on(&qr(), NOW));
        let step = LoginStep::Qr { payload: "ref,a,b".into(), expires_in: Duration::from_secs(60) };
        assert_eq!(shown, [ClientEvent::Login(step)]);
    }
    // A code that nobody asked for is not shown.
    assert_eq!(told(link.on(&pair_code(), NOW)), []);
    let phone = PhoneNumber::parse("6281234567890").unwrap();
    let step = LoginStep::Paired { phone };
    assert_eq!(told(link.on(&paired("6281234567890:4@s.whatsapp.net"), NOW)), [ClientEvent::Login(step)]);
    // The server closes the stream after pairing: no news.
    assert_eq!(told(link.connecting()), []);
    assert_eq!(told(link.on(&connected(), NOW)), [ClientEvent::Online]);
    assert!(link.is_online());
    // A picture that was under way is not shown, and linking cannot fail any more.
    assert_eq!(told(link.on(&qr(), NOW)), []);
    assert_eq!(link.refuse(Reason::QrExpired), []);
}

#[test]
fn a_device_is_let_in_before_it_is_told_that_it_was_confirmed() {
    let step = LoginStep::Paired { phone: PhoneNumber::parse("6281234567890").unwrap() };
    let confirmed = || paired("6281234567890:4@s.whatsapp.net");
    let mut link = Link::new(by_code(), false);
    assert_eq!(told(link.on(&connected(), NOW)), []);
    assert!(!link.is_online() && !link.is_linked());
    assert_eq!(told(link.on(&confirmed(), NOW)), [ClientEvent::Login(step.clone()), ClientEvent::Online]);
    assert!(link.is_online());

    // Gone again in between.
    let mut link = Link::new(by_code(), false);
    link.on(&connected(), NOW);
    link.on(&disconnected(), NOW);
    assert_eq!(told(link.on(&confirmed(), NOW)), [ClientEvent::Login(step)]);
    assert_eq!(told(link.on(&connected(), NOW)), [ClientEvent::Online]);

    // Refused in between.
    let mut link = Link::new(by_code(), false);
    link.on(&Event::LoggedOut(wa::LoggedOut::builder().on_connect(true).reason(401.into()).build()), NOW);
    assert_eq!(told(link.on(&confirmed(), NOW)), []);
    assert_eq!(link.verdict(), (Reason::QrLoop, None));
}

#[test]
fn linking_by_code_shows_the_code_and_no_picture() {
    let mut link = Link::new(by_code(), false);
    assert_eq!(told(link.on(&qr(), NOW)), []);
    let step = LoginStep::Code { code: "ABCD1234".into(), expires_in: Duration::from_secs(170) };
    assert_eq!(told(link.on(&pair_code(), NOW)), [ClientEvent::Login(step)]);
    let exhausted = Event::PairingQrCodesExhausted(wa::PairingQrCodesExhausted::builder().disconnected(false).build());
    assert_eq!(link.on(&exhausted, NOW), []);
    let refresh = Event::PairingCodeRefresh(wa::PairingCodeRefresh::builder().force_manual(true).build());
    assert_eq!(link.on(&refresh, NOW), [Act::CodeGone(CodeGone::AskAgain)]);
    // A code dies with its connection.
    assert!(link.on(&disconnected(), NOW).contains(&Act::CodeGone(CodeGone::AskAgain)));
}

#[test]
fn each_way_of_failing_to_link_is_told_once_with_its_reason() {
    let exhausted = Event::PairingQrCodesExhausted(wa::PairingQrCodesExhausted::builder().disconnected(true).build());
    let mut link = Link::new(Some(LoginMethod::Qr), false);
    assert_eq!(told(link.on(&exhausted, NOW)), refused(Reason::QrExpired));
    assert_eq!(told(link.refuse(Reason::PairFailed)), []);
    assert_eq!(told(link.on(&qr(), NOW)), []);
    assert_eq!(link.verdict(), (Reason::QrExpired, None));

    let mut link = Link::new(Some(LoginMethod::Qr), false);
    let passkey =
        Event::PairPasskeyError(wa::PairPasskeyError::builder().error("x".into()).continuation(false).build());
    assert_eq!(told(link.on(&passkey, NOW)), refused(Reason::PasskeyRequired));
    assert_eq!(link.verdict(), (Reason::PasskeyRequired, None));

    let mut link = Link::new(Some(LoginMethod::Qr), false);
    assert_eq!(told(link.on(&paired("not-a-number@lid"), NOW)), refused(Reason::PairFailed));
}

#[test]
fn a_lost_connection_is_told_once_and_a_better_reason_as_well() {
    let mut link = Link::new(None, true);
    link.connecting();
    link.on(&connected(), NOW);
    let offline = |reason| vec![ClientEvent::Offline(reason)];
    assert_eq!(told(link.on(&disconnected(), NOW)), offline(Reason::NetworkAway));
    assert!(!link.is_online());
    assert_eq!(told(link.connecting()), []);
    assert_eq!(told(link.not_connected()), []);
    assert_eq!(told(link.on(&failure(503), NOW)), offline(Reason::Unavailable));
    assert_eq!(told(link.on(&disconnected(), NOW)), []);
    assert_eq!(told(link.on(&connected(), NOW)), [ClientEvent::Online]);
    assert_eq!(told(link.unavailable()), offline(Reason::Unavailable));
    assert_eq!(told(link.on(&disconnected(), NOW)), []);
}

#[test]
fn a_connection_that_ends_without_a_word_is_told_with_the_next_attempt() {
    let mut link = Link::new(None, true);
    assert_eq!(told(link.connecting()), []);
    assert_eq!(told(link.connecting()), [ClientEvent::Offline(Reason::NetworkAway)]);
    let mut link = Link::new(None, true);
    link.connecting();
    link.on(&connected(), NOW);
    assert_eq!(told(link.connecting()), [ClientEvent::Offline(Reason::NetworkAway)]);
}

#[test]
fn every_end_has_its_reason() {
    let logged_out = |reason| {
        Event::LoggedOut(wa::LoggedOut::builder().on_connect(true).reason(ConnectFailureReason::from(reason)).build())
    };
    let cases = [
        (logged_out(401), Reason::LoggedOut),
        (logged_out(403), Reason::LoggedOut),
        (Event::StreamReplaced(wa::StreamReplaced::builder().build()), Reason::Replaced),
        (Event::ClientOutdated(wa::ClientOutdated::builder().build()), Reason::ClientOutdated),
        (failure(402), Reason::Banned),
        (failure(405), Reason::ClientOutdated),
        (failure(409), Reason::ClientOutdated),
        (failure(400), Reason::Internal),
        (failure(999), Reason::Internal),
    ];
    for (event, reason) in cases {
        let mut link = Link::new(None, true);
        link.on(&connected(), NOW);
        let acts = link.on(&event, NOW);
        assert_eq!(acts, [Act::Lost], "{reason:?}");
        assert_eq!(link.verdict(), (reason, None));
        assert!(!link.is_online());
        // What follows from the end is no news.
        assert_eq!(told(link.on(&disconnected(), NOW)), []);
        assert_eq!(link.verdict(), (reason, None));
    }
}

#[test]
fn a_ban_tells_when_it_ends() {
    let ban = wa::TemporaryBan::builder()
        .code(wa::TempBanReason::from(101))
        .expire(whatsapp_rust::chrono::Duration::seconds(90))
        .build();
    let mut link = Link::new(None, true);
    link.on(&Event::TemporaryBan(ban), NOW);
    assert_eq!(link.verdict(), (Reason::Banned, Some(Timestamp(1_090_000))));
}

#[test]
fn an_end_without_a_reason_is_our_fault() {
    assert_eq!(Link::new(None, true).verdict(), (Reason::Internal, None));
    let mut link = Link::new(None, true);
    assert_eq!(link.broken(), [Act::Lost, Act::Stop]);
}

#[test]
fn a_connection_is_unheard_until_a_word_comes_or_another_is_begun() {
    let mut link = Link::new(None, true);
    link.connecting();
    assert!(link.is_unheard(1));
    link.connecting();
    assert!(!link.is_unheard(1) && link.is_unheard(2));
    link.on(&connected(), NOW);
    assert!(!link.is_unheard(2));
}
