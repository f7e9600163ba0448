//! How the tour is told: a transcript for people, or one line a check for programs.
//!
//! Owns standard output for as long as the tour runs, and the list of what was checked. A reader that goes away (a closed
//! pipe) silences the tour and does not end it: its exit code still counts.
use super::checks::Check;
use crate::sim::telegram::wire::SimMessage;
use serde_json::json;
use std::io::{IsTerminal as _, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How much of a text is shown, in characters: a transcript is for following, not for reading everything.
const LINE_CHARS: usize = 100;

/// The tour's voice.
pub struct Show {
    json: bool,
    colour: bool,
    state: Mutex<State>,
}

struct State {
    out: Option<Box<dyn Write + Send>>,
    checked: Vec<(Check, bool)>,
    sections: usize,
}

impl Show {
    /// Tells it on standard output.
    pub fn stdout(json: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let plain = dumb || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self::new(json, !plain && std::io::stdout().is_terminal(), Box::new(std::io::stdout()))
    }

    fn new(json: bool, colour: bool, out: Box<dyn Write + Send>) -> Self {
        Show { json, colour, state: Mutex::new(State { out: Some(out), checked: Vec::new(), sections: 0 }) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self, state: &mut State, line: &str) {
        if let Some(out) = &mut state.out
            && writeln!(out, "{line}").and_then(|()| out.flush()).is_err()
        {
            state.out = None;
        }
    }

    /// A line of the transcript, for people only.
    pub fn line(&self, line: &str) {
        if !self.json {
            self.write(&mut self.state(), line);
        }
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The title.
    pub fn title(&self, title: &str, about: &str) {
        self.line(&self.styled("1", title));
        self.line(about);
    }

    /// Begins a section.
    pub fn section(&self, heading: &str) {
        let number = {
            let mut state = self.state();
            state.sections += 1;
            state.sections
        };
        self.line("");
        self.line(&self.styled("1", &format!("{number}. {heading}")));
    }

    /// What happens outside the chats.
    pub fn aside(&self, text: &str) {
        self.line(&self.styled("2", &format!("   {text}")));
    }

    /// Somebody writes to the bot or presses a button.
    pub fn person(&self, name: &str, what: &str) {
        self.line(&format!("   👤 {name:<6}› {what}"));
    }

    /// The bot says something to somebody.
    pub fn bot(&self, to: &str, message: &SimMessage) {
        let mut text = shortened(&message.text);
        if message.photo.is_some() {
            text = format!("[QR picture] {text}");
        }
        if message.edits > 0 {
            text.push_str("  (edited in place)");
        }
        let buttons: String = message.labels().iter().map(|label| format!("  [{label}]")).collect();
        self.line(&format!("   🤖 {:<6}‹ {text}{}", format!("→{to}"), self.styled("2", &buttons)));
    }

    /// Something on a phone's WhatsApp.
    pub fn phone(&self, name: &str, what: &str) {
        self.line(&format!("   📱 {name:<6}: {what}"));
    }

    /// Checks an outcome and tells it with how long it took.
    ///
    /// # Errors
    /// What went wrong, after telling it.
    pub async fn check<T>(&self, check: Check, outcome: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let begin = Instant::now();
        let outcome = outcome.await;
        self.checked(check, outcome.as_ref().map(|_| ()), begin.elapsed());
        outcome
    }

    /// Tells the outcome of a check that took so long.
    pub fn checked(&self, check: Check, outcome: Result<(), &anyhow::Error>, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state();
        state.checked.push((check, outcome.is_ok()));
        let line = match (self.json, outcome) {
            (true, outcome) => json!({ "check": check.name(), "ok": outcome.is_ok(), "ms": ms }).to_string(),
            (false, Ok(())) => {
                format!(
                    "   {} {} {}",
                    self.styled("32", "✓"),
                    check.sentence(),
                    self.styled("2", &format!("({ms} ms)"))
                )
            }
            (false, Err(e)) => format!("   {} {} ({ms} ms)\n     {e:#}", self.styled("31", "✗"), check.sentence()),
        };
        self.write(&mut state, &line);
    }

    /// Whether every outcome was checked once and holds; those that were never reached are told as failed.
    pub fn verdict(&self) -> bool {
        for check in Check::ALL {
            if !self.state().checked.iter().any(|(c, _)| c == check) {
                self.checked(*check, Err(&anyhow::anyhow!("not reached")), Duration::ZERO);
            }
        }
        let state = self.state();
        state.checked.len() == Check::ALL.len() && state.checked.iter().all(|(_, ok)| *ok)
    }

    /// How many of the checks hold.
    pub fn held(&self) -> usize {
        self.state().checked.iter().filter(|(_, ok)| *ok).count()
    }
}

/// The text on one line, shortened.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join(" ⏎ ");
    match line.char_indices().nth(LINE_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn all(show: &Show, but: Option<Check>) {
        for check in Check::ALL.iter().filter(|c| Some(**c) != but) {
            show.checked(*check, Ok(()), Duration::from_millis(7));
        }
    }

    #[test]
    fn json_is_one_object_a_check_and_nothing_else() {
        let page = Page::default();
        let show = Show::new(true, true, Box::new(page.clone()));
        show.title("title", "about");
        show.section("heading");
        show.person("Ana", "hello");
        all(&show, None);
        assert!(show.verdict());
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), Check::ALL.len());
        assert_eq!(lines[0], json!({ "check": "daemon-ready", "ok": true, "ms": 7 }));
    }

    #[test]
    fn what_was_not_reached_or_failed_or_came_twice_spoils_the_verdict() {
        let show = |but| {
            let show = Show::new(true, false, Box::new(Page::default()));
            all(&show, but);
            show
        };
        assert!(!show(Some(Check::Ports)).verdict());
        let failed = show(Some(Check::Ports));
        failed.checked(Check::Ports, Err(&anyhow::anyhow!("taken")), Duration::ZERO);
        assert!(!failed.verdict());
        let twice = show(None);
        twice.checked(Check::Ports, Ok(()), Duration::ZERO);
        assert!(!twice.verdict());
    }

    #[test]
    fn a_closed_pipe_silences_it_and_the_verdict_still_counts() {
        let show = Show::new(false, false, Box::new(Closed));
        all(&show, None);
        assert!(show.verdict());
    }

    #[test]
    fn a_long_text_is_one_short_line() {
        assert_eq!(shortened("one\n\n two"), "one ⏎ two");
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), LINE_CHARS + 1);
    }
}
