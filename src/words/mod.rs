//! In which language, and in which words?
//!
//! One file a language (`en.ftl`, `id.ftl`, in the syntax of Project Fluent), with `<b>`, `<i>` and `<code>` for formatting.
//! Owns the catalogues. It must not know who reads, nor choose what is said: that are the flows.
mod catalog;
mod format;
mod markup;

pub use catalog::source;
pub use format::midnight;

use crate::domain::{Arg, Language, Phrase, RichText, Timestamp};
use std::time::Duration;

/// How a person wants things told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale {
    /// Their language.
    pub language: Language,
    /// Their time zone.
    pub zone: chrono_tz::Tz,
}

impl Default for Locale {
    fn default() -> Self {
        Locale { language: Language::default(), zone: chrono_tz::UTC }
    }
}

impl Locale {
    /// How far the person's clocks are ahead of UTC at this moment, in minutes.
    pub fn minutes_ahead(self, at: Timestamp) -> i32 {
        format::minutes_ahead(at, self)
    }
}

impl From<Language> for Locale {
    fn from(language: Language) -> Self {
        Locale { language, ..Locale::default() }
    }
}

/// What a phrase says to somebody.
pub fn render(phrase: &Phrase, locale: Locale) -> RichText {
    match phrase {
        Phrase::Verbatim(text) => text.clone(),
        Phrase::Joined(all) => {
            all.iter().fold(RichText::default(), |text, phrase| text.append(&render(phrase, locale)))
        }
        Phrase::Message { key, args } => {
            let values: Vec<(&str, catalog::Value)> =
                args.iter().map(|(name, arg)| (*name, value(arg, locale))).collect();
            catalog::message(key, &values, locale.language)
        }
    }
}

/// The same without formatting, as a button or a note shows it.
pub fn plain(phrase: &Phrase, locale: Locale) -> String {
    render(phrase, locale).text
}

fn value(arg: &Arg, locale: Locale) -> catalog::Value {
    use catalog::Value;
    match arg {
        Arg::Number(number) => Value::Number(*number),
        Arg::Choice(name) => Value::Choice(name),
        Arg::Text(text) => Value::Opaque(text.clone()),
        Arg::Phrase(phrase) => Value::Opaque(render(phrase, locale)),
        Arg::Moment(at) => Value::Opaque(RichText::plain(format::moment(*at, locale))),
    }
}

/// How long something takes, in its two largest units.
pub fn span(time: Duration) -> Phrase {
    let s = time.as_secs();
    let (days, hours, minutes, seconds) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    let two = |first: Phrase, rest: u64, second: Phrase| {
        if rest == 0 { first } else { crate::t!("span-two", first = first, second = second) }
    };
    match s {
        0 if time.as_millis() > 0 => crate::t!("span-milliseconds", n = u64::try_from(time.as_millis()).unwrap_or(0)),
        86_400.. => two(crate::t!("span-days", n = days), hours, crate::t!("span-hours", n = hours)),
        3600.. => two(crate::t!("span-hours", n = hours), minutes, crate::t!("span-minutes", n = minutes)),
        60.. => two(crate::t!("span-minutes", n = minutes), seconds, crate::t!("span-seconds", n = seconds)),
        _ => crate::t!("span-seconds", n = seconds),
    }
}

/// How far something has come, as a bar of ten signs. A total of 0 is done.
pub fn bar(done: usize, total: usize) -> String {
    let full = (done.min(total) * 10).checked_div(total).unwrap_or(10);
    "▰".repeat(full) + &"▱".repeat(10 - full)
}

/// How long ago something was, roughly.
pub fn ago(time: Duration) -> Phrase {
    match time.as_secs() {
        0..60 => crate::t!("ago-now"),
        s @ 60..3600 => crate::t!("ago", span = crate::t!("span-minutes", n = s / 60)),
        s @ 3600..86_400 => crate::t!("ago", span = crate::t!("span-hours", n = s / 3600)),
        s => crate::t!("ago", span = crate::t!("span-days", n = s / 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::t;

    #[test]
    fn a_bar_is_ten_signs_long() {
        for (done, total, bar) in [
            (0, 3, "▱▱▱▱▱▱▱▱▱▱"),
            (1, 3, "▰▰▰▱▱▱▱▱▱▱"),
            (3, 3, "▰▰▰▰▰▰▰▰▰▰"),
            (7, 3, "▰▰▰▰▰▰▰▰▰▰"),
            (0, 0, "▰▰▰▰▰▰▰▰▰▰"),
        ] {
            assert_eq!(super::bar(done, total), bar);
        }
    }

    fn both(phrase: &Phrase) -> [String; 2] {
        Language::ALL.map(|language| plain(phrase, language.into()))
    }

    #[test]
    fn spans_are_counted_as_each_language_counts() {
        let secs = Duration::from_secs;
        assert_eq!(both(&span(secs(1))), ["1 second", "1 detik"]);
        assert_eq!(both(&span(secs(61))), ["1 minute 1 second", "1 menit 1 detik"]);
        assert_eq!(both(&span(secs(7200))), ["2 hours", "2 jam"]);
        assert_eq!(both(&span(secs(90_000))), ["1 day 1 hour", "1 hari 1 jam"]);
        assert_eq!(both(&span(Duration::from_millis(200))), ["200 ms", "200 md"]);
        assert_eq!(both(&ago(secs(3))), ["just now", "baru saja"]);
        assert_eq!(both(&ago(secs(3 * 86_400))), ["3 days ago", "3 hari yang lalu"]);
    }

    #[test]
    fn numbers_and_moments_look_as_in_the_language() {
        assert_eq!(both(&t!("span-days", n = 12_345)), ["12,345 days", "12.345 hari"]);
        let at = Phrase::message("ago", vec![("span", Arg::Moment(Timestamp(1_790_000_000_000)))]);
        assert_eq!(both(&at)[0], "21 Sep 2026, 14:13 UTC ago");
        let jakarta = Locale { language: Language::Indonesian, zone: chrono_tz::Asia::Jakarta };
        assert_eq!(plain(&at, jakarta), "21 Sep 2026 pukul 21.13 WIB yang lalu");
    }

    #[test]
    fn what_somebody_wrote_is_never_formatting_nor_a_gap() {
        let hostile = "</code><b>x</b>{ $n }\u{E000}\u{E001}";
        let text = render(&t!("ago", span = hostile), Locale::default());
        assert_eq!(text.text, format!("{hostile} ago"));
        assert!(text.spans.is_empty());
    }

    #[test]
    fn languages_follow_telegram() {
        let of = |tag: &str| Language::from_telegram(tag).code();
        assert_eq!([of("id"), of("id-ID"), of("in"), of("jv"), of("ID_id")], ["id"; 5]);
        assert_eq!([of("en"), of("de"), of(""), of("idx"), of("zh-hans")], ["en"; 5]);
    }
}
