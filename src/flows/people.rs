//! Looking for what others have published of themselves.
//!
//! What is found is not in one's own vault, so a step only orders a page and a later one shows it (`told`). What is being
//! looked for stays in the vault, under a number that the buttons carry, because it would not fit into them. It must
//! not know whose a profile is.
use super::{Changes, Env, button, details, members, menu, note};
use crate::domain::profile::{Anchor, CardId, Found, Results};
use crate::domain::{Action, Browse, Button, Key, MessageId, Order, Outcome, Phrase, Refusal, Role, Wish};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The last search.
const SEARCH: Key<Search> = Key::new("people-search");
/// A longer text is cut: no card has as much in common with it.
const LONGEST: usize = 100;
/// So much of what somebody says of themselves stands in a list.
const GLIMPSE: usize = 60;

/// A search, and the page of it that was shown last.
#[derive(Default, Serialize, Deserialize)]
struct Search {
    number: u32,
    text: String,
    /// Where the page begins.
    from: Option<Anchor>,
    /// How many were found before those that it shows.
    before: usize,
    shown: Vec<CardId>,
    next: Option<Anchor>,
}

impl Search {
    fn page(&self, from: Option<Anchor>, at: Option<MessageId>) -> Changes {
        self.wish(Wish::List { search: self.number, text: self.text.clone(), from, at })
    }

    fn person(&self, card: CardId, take_down: bool, at: Option<MessageId>) -> Changes {
        self.wish(Wish::Show { search: self.number, card, take_down, at })
    }

    fn take_down(&self, card: CardId, at: Option<MessageId>) -> Changes {
        self.wish(Wish::TakeDown { search: self.number, card, at })
    }

    fn wish(&self, wish: Wish) -> Changes {
        Changes::default().order(Order::People(wish))
    }
}

/// Looks for those who have all these words on their card; without words, for all.
pub fn search(user: &UserContext, text: &str) -> Changes {
    let number = user.get(SEARCH).map_or(1, |last: Search| last.number.wrapping_add(1));
    let search = Search { number, text: text.chars().take(LONGEST).collect(), ..Search::default() };
    search.page(None, user.pressed_on()).set(SEARCH, &search)
}

/// A command about what was found last. `None`: it is none, or not this person's.
pub fn command(user: &UserContext, name: &str, rest: &str, env: &Env) -> Option<Changes> {
    let search = user.get(SEARCH).unwrap_or_default();
    let (number, sure) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let meant = || search.shown.get(number.parse::<usize>().ok()?.checked_sub(search.before + 1)?).copied();
    let or_say = |step: Option<Changes>, text| step.unwrap_or_else(|| Changes::default().say(text));
    Some(match name {
        "people" => self::search(user, rest),
        "more" => or_say(search.next.map(|next| search.page(Some(next), None)), t!("people-no-more")),
        "person" => or_say(meant().map(|card| search.person(card, false, None)), t!("person-which")),
        "takedown" if env.role < Role::Admin => return None,
        "takedown" if is_yes(sure) => or_say(meant().map(|card| search.take_down(card, None)), t!("takedown-which")),
        "takedown" => or_say(meant().map(|card| search.person(card, true, None)), t!("takedown-which")),
        _ => return None,
    })
}

fn is_yes(text: &str) -> bool {
    ["yes", "ya"].contains(&text.trim().to_lowercase().as_str())
}

/// A button under what was found.
pub fn press(user: &UserContext, what: Browse, callback: &str, env: &Env) -> Changes {
    let (last, at) = (user.get(SEARCH).unwrap_or_default(), user.pressed_on());
    if what.search().is_some_and(|search| search != last.number) {
        return Changes::default().effect(note(callback, Some(t!("note-older-search"))));
    }
    let step = match what {
        Browse::Everybody => search(user, ""),
        Browse::Page { from, .. } => last.page(Some(from), at),
        Browse::List(_) => last.page(last.from, at),
        Browse::Person { card, .. } => last.person(card, false, at),
        Browse::AskTakeDown { .. } | Browse::TakeDown { .. } if env.role < Role::Admin => {
            Changes::default().say(members::refusal(Refusal::Role))
        }
        Browse::AskTakeDown { card, .. } => last.person(card, true, at),
        Browse::TakeDown { card, .. } => last.take_down(card, at),
    };
    step.effect(note(callback, None))
}

/// What came of it. `role`: as what whoever asked uses the bot.
pub fn told(wish: &Wish, outcome: Outcome, role: Role) -> Changes {
    match (wish, outcome) {
        (Wish::List { search, text, from, at }, Outcome::Found(results)) => {
            let shown = results.found.iter().map(|found| found.id).collect();
            let (before, next) = (results.before, results.next);
            let last = Search { number: *search, text: text.clone(), from: *from, before, shown, next };
            show(*at, list(*search, text, &results)).set(SEARCH, &last)
        }
        (Wish::Show { search, take_down, at, .. }, Outcome::Card(found)) => {
            show(*at, person(*search, found.as_ref(), *take_down, role))
        }
        (Wish::TakeDown { search, at, .. }, Outcome::Done) => {
            show(*at, (t!("person-taken-down"), vec![vec![back(*search)]]))
        }
        (Wish::TakeDown { search, at, .. }, Outcome::NoSuch) => show(*at, person(*search, None, false, role)),
        // Nothing else comes of these.
        _ => Changes::default(),
    }
}

type Screen = (Phrase, Vec<Vec<Button>>);

fn show(at: Option<MessageId>, (text, keyboard): Screen) -> Changes {
    Changes::default().show_at(at, text, keyboard)
}

fn list(search: u32, text: &str, results: &Results) -> Screen {
    if results.found.is_empty() {
        let none = if text.is_empty() { t!("people-none") } else { t!("people-none-such", text = text) };
        return (none, vec![vec![menu::home_button()]]);
    }
    let numbered = || results.found.iter().zip(results.before + 1..);
    let mut paragraphs = vec![match text {
        "" => t!("people-all", total = results.total),
        text => t!("people-found", total = results.total, text = text),
    }];
    paragraphs.push(Phrase::lines(numbered().map(|(found, n)| line(found, n))));
    let (first, last) = (results.before + 1, results.before + results.found.len());
    paragraphs.push(match results.next {
        Some(_) => t!("people-page-more", first = first, last = last, total = results.total),
        None if results.before > 0 => t!("people-page", first = first, last = last, total = results.total),
        None => t!("people-how"),
    });
    let buttons: Vec<Button> = numbered()
        .map(|(found, n)| {
            button(Phrase::verbatim(n.to_string()), Action::People(Browse::Person { search, card: found.id }))
        })
        .collect();
    let mut keyboard: Vec<Vec<Button>> = buttons.chunks(5).map(<[Button]>::to_vec).collect();
    let turn = |from: Anchor| Action::People(Browse::Page { search, from });
    let previous = results.previous.map(|anchor| button(t!("button-previous"), turn(anchor)));
    let next = results.next.map(|anchor| button(t!("button-next"), turn(anchor)));
    keyboard.push(previous.into_iter().chain(next).collect());
    keyboard.retain(|row| !row.is_empty());
    keyboard.push(vec![menu::home_button()]);
    (Phrase::paragraphs(paragraphs), keyboard)
}

/// One of many: the name, and how what they say of themselves begins.
fn line(found: &Found, n: usize) -> Phrase {
    let about = found.card.about.as_ref().and_then(|about| about.as_str().lines().next());
    let Some(about) = about else { return t!("people-line", n = n.to_string(), name = found.card.name.as_str()) };
    let mut glimpse: String = about.chars().take(GLIMPSE).collect();
    if glimpse.len() < about.len() {
        glimpse.push('…');
    }
    t!("people-line-about", n = n.to_string(), name = found.card.name.as_str(), about = glimpse)
}

fn person(search: u32, found: Option<&Found>, take_down: bool, role: Role) -> Screen {
    let Some(found) = found else { return (t!("person-gone"), vec![vec![back(search)]]) };
    let (card, shown) = (found.id, details::card(&found.card));
    if take_down {
        let yes = button(t!("button-take-down-yes"), Action::People(Browse::TakeDown { search, card }));
        let no = button(t!("button-back"), Action::People(Browse::Person { search, card }));
        return (t!("person-take-down", card = shown), vec![vec![yes, no]]);
    }
    let mut keyboard = vec![vec![back(search)]];
    if role >= Role::Admin {
        keyboard.insert(0, vec![button(t!("button-take-down"), Action::People(Browse::AskTakeDown { search, card }))]);
    }
    (shown, keyboard)
}

fn back(search: u32) -> Button {
    button(t!("button-people-list"), Action::People(Browse::List(search)))
}
