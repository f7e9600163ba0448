//! What people see in their chats and contacts on their phones, and whether that is what should have happened.
//!
//! Pure but for the reading. It judges by what can be seen from outside alone.
use super::KillReport;
use super::traffic::{Asked, Cast};
use crate::sim::english;
use crate::sim::stage::Stage;
use crate::sim::telegram::wire::SimMessage;
use crate::t;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How often something was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    plain: usize,
    marked: usize,
    /// In which message, the last time.
    last: Option<i64>,
}

impl Seen {
    /// Counts it. Gives the message that it repeats, if it does.
    fn count(&mut self, message: &SimMessage) -> Option<i64> {
        if message.text.contains(REPEAT) {
            self.marked += 1
        } else {
            self.plain += 1
        }
        self.last.replace(message.message_id)
    }

    fn total(self) -> usize {
        self.plain + self.marked
    }

    /// Repeats that are not marked, and those that are.
    fn repeats(self) -> (usize, usize) {
        let unmarked = self.plain.saturating_sub(1);
        (unmarked, self.total().saturating_sub(1) - unmarked)
    }
}

/// How a possible repeat is marked.
const REPEAT: &str = "possibly a repeat";

/// One person's side.
#[derive(Default)]
struct Side {
    /// The answers to their commands.
    commands: Vec<Seen>,
    /// What their contact wrote, in their chat.
    inbound: Vec<Seen>,
    /// Their answers.
    replies: Vec<Reply>,
    /// Messages that were for somebody else.
    strayed: usize,
    marked: usize,
    /// Messages of which something came again later. One of them may have held several things that were held up, and after
    /// a kill each of these comes by itself.
    repeated: HashSet<i64>,
}

struct Reply {
    text: String,
    /// Under how many ids their contact got it.
    ids: usize,
    /// The newest message that tells its outcome.
    outcome: Option<SimMessage>,
    /// Whether something was at work that a refusal may be told for.
    troubled: bool,
}

impl Reply {
    fn is_unknown(&self) -> bool {
        self.outcome.as_ref().is_some_and(|m| m.button(english::RESEND_BUTTON).is_some())
    }

    fn is_refused(&self) -> bool {
        let gone = english::text(&t!("chat-number-gone"));
        self.outcome.as_ref().is_some_and(|m| m.text.starts_with(&gone) || m.text.contains("Code: wa-"))
    }

    /// Arrived, or its sender has been told that it may not have.
    fn is_accounted_for(&self) -> bool {
        self.outcome.is_some() && (self.ids > 0 || self.is_unknown() || (self.troubled && self.is_refused()))
    }
}

/// Everything, as it stands.
pub(super) struct History {
    sides: Vec<Side>,
}

impl History {
    /// Reads all chats and phones.
    pub async fn read(stage: &Stage, cast: &Cast, troubled: bool) -> anyhow::Result<History> {
        let mut sides = Vec::new();
        for person in &cast.people {
            let chat = person.user.transcript().await?;
            let bots: Vec<&SimMessage> = chat.iter().filter(|m| m.from_bot && !m.deleted).collect();
            let mut answers: HashMap<i64, (Seen, &SimMessage)> = HashMap::new();
            let mut forwarded: HashMap<&str, Seen> = HashMap::new();
            let mut repeated = HashSet::new();
            for message in &bots {
                if let Some(to) = message.reply_to {
                    let entry = answers.entry(to).or_insert((Seen::default(), message));
                    repeated.extend(entry.0.count(message));
                    // Messages come in the order of their ids.
                    entry.1 = message;
                } else {
                    // One message may bring several.
                    for text in message.text.split("\n\n").skip(1).filter(|text| text.starts_with("in-")) {
                        repeated.extend(forwarded.entry(text).or_default().count(message));
                    }
                }
            }
            let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
            if let Some((_, contact)) = &person.numbers {
                for received in stage.whatsapp.inbox(contact, 0, Duration::ZERO).await? {
                    ids.entry(received.text).or_default().insert(received.id);
                }
            }
            let own: HashSet<&str> = person.inbound.iter().map(String::as_str).collect();
            let answer = |id: &i64| answers.get(id);
            sides.push(Side {
                commands: person.commands.keys().map(|id| answer(id).map_or(Seen::default(), |a| a.0)).collect(),
                inbound: own.iter().map(|text| forwarded.get(text).copied().unwrap_or_default()).collect(),
                replies: (person.replies.iter())
                    .map(|(id, text)| Reply {
                        text: text.clone(),
                        ids: ids.get(text).map_or(0, HashSet::len),
                        outcome: answer(id).map(|a| a.1.clone()),
                        troubled,
                    })
                    .collect(),
                strayed: forwarded.keys().filter(|text| !own.contains(*text)).count(),
                marked: bots.iter().filter(|m| m.text.contains(REPEAT)).count(),
                repeated,
            });
        }
        Ok(History { sides })
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.sides.iter().all(|side| side.lost() == 0)
    }

    /// Answers about which their people are asked.
    pub fn unknown(&self) -> Vec<Asked> {
        let asked = |(person, side): (usize, &Side)| -> Vec<Asked> {
            let unknown = side.replies.iter().filter(|reply| reply.is_unknown());
            let asked = unknown.filter_map(|reply| {
                let outcome = reply.outcome.as_ref()?.message_id;
                Some(Asked { person, text: reply.text.clone(), outcome })
            });
            asked.collect()
        };
        self.sides.iter().enumerate().flat_map(asked).collect()
    }

    /// Whether this answer has reached its contact.
    pub fn arrived(&self, asked: &Asked) -> bool {
        self.sides[asked.person].replies.iter().any(|reply| reply.text == asked.text && reply.ids > 0)
    }

    /// Whether all these have reached their contacts and nobody is asked about them any more.
    pub fn is_settled(&self, asked: &[Asked]) -> bool {
        asked.iter().all(|asked| self.arrived(asked)) && self.unknown().is_empty()
    }

    /// What is missing, in words; at most so many.
    pub fn missing(&self, most: usize) -> Vec<String> {
        let words = self.sides.iter().enumerate().flat_map(|(person, side)| {
            let unseen = |list: &[Seen]| list.iter().filter(|seen| seen.total() == 0).count();
            let counts = [("commands", unseen(&side.commands)), ("messages", unseen(&side.inbound))];
            let counts = counts.into_iter().filter(|(_, n)| *n > 0);
            let counts = counts.map(move |(what, n)| format!("person {person}: {n} {what} without a trace"));
            let replies = side.replies.iter().filter(|reply| !reply.is_accounted_for());
            counts.chain(replies.map(move |reply| {
                let outcome = reply.outcome.as_ref().map(|m| m.text.as_str());
                format!("person {person}: {} reached {} times, told {outcome:?}", reply.text, reply.ids)
            }))
        });
        words.take(most).collect()
    }

    /// Counts.
    pub fn judge(&self, report: &mut KillReport) {
        for side in &self.sides {
            report.lost += side.lost();
            report.strayed += side.strayed;
            report.marked += side.marked;
            let (mut unmarked, mut marked) = (0, 0);
            for seen in side.commands.iter().chain(&side.inbound) {
                let (u, m) = seen.repeats();
                unmarked += u;
                marked += m;
            }
            report.doubled += unmarked + side.replies.iter().map(|r| r.ids.saturating_sub(1)).sum::<usize>();
            report.doubled_in_flight += marked;
            report.doubled_in_flight_of_one = report.doubled_in_flight_of_one.max(side.repeated.len());
        }
    }
}

impl Side {
    fn lost(&self) -> usize {
        let unseen = self.commands.iter().chain(&self.inbound).filter(|seen| seen.total() == 0).count();
        unseen + self.replies.iter().filter(|reply| !reply.is_accounted_for()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> SimMessage {
        SimMessage { text: text.to_owned(), from_bot: true, ..SimMessage::default() }
    }

    fn seen(texts: &[&str]) -> Seen {
        let mut seen = Seen::default();
        for text in texts {
            seen.count(&message(text));
        }
        seen
    }

    #[test]
    fn a_repeat_is_excused_only_by_its_mark() {
        const MARKED: &str = "x\n\n↻ possibly a repeat";
        assert_eq!(seen(&["x"]).repeats(), (0, 0));
        assert_eq!(seen(&["x", MARKED]).repeats(), (0, 1));
        assert_eq!(seen(&["x", "x", MARKED]).repeats(), (1, 1));
        assert_eq!(seen(&[MARKED]).repeats(), (0, 0));
        assert_eq!(seen(&[MARKED, MARKED]).repeats(), (0, 1));
    }

    #[test]
    fn what_is_missing_twice_or_with_somebody_else_is_counted() {
        let reply = |ids, outcome: Option<&str>| Reply {
            text: String::new(),
            ids,
            outcome: outcome.map(message),
            troubled: false,
        };
        let side = Side {
            commands: vec![seen(&["a"]), seen(&[]), seen(&["a", "a"])],
            inbound: vec![seen(&[])],
            replies: vec![reply(1, Some("✓ sent")), reply(0, Some("✓ sent")), reply(2, Some("✓ sent")), reply(1, None)],
            strayed: 1,
            marked: 0,
            repeated: HashSet::from([1]),
        };
        let mut report = KillReport::default();
        History { sides: vec![side] }.judge(&mut report);
        assert_eq!((report.lost, report.doubled, report.strayed), (4, 2, 1));
        assert_eq!(report.doubled_in_flight_of_one, 1);
        assert!(!report.is_clean());
    }
}
