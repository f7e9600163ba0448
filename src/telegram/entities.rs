//! Styled runs as Telegram's message entities. Formatting travels beside the text, never in it.
use crate::domain::RichText;
use crate::domain::text::{Style, utf16_len};
use serde::Serialize;

/// One of Telegram's `MessageEntity`, as far as we use them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it starts, in UTF-16 units.
    pub offset: usize,
    /// How long it is, in UTF-16 units.
    pub length: usize,
}

/// The entities of a text. What lies outside the text is cut off; what is empty is left out.
pub fn entities(text: &RichText) -> Vec<Entity> {
    let end = utf16_len(&text.text);
    let entity = |span: &crate::domain::text::Span| {
        let to = span.offset.saturating_add(span.length).min(end);
        let length = to.checked_sub(span.offset).filter(|&length| length > 0)?;
        let kind = match span.style {
            Style::Bold => "bold",
            Style::Italic => "italic",
            Style::Code => "code",
        };
        Some(Entity { kind, offset: span.offset, length })
    };
    text.spans.iter().filter_map(entity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Span;
    use proptest::prelude::*;

    #[test]
    fn units_are_telegrams() {
        let text = RichText::plain("😀 ").bold("né").push(" ").code("*x*");
        let expected = [Entity { kind: "bold", offset: 3, length: 2 }, Entity { kind: "code", offset: 6, length: 3 }];
        assert_eq!(entities(&text), expected);
    }

    proptest! {
        #[test]
        fn every_entity_lies_in_the_text(text in "[a😀 ]{0,20}", offset in any::<usize>(), length in any::<usize>(),
                                         small in 0usize..30) {
            let span = |offset, length| Span { offset, length, style: Style::Bold };
            let rich = RichText { text: text.clone(), spans: vec![span(offset, length), span(small, length)] };
            for entity in entities(&rich) {
                prop_assert!(entity.length > 0 && entity.offset + entity.length <= utf16_len(&text));
            }
        }
    }
}
