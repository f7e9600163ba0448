//! Formatting and gaps in a text of a catalogue.
use crate::domain::RichText;
use crate::domain::text::Style;

const TAGS: [(&str, &str, Style); 3] =
    [("<b>", "</b>", Style::Bold), ("<i>", "</i>", Style::Italic), ("<code>", "</code>", Style::Code)];

/// The first character of Unicode's private use area: with those that follow it marks gaps, and no text of a catalogue
/// has it. What fills the gaps is never looked at.
const FIRST_GAP: u32 = 0xE000;
const GAPS: u32 = 6400;

/// What stands in a template for its `n`th opaque value.
pub(super) fn gap(n: usize) -> String {
    let mark = u32::try_from(n).ok().filter(|n| *n < GAPS).and_then(|n| char::from_u32(FIRST_GAP + n));
    mark.map(String::from).unwrap_or_default()
}

fn gap_of(c: char) -> Option<usize> {
    u32::from(c).checked_sub(FIRST_GAP).filter(|n| *n < GAPS).and_then(|n| usize::try_from(n).ok())
}

/// A template's text, formatted, with its gaps filled. Formatting does not nest.
pub(super) fn assemble(template: &str, values: &[&RichText]) -> RichText {
    let mut text = RichText::default();
    let mut rest = template;
    loop {
        let begun = TAGS.iter().filter_map(|tag| rest.find(tag.0).map(|at| (at, tag))).min_by_key(|(at, _)| *at);
        let Some((at, (open, close, style))) = begun else { return fill(text, rest, values) };
        text = fill(text, &rest[..at], values);
        rest = &rest[at + open.len()..];
        let (inner, after) = rest.split_once(close).unwrap_or((rest, ""));
        text = text.styled(&fill(RichText::default(), inner, values).text, *style);
        rest = after;
    }
}

fn fill(mut text: RichText, template: &str, values: &[&RichText]) -> RichText {
    let mut literal = String::new();
    for c in template.chars() {
        match gap_of(c) {
            None => literal.push(c),
            Some(n) => {
                text = text.push(&std::mem::take(&mut literal));
                if let Some(value) = values.get(n) {
                    text = text.append(value);
                }
            }
        }
    }
    text.push(&literal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Span;

    #[test]
    fn formatting_and_gaps_meet() {
        let name = RichText::plain("Ana <b>");
        let styled = RichText::default().italic("x");
        let template = format!("Hi <b>{}!</b> {} <code>a</code><b>", gap(0), gap(1));
        let text = assemble(&template, &[&name, &styled]);
        assert_eq!(text.text, "Hi Ana <b>! x a");
        let span = |offset, length, style| Span { offset, length, style };
        assert_eq!(text.spans, [span(3, 8, Style::Bold), span(12, 1, Style::Italic), span(14, 1, Style::Code)]);
    }

    #[test]
    fn a_gap_that_nothing_fills_is_empty() {
        assert_eq!(assemble(&format!("a{}b", gap(7)), &[]).text, "ab");
        assert_eq!(gap(1_000_000), "");
    }
}
