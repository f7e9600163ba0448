//! Members as the daemon and the command line meet them: real files, several handles on one.
use super::*;
use crate::domain::{CardId, InviteCode, InviteState, Order, Outcome, Plan, Refusal, Terms, Timestamp, Wish};
use crate::store::seal::RawKey32;
use std::time::Duration;
use tempfile::TempDir;

const OWNER: TelegramId = TelegramId(1);
const ADMIN: TelegramId = TelegramId(2);
const LISTED: TelegramId = TelegramId(3);
const ANA: TelegramId = TelegramId(4);
const BUDI: TelegramId = TelegramId(5);
const NOW: Timestamp = Timestamp(1_000_000);

fn rules(mode: AccessMode) -> AccessRules {
    AccessRules { mode, owner: Some(OWNER), admins: HashSet::from([ADMIN]), allow: HashSet::from([LISTED]) }
}

async fn open(folder: &TempDir, mode: AccessMode) -> Members {
    let path = folder.path().join("members.db");
    let digest = SealKey::new(RawKey32::new([9; 32]));
    let members = Members::new(DbThreads::start(2), &path, RawKey::new([7; 32]), digest, rules(mode));
    members.load().await.unwrap();
    members
}

fn code(n: u8) -> InviteCode {
    InviteCode::from_random([n; 10])
}

fn terms(uses: u32) -> Terms {
    Terms { uses, ..Terms::default() }
}

async fn order(members: &Members, by: TelegramId, order: Order) -> Outcome {
    members.carry_out(by, &order, code(30), NOW).await.unwrap()
}

#[track_caller]
fn refused(outcome: &Outcome, why: Refusal) {
    assert!(matches!(outcome, Outcome::Refused(refusal) if *refusal == why), "{why:?}");
}

#[track_caller]
fn done(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Done));
}

#[tokio::test]
async fn a_code_lets_in_as_many_as_it_is_for_and_everyone_else_hears_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    members.create(code(1), terms(1), NOW).await.unwrap();
    assert_eq!(members.standing(ANA), Standing::Stranger);
    assert_eq!(members.redeem(ANA, &code(2), NOW).await.unwrap(), Redeemed::Refused, "no such code");
    assert_eq!(members.redeem(ANA, &code(1), NOW).await.unwrap(), Redeemed::Joined);
    assert_eq!(members.standing(ANA), Standing::Admitted(Role::Member));
    assert_eq!(members.redeem(ANA, &code(1), NOW).await.unwrap(), Redeemed::Already, "a kill came before the answer");
    assert_eq!(members.redeem(BUDI, &code(1), NOW).await.unwrap(), Redeemed::Refused, "used up");
    let later = NOW.after(Duration::from_hours(24 * 7));
    members.create(code(3), terms(5), NOW).await.unwrap();
    assert_eq!(members.redeem(BUDI, &code(3), later).await.unwrap(), Redeemed::Refused, "expired");
    assert_eq!(members.revoke(Which::Code(code(3)), NOW).await.unwrap(), Some((2, true)));
    assert_eq!(members.redeem(BUDI, &code(3), NOW).await.unwrap(), Redeemed::Refused, "revoked");
    assert_eq!(members.revoke(Which::Number(2), NOW).await.unwrap(), Some((2, false)), "already");
    assert_eq!(members.revoke(Which::Number(3), NOW).await.unwrap(), None);
    assert_eq!(members.revoke(Which::Code(code(4)), NOW).await.unwrap(), None);
    let listed = members.invites(10).await.unwrap();
    let told: Vec<_> = listed.iter().map(|i| (i.id, i.used, i.state(NOW), i.members.clone())).collect();
    let by_ana = vec![(ANA, NOW)];
    assert_eq!(told, [(2, 0, InviteState::Revoked, Vec::new()), (1, 1, InviteState::UsedUp, by_ana)]);
    assert!(open(&folder, AccessMode::Invite).await.admits(ANA), "after a start");
    assert!(!open(&folder, AccessMode::AllowList).await.admits(ANA), "codes count while the mode is invite");
}

#[tokio::test]
async fn of_many_who_use_a_code_at_once_as_many_get_in_as_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    // The daemon and another process, each with a handle of its own on the one file.
    let (members, other) = (open(&folder, AccessMode::Invite).await, open(&folder, AccessMode::Invite).await);
    other.create(code(1), terms(3), NOW).await.unwrap();
    let wanted = code(1);
    let tries = (10..40).map(|n| {
        let members = if n % 2 == 0 { &members } else { &other };
        members.redeem(TelegramId(n), &wanted, NOW)
    });
    let tried = futures_util::future::join_all(tries).await;
    let joined = tried.into_iter().filter(|redeemed| *redeemed.as_ref().unwrap() == Redeemed::Joined).count();
    assert_eq!(joined, 3);
    let listed = members.invites(1).await.unwrap();
    assert_eq!((listed[0].used, listed[0].members.len()), (3, 3));
}

#[tokio::test]
async fn two_processes_may_make_the_file_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let opened = futures_util::future::join_all((0..4).map(|_| open(&folder, AccessMode::Invite))).await;
        opened[0].create(code(1), terms(1), NOW).await.unwrap();
        assert_eq!(opened[3].invites(9).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn owner_and_admins_may_what_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    for user in [LISTED, ANA] {
        refused(&order(&members, user, Order::Block(BUDI)).await, Refusal::Role);
        refused(&order(&members, user, Order::Invites).await, Refusal::Role);
    }
    refused(&order(&members, ADMIN, Order::AddAdmin(ANA)).await, Refusal::Role);
    refused(&order(&members, ADMIN, Order::Block(OWNER)).await, Refusal::Owner);
    refused(&order(&members, ADMIN, Order::Block(ADMIN)).await, Refusal::Yourself);
    refused(&order(&members, OWNER, Order::Block(OWNER)).await, Refusal::Yourself);
    refused(&order(&members, OWNER, Order::RemoveAdmin(ADMIN)).await, Refusal::Configured);
    done(&order(&members, OWNER, Order::AddAdmin(ANA)).await);
    assert_eq!(members.standing(ANA), Standing::Admitted(Role::Admin), "in without a code");
    refused(&order(&members, ADMIN, Order::Block(ANA)).await, Refusal::Admin);
    refused(&order(&members, ANA, Order::Block(ADMIN)).await, Refusal::Admin);
    match order(&members, ANA, Order::Admins).await {
        Outcome::Admins { owner, configured, made } => {
            assert_eq!((owner, configured, made), (Some(OWNER), vec![ADMIN], vec![ANA]));
        }
        _ => panic!("the admins"),
    }
    done(&order(&members, OWNER, Order::Block(ADMIN)).await);
    assert_eq!(members.standing(ADMIN), Standing::Blocked, "also one whom the configuration names");
    refused(&order(&members, ADMIN, Order::Invites).await, Refusal::Role);
    refused(&order(&members, OWNER, Order::AddAdmin(ADMIN)).await, Refusal::Blocked);
    refused(&order(&members, ANA, Order::Unblock(ADMIN)).await, Refusal::Admin);
    done(&order(&members, OWNER, Order::Unblock(ADMIN)).await);
    done(&order(&members, OWNER, Order::RemoveAdmin(ANA)).await);
    assert_eq!(members.standing(ANA), Standing::Stranger);
    let listed = order(&open(&folder, AccessMode::Open).await, ADMIN, Order::Invite(terms(1))).await;
    refused(&listed, Refusal::Mode);
}

#[tokio::test]
async fn the_operator_at_the_command_line_may_what_the_owner_may() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::AllowList).await;
    for (order, standing) in [
        (Order::Block(ADMIN), Standing::Blocked),
        (Order::Unblock(ADMIN), Standing::Admitted(Role::Admin)),
        (Order::Block(LISTED), Standing::Blocked),
    ] {
        done(&members.command(&order, NOW).await.unwrap());
        assert_eq!(members.standing(order.about().unwrap()), standing, "at once");
    }
    refused(&members.command(&Order::Block(OWNER), NOW).await.unwrap(), Refusal::Owner);
    let plan = Order::Plan { user: OWNER, plan: Some(crate::domain::Plan::Free) };
    done(&members.command(&plan, NOW).await.unwrap());
    assert_eq!(open(&folder, AccessMode::AllowList).await.standing(LISTED), Standing::Blocked, "after a start");
}

#[tokio::test]
async fn who_is_blocked_stays_out_and_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Open).await;
    assert!(members.admits(BUDI));
    done(&order(&members, ADMIN, Order::Block(BUDI)).await);
    done(&order(&members, ADMIN, Order::Block(BUDI)).await);
    assert!(!members.admits(BUDI) && !members.was_told(BUDI));
    members.note_told(BUDI).await.unwrap();
    let again = open(&folder, AccessMode::Open).await;
    assert!(again.standing(BUDI) == Standing::Blocked && again.was_told(BUDI));
    done(&order(&again, ADMIN, Order::Unblock(BUDI)).await);
    done(&order(&again, ADMIN, Order::Block(BUDI)).await);
    assert!(!again.was_told(BUDI), "another time");
    done(&order(&again, ADMIN, Order::Unblock(BUDI)).await);
    assert!(again.admits(BUDI) && open(&folder, AccessMode::Open).await.admits(BUDI));
}

#[tokio::test]
async fn an_order_that_is_carried_out_again_makes_one_code() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    members.note_bot("@SekatBot").await.unwrap();
    for at in [NOW, NOW.after(Duration::from_secs(60))] {
        match members.carry_out(ADMIN, &Order::Invite(terms(2)), code(5), at).await.unwrap() {
            Outcome::Invited { code: made, bot, uses, expires_at } => {
                assert_eq!((made, bot.as_deref(), uses), (code(5), Some("SekatBot"), 2));
                assert_eq!(expires_at, Some(NOW.after(Duration::from_hours(24 * 7))), "as it was made");
            }
            _ => panic!("a code"),
        }
    }
    assert_eq!(members.invites(10).await.unwrap().len(), 1);
    assert!(matches!(order(&members, ADMIN, Order::Revoke(9)).await, Outcome::NoSuch));
    done(&order(&members, ADMIN, Order::Revoke(1)).await);
    assert_eq!(members.redeem(ANA, &code(5), NOW).await.unwrap(), Redeemed::Refused);
}

#[tokio::test]
async fn who_is_forgotten_needs_a_new_code_and_is_named_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    done(&order(&members, OWNER, Order::AddAdmin(BUDI)).await);
    assert!(matches!(order(&members, BUDI, Order::Invite(terms(2))).await, Outcome::Invited { .. }));
    assert_eq!(members.redeem(ANA, &code(30), NOW).await.unwrap(), Redeemed::Joined);
    assert!(members.is_in_by_record(ANA) && members.is_in_by_record(BUDI) && !members.is_in_by_record(LISTED));
    members.forget(ANA).await.unwrap();
    members.forget(BUDI).await.unwrap();
    assert!(!members.admits(ANA) && !members.admits(BUDI));
    let again = open(&folder, AccessMode::Invite).await;
    assert!(!again.admits(ANA) && !again.admits(BUDI));
    let invite = again.invites(1).await.unwrap().remove(0);
    assert_eq!((invite.used, invite.members, invite.made_by), (1, Vec::new(), None));
    assert_eq!(again.redeem(ANA, &code(30), NOW).await.unwrap(), Redeemed::Joined, "the last use");
}

#[tokio::test]
async fn what_lies_in_other_files_is_allowed_by_role_and_to_nobody_who_is_out() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    let look = || {
        let search = 1;
        let list = Wish::List { search, text: String::new(), from: None, at: None };
        let person = |take_down| Wish::Show { search, card: CardId(1), take_down, at: None };
        (list, person(false), person(true), Wish::TakeDown { search, card: CardId(1), at: None })
    };
    let (list, person, ask, take_down) = look();
    for wish in [list.clone(), person.clone()] {
        done(&order(&members, LISTED, Order::People(wish.clone())).await);
        done(&order(&members, ADMIN, Order::People(wish.clone())).await);
        refused(&order(&members, ANA, Order::People(wish)).await, Refusal::Role);
    }
    for wish in [ask, take_down] {
        refused(&order(&members, LISTED, Order::People(wish.clone())).await, Refusal::Role);
        done(&order(&members, ADMIN, Order::People(wish)).await);
    }
    let see = Order::Member { user: LISTED, at: None };
    let roster = Order::Members { blocked: false, from: None, at: None };
    refused(&order(&members, LISTED, see.clone()).await, Refusal::Role);
    refused(&order(&members, LISTED, roster.clone()).await, Refusal::Role);
    done(&order(&members, ADMIN, see).await);
    done(&order(&members, OWNER, roster).await);
    // Blocked since it was ordered.
    done(&order(&members, ADMIN, Order::Block(LISTED)).await);
    refused(&order(&members, LISTED, Order::People(list)).await, Refusal::Role);
}

#[tokio::test]
async fn the_roster_has_everybody_once_with_how_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Invite).await;
    members.create(code(1), terms(9), NOW).await.unwrap();
    let later = NOW.after(Duration::from_secs(60));
    members.redeem(ANA, &code(1), NOW).await.unwrap();
    members.redeem(BUDI, &code(1), later).await.unwrap();
    let other = TelegramId(77);
    done(&order(&members, OWNER, Order::AddAdmin(BUDI)).await);
    done(&order(&members, OWNER, Order::Block(ANA)).await);
    let roster = members.roster(&[ANA, other, OWNER]).await.unwrap();
    let told: Vec<_> = roster.iter().map(|m| (m.user, m.standing, m.joined, m.blocked_at)).collect();
    let admitted = Standing::Admitted;
    assert_eq!(
        told,
        [
            (BUDI, admitted(Role::Admin), Some((1, later)), None),
            (ANA, Standing::Blocked, Some((1, NOW)), Some(NOW)),
            (OWNER, admitted(Role::Owner), None, None),
            (ADMIN, admitted(Role::Admin), None, None),
            (LISTED, admitted(Role::Member), None, None),
            (other, Standing::Stranger, None, None),
        ]
    );
    members.forget(BUDI).await.unwrap();
    assert!(members.roster(&[]).await.unwrap().iter().all(|member| member.user != BUDI));
}

#[tokio::test]
async fn plans_are_given_and_taken_away_and_are_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Open).await;
    assert_eq!(members.plan(ANA), None);
    assert_eq!(members.set_plan(ANA, Some(Plan::Basic), NOW).await.unwrap(), None);
    assert_eq!(members.set_plan(BUDI, Some(Plan::Free), NOW).await.unwrap(), None);
    assert_eq!((members.plan(ANA), members.plan(BUDI)), (Some(Plan::Basic), Some(Plan::Free)));
    done(&order(&members, ADMIN, Order::Plan { user: LISTED, plan: Some(Plan::Pro) }).await);
    assert_eq!(members.set_plan(ANA, None, NOW).await.unwrap(), Some(Plan::Basic));
    assert_eq!(members.set_plan(ANA, None, NOW).await.unwrap(), None, "again");
    assert_eq!((members.plan(ANA), members.plan(LISTED)), (None, Some(Plan::Pro)));
    assert_eq!(members.plans().await.unwrap(), [(LISTED, Plan::Pro, NOW), (BUDI, Plan::Free, NOW)]);
    members.forget(BUDI).await.unwrap();
    let again = open(&folder, AccessMode::Open).await;
    assert_eq!((again.plan(BUDI), again.plan(LISTED)), (None, Some(Plan::Pro)));
}

#[tokio::test]
async fn who_may_give_plans_gives_them_to_those_below_and_the_owner_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let members = open(&folder, AccessMode::Open).await;
    let give = |user, plan| Order::Plan { user, plan: Some(plan) };
    refused(&order(&members, LISTED, give(LISTED, Plan::Pro)).await, Refusal::Role);
    refused(&order(&members, ADMIN, give(ADMIN, Plan::Pro)).await, Refusal::Yourself);
    refused(&order(&members, ADMIN, give(OWNER, Plan::Free)).await, Refusal::Owner);
    for (by, user) in [(OWNER, OWNER), (OWNER, ADMIN), (ADMIN, LISTED), (ADMIN, TelegramId(77))] {
        done(&order(&members, by, give(user, Plan::Basic)).await);
        done(&order(&members, by, give(user, Plan::Basic)).await);
        assert_eq!(members.plan(user), Some(Plan::Basic));
    }
    let roster = members.roster(&[]).await.unwrap();
    assert_eq!(roster.iter().find(|member| member.user == TelegramId(77)).unwrap().plan, Some(Plan::Basic));
    done(&order(&members, ADMIN, Order::Plan { user: LISTED, plan: None }).await);
    assert_eq!(members.plan(LISTED), None);
}
