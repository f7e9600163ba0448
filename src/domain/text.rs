//! Text with a little formatting, measured as Telegram measures it.
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest message text, in UTF-16 units. Source: Telegram Bot API, `sendMessage.text`.
pub const MESSAGE_UNITS: usize = 4096;

/// How a run of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Monospaced; a tap copies it.
    Code,
}

/// A styled run, in UTF-16 units from the start of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it starts.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
    /// How it looks.
    pub style: Style,
}

/// Text and its formatting. Formatting lies beside the text and not in it, so nothing that anybody wrote can be taken
/// for markup. `Debug` hides what it says.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RichText {
    /// What it says.
    pub text: String,
    /// How parts of it look, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

/// The length that Telegram counts.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

impl RichText {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        RichText { text: text.into(), spans: Vec::new() }
    }

    /// Adds plain text.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds text that looks like this.
    #[must_use]
    pub fn styled(mut self, text: &str, style: Style) -> Self {
        let length = utf16_len(text);
        if length > 0 {
            self.spans.push(Span { offset: utf16_len(&self.text), length, style });
        }
        self.text.push_str(text);
        self
    }

    /// Adds bold text.
    #[must_use]
    pub fn bold(self, text: &str) -> Self {
        self.styled(text, Style::Bold)
    }

    /// Adds italic text.
    #[must_use]
    pub fn italic(self, text: &str) -> Self {
        self.styled(text, Style::Italic)
    }

    /// Adds monospaced text.
    #[must_use]
    pub fn code(self, text: &str) -> Self {
        self.styled(text, Style::Code)
    }

    /// Adds another text with its formatting.
    #[must_use]
    pub fn append(mut self, other: &RichText) -> Self {
        let at = utf16_len(&self.text);
        self.spans.extend(other.spans.iter().map(|s| Span { offset: s.offset + at, ..*s }));
        self.text.push_str(&other.text);
        self
    }

    /// Splits into parts of at most `limit` UTF-16 units: at a paragraph, else a line, else a space, else between
    /// characters. Nothing but the white space at a cut is lost.
    pub fn split(&self, limit: usize) -> Vec<RichText> {
        let limit = limit.max(2);
        let mut parts = Vec::new();
        let (mut rest, mut at) = (self.text.as_str(), 0usize);
        while utf16_len(rest) > limit {
            let cut = cut_point(rest, limit);
            let (head, tail) = rest.split_at(cut);
            let kept = head.trim_end();
            if !kept.is_empty() {
                parts.push(self.part(kept, at));
            }
            let next = tail.trim_start_matches(['\n', ' ']);
            at += utf16_len(&rest[..rest.len() - next.len()]);
            rest = next;
        }
        if !rest.trim().is_empty() || parts.is_empty() {
            parts.push(self.part(rest, at));
        }
        parts
    }

    /// What follows `head`, if it begins with that.
    pub fn without_head(&self, head: &str) -> Option<RichText> {
        let rest = self.text.strip_prefix(head)?;
        Some(self.part(rest, utf16_len(head)))
    }

    /// The part that `text` is, starting at `at` units, with the spans that touch it.
    fn part(&self, text: &str, at: usize) -> RichText {
        let end = at + utf16_len(text);
        let spans = self.spans.iter().filter_map(|s| {
            let (from, to) = (s.offset.max(at), (s.offset + s.length).min(end));
            (from < to).then(|| Span { offset: from - at, length: to - from, style: s.style })
        });
        RichText { text: text.to_owned(), spans: spans.collect() }
    }
}

/// The byte position at which to cut `text` so that what comes before fits `limit` units.
fn cut_point(text: &str, limit: usize) -> usize {
    let mut units = 0;
    let mut end = text.len();
    for (i, c) in text.char_indices() {
        units += c.len_utf16();
        if units > limit {
            end = i;
            break;
        }
    }
    let head = &text[..end];
    // A cut in the first half would leave a stub of a message; then the next finer place is better.
    let good = |at: Option<usize>| at.filter(|&at| at >= end / 2);
    good(head.rfind("\n\n")).or_else(|| good(head.rfind('\n'))).or_else(|| good(head.rfind(' '))).unwrap_or(end)
}

impl fmt::Debug for RichText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RichText({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_text_is_cut_at_a_paragraph() {
        let text = RichText::plain(format!("{}\n\n{}", "a".repeat(60), "b".repeat(60)));
        let parts: Vec<String> = text.split(100).into_iter().map(|p| p.text).collect();
        assert_eq!(parts, ["a".repeat(60), "b".repeat(60)]);
    }

    #[test]
    fn a_style_goes_on_in_the_next_part() {
        let parts = RichText::default().bold(&format!("{} {}", "x".repeat(8), "y".repeat(8))).split(10);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].spans, [Span { offset: 0, length: 8, style: Style::Bold }]);
    }

    proptest! {
        #[test]
        fn parts_fit_and_lose_nothing_but_white_space(text in "[ab😀\n ]{0,200}", limit in 2usize..40) {
            let parts = RichText::plain(text.clone()).split(limit);
            let solid = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert!(parts.iter().all(|p| utf16_len(&p.text) <= limit));
            prop_assert_eq!(solid(&parts.iter().map(|p| p.text.as_str()).collect::<String>()), solid(&text));
        }
    }
}
