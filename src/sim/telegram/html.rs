//! Telegram's HTML: text with tags in, plain text and entities out, and back again for people who read transcripts.
//!
//! Owns no state. Offsets are counted in UTF-16 units, as everywhere in the Bot API; errors name byte offsets.

use serde_json::{Value, json};

/// Text with what is marked in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rich {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

/// Counts as Telegram counts.
pub(super) fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

struct Open {
    tag: String,
    argument: Option<String>,
    entity_at: usize,
    text_at: usize,
    tag_at: usize,
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
    out: String,
    units: usize,
    open: Vec<Open>,
    entities: Vec<(usize, usize, Value)>,
}

/// Parses `parse_mode=HTML`; the error is what stands behind "can't parse entities: ".
pub(super) fn parse(source: &str) -> Result<Rich, String> {
    let mut parser = Parser { source, at: 0, out: String::new(), units: 0, open: Vec::new(), entities: Vec::new() };
    while let Some(next) = parser.peek() {
        match next {
            '<' if parser.rest().starts_with("</") => parser.end_tag()?,
            '<' => parser.start_tag()?,
            '&' => parser.reference(),
            other => {
                parser.at += other.len_utf8();
                parser.push(other);
            }
        }
    }
    if let Some(open) = parser.open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", open.tag));
    }
    parser.entities.sort_by_key(|(offset, length, _)| (*offset, std::cmp::Reverse(*length)));
    Ok(Rich { text: parser.out, entities: parser.entities.into_iter().map(|(_, _, entity)| entity).collect() })
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, letter: char) {
        self.out.push(letter);
        self.units += letter.len_utf16();
    }

    /// Takes letters while `wanted` holds.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|letter| !wanted(letter)).unwrap_or(rest.len());
        let taken = rest[..end].to_owned();
        self.at += end;
        taken
    }

    fn reference(&mut self) {
        match decode_reference(self.rest()) {
            Some((letter, length)) => {
                self.at += length;
                self.push(letter);
            }
            None => {
                self.at += 1;
                self.push('&');
            }
        }
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let tag_at = self.at;
        self.at += 1;
        let tag = self.take(|letter| !letter.is_whitespace() && letter != '>').to_ascii_lowercase();
        if self.peek().is_none() {
            return Err(format!("Unclosed start tag at byte offset {tag_at}"));
        }
        if !KNOWN.contains(&tag.as_str()) {
            return Err(format!("Unsupported start tag \"{tag}\" at byte offset {tag_at}"));
        }
        let mut argument = None;
        loop {
            self.take(char::is_whitespace);
            match self.peek() {
                None => return Err(format!("Unclosed start tag \"{tag}\" at byte offset {tag_at}")),
                Some('>') => {
                    self.at += 1;
                    break;
                }
                Some(_) => {
                    let (name, value) = self.attribute(&tag, tag_at)?;
                    keep_attribute(&tag, &name, value, &mut argument);
                }
            }
        }
        if tag == "span" && argument.as_deref() != Some("tg-spoiler") {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {tag_at}"));
        }
        self.open.push(Open { tag, argument, entity_at: self.units, text_at: self.out.len(), tag_at });
        Ok(())
    }

    fn attribute(&mut self, tag: &str, tag_at: usize) -> Result<(String, String), String> {
        let name = self.take(|letter| !letter.is_whitespace() && letter != '=' && letter != '>').to_ascii_lowercase();
        if name.is_empty() {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {tag_at}"));
        }
        self.take(char::is_whitespace);
        if self.peek() != Some('=') {
            if tag == "blockquote" && name == "expandable" {
                return Ok((name, String::new()));
            }
            return Err(format!(
                "Expected equal sign in declaration of an attribute of the tag \"{tag}\" at byte offset {tag_at}"
            ));
        }
        self.at += 1;
        self.take(char::is_whitespace);
        let quote = self.peek().filter(|letter| matches!(letter, '"' | '\''));
        let Some(quote) = quote else {
            return Ok((name, self.take(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'))));
        };
        self.at += 1;
        let raw = self.take(|letter| letter != quote);
        if self.peek().is_none() {
            return Err(format!("Unclosed start tag \"{tag}\" at byte offset {tag_at}"));
        }
        self.at += 1;
        Ok((name, decode_all(&raw)))
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let at = self.at;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {at}"));
        };
        self.at += 2;
        let name = self.take(|letter| !letter.is_whitespace() && letter != '>').to_ascii_lowercase();
        self.take(char::is_whitespace);
        if self.peek() != Some('>') {
            return Err(format!("Unclosed end tag at byte offset {at}"));
        }
        self.at += 1;
        if !name.is_empty() && name != open.tag {
            return Err(format!(
                "Unmatched end tag at byte offset {at}, expected \"</{}>\", found \"</{name}>\"",
                open.tag
            ));
        }
        self.close(open)
    }

    fn close(&mut self, open: Open) -> Result<(), String> {
        let length = self.units - open.entity_at;
        if length == 0 {
            return Ok(());
        }
        let mut entity = json!({ "offset": open.entity_at, "length": length });
        let kind = match open.tag.as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "tg-spoiler" | "span" => "spoiler",
            "blockquote" if open.argument.is_some() => "expandable_blockquote",
            "blockquote" => "blockquote",
            "pre" => "pre",
            "code" => return self.close_code(open, length),
            "tg-emoji" => {
                let Some(id) = open.argument else {
                    return Err(format!(
                        "Tag \"tg-emoji\" must have attribute \"emoji-id\" at byte offset {}",
                        open.tag_at
                    ));
                };
                entity["custom_emoji_id"] = id.into();
                "custom_emoji"
            }
            _ => {
                let url = open.argument.unwrap_or_else(|| self.out[open.text_at..].to_owned());
                // An address without a host is no link: Telegram leaves the text plain.
                if !url.contains('.') && !url.contains("://") {
                    return Ok(());
                }
                entity["url"] = url.into();
                "text_link"
            }
        };
        entity["type"] = kind.into();
        self.entities.push((open.entity_at, length, entity));
        Ok(())
    }

    /// `<pre><code class="language-x">` is one entity with a language, made when the inner tag ends.
    fn close_code(&mut self, open: Open, length: usize) -> Result<(), String> {
        let inside_pre = self.open.last().is_some_and(|outer| outer.tag == "pre" && outer.entity_at == open.entity_at);
        match open.argument {
            Some(language) if inside_pre && self.rest().starts_with("</pre") => {
                let entity = json!({ "type": "pre", "offset": open.entity_at, "length": length, "language": language });
                self.entities.push((open.entity_at, length, entity));
                // The outer tag must not add a second one.
                if let Some(outer) = self.open.last_mut() {
                    outer.entity_at = self.units;
                }
            }
            _ => {
                let entity = json!({ "type": "code", "offset": open.entity_at, "length": length });
                self.entities.push((open.entity_at, length, entity));
            }
        }
        Ok(())
    }
}

const KNOWN: &[&str] = &[
    "a",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "span",
    "tg-spoiler",
    "tg-emoji",
    "blockquote",
];

fn keep_attribute(tag: &str, name: &str, value: String, argument: &mut Option<String>) {
    match (tag, name) {
        ("a", "href") | ("tg-emoji", "emoji-id") | ("span", "class") | ("blockquote", "expandable") => {
            *argument = Some(value);
        }
        ("code", "class") => *argument = value.strip_prefix("language-").map(str::to_owned),
        _ => {}
    }
}

/// The letter and the length of the reference that `text` begins with.
fn decode_reference(text: &str) -> Option<(char, usize)> {
    let end = text.as_bytes().iter().take(12).position(|byte| *byte == b';')?;
    let letter = match &text[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        numeric => {
            let digits = numeric.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code).filter(|letter| *letter != '\0')?
        }
    };
    Some((letter, end + 1))
}

fn decode_all(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(letter) = rest.chars().next() {
        let (letter, length) =
            if letter == '&' { decode_reference(rest).unwrap_or(('&', 1)) } else { (letter, letter.len_utf8()) };
        out.push(letter);
        rest = &rest[length..];
    }
    out
}

/// Cuts white space at both ends, as Telegram does, and moves the entities along.
pub(super) fn trimmed(rich: Rich) -> Rich {
    let start = rich.text.len() - rich.text.trim_start().len();
    let shift = utf16_len(&rich.text[..start]) as u64;
    let text = rich.text.trim().to_owned();
    let units = utf16_len(&text) as u64;
    let entities = rich.entities.into_iter().filter_map(|mut entity| {
        let offset = entity["offset"].as_u64()?;
        let end = (offset + entity["length"].as_u64()?).saturating_sub(shift).min(units);
        let offset = offset.saturating_sub(shift);
        entity["offset"] = offset.into();
        entity["length"] = end.checked_sub(offset).filter(|length| *length > 0)?.into();
        Some(entity)
    });
    Rich { entities: entities.collect(), text }
}

/// Writes text and entities as HTML.
pub(super) fn render(text: &str, entities: &[Value]) -> String {
    let mut marks: Vec<(u64, u64, String, &'static str)> = entities.iter().filter_map(tags_of).collect();
    marks.sort_by_key(|(offset, end, _, _)| (*offset, std::cmp::Reverse(*end)));
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<(u64, &'static str)> = Vec::new();
    let mut next = marks.into_iter().peekable();
    let mut unit = 0_u64;
    for letter in text.chars().map(Some).chain([None]) {
        while open.last().is_some_and(|(end, _)| *end <= unit) {
            out.push_str(open.pop().map_or("", |(_, closing)| closing));
        }
        while let Some((_, end, opening, closing)) = next.next_if(|(offset, ..)| *offset <= unit) {
            out.push_str(&opening);
            open.push((end, closing));
        }
        let Some(letter) = letter else { break };
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
        unit += letter.len_utf16() as u64;
    }
    for (_, closing) in open.into_iter().rev() {
        out.push_str(closing);
    }
    out
}

fn tags_of(entity: &Value) -> Option<(u64, u64, String, &'static str)> {
    let offset = entity["offset"].as_u64()?;
    let end = offset + entity["length"].as_u64()?;
    let (opening, closing) = match entity["type"].as_str()? {
        "bold" => ("<b>".to_owned(), "</b>"),
        "italic" => ("<i>".to_owned(), "</i>"),
        "underline" => ("<u>".to_owned(), "</u>"),
        "strikethrough" => ("<s>".to_owned(), "</s>"),
        "spoiler" => ("<tg-spoiler>".to_owned(), "</tg-spoiler>"),
        "code" => ("<code>".to_owned(), "</code>"),
        "pre" => ("<pre>".to_owned(), "</pre>"),
        "blockquote" => ("<blockquote>".to_owned(), "</blockquote>"),
        "expandable_blockquote" => ("<blockquote expandable>".to_owned(), "</blockquote>"),
        "text_link" => {
            let url = entity["url"].as_str()?.replace('&', "&amp;").replace('"', "&quot;");
            (format!("<a href=\"{url}\">"), "</a>")
        }
        _ => return None,
    };
    Some((offset, end, opening, closing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_references_become_text_and_entities_in_utf16_units() {
        let rich =
            parse("😀 <b>a &lt; <i>b</i></b> &#169; &nope; <a href=\"https://x.example/?a=1&amp;b\">go</a>").unwrap();
        assert_eq!(rich.text, "😀 a < b © &nope; go");
        assert_eq!(rich.entities[0], json!({"type": "bold", "offset": 3, "length": 5}));
        assert_eq!(rich.entities[1], json!({"type": "italic", "offset": 7, "length": 1}));
        assert_eq!(rich.entities[2]["url"], "https://x.example/?a=1&b");
        assert_eq!(parse(&render(&rich.text, &rich.entities)).unwrap(), rich);
    }

    #[test]
    fn a_code_block_with_a_language_is_one_entity() {
        let rich = parse("<pre><code class=\"language-rust\">fn</code></pre>").unwrap();
        assert_eq!(rich.entities, [json!({"type": "pre", "offset": 0, "length": 2, "language": "rust"})]);
    }

    #[test]
    fn what_telegram_refuses_is_refused_in_its_words() {
        let cases = [
            ("a < b", "Unsupported start tag \"\" at byte offset 2"),
            ("a </b>", "Unexpected end tag at byte offset 2"),
            ("<b>x", "Can't find end tag corresponding to start tag \"b\""),
            ("<b>x</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
            ("<br>x", "Unsupported start tag \"br\" at byte offset 0"),
            ("<b", "Unclosed start tag at byte offset 0"),
        ];
        for (source, error) in cases {
            assert_eq!(parse(source).unwrap_err(), error, "{source}");
        }
    }

    #[test]
    fn trimming_moves_entities() {
        let rich = trimmed(parse("  <b>x </b> ").unwrap());
        assert_eq!(rich, Rich { text: "x".into(), entities: vec![json!({"type": "bold", "offset": 0, "length": 1})] });
    }
}
