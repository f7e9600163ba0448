//! One language's texts.
use super::markup;
use crate::domain::{Language, RichText};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;
use tracing::error;

/// What stands in a gap, rendered.
pub(super) enum Value {
    Number(i64),
    Choice(&'static str),
    /// Not seen by the catalogue: it only learns where it goes.
    Opaque(RichText),
}

/// A language's file.
pub fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("en.ftl"),
        Language::Indonesian => include_str!("id.ftl"),
    }
}

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| load(Language::English));
static INDONESIAN: LazyLock<Bundle> = LazyLock::new(|| load(Language::Indonesian));

fn load(language: Language) -> Bundle {
    let mut bundle = Bundle::new_concurrent(language.code().parse().into_iter().collect());
    // Gaps are filled after the catalogue has done its part, so there is nothing to isolate.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match language {
        Language::English => |value, _| super::format::number(value, ','),
        Language::Indonesian => |value, _| super::format::number(value, '.'),
    }));
    // A test holds that the files have no errors; what is sound is used in any case.
    let resource = FluentResource::try_new(source(language).to_owned()).unwrap_or_else(|(resource, _)| resource);
    if bundle.add_resource(resource).is_err() {
        error!(language = language.code(), "a text is defined twice");
    }
    bundle
}

/// A text with its gaps filled. An unknown key shows itself: worse than a text, better than silence.
pub(super) fn message(key: &str, values: &[(&str, Value)], language: Language) -> RichText {
    let bundle = match language {
        Language::English => &*ENGLISH,
        Language::Indonesian => &*INDONESIAN,
    };
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        error!(key, language = language.code(), "a text is missing");
        return RichText::plain(key);
    };
    let (mut args, mut opaque) = (FluentArgs::new(), Vec::new());
    for (name, value) in values {
        match value {
            Value::Number(number) => args.set(*name, *number),
            Value::Choice(choice) => args.set(*name, *choice),
            Value::Opaque(text) => {
                args.set(*name, FluentValue::from(markup::gap(opaque.len())));
                opaque.push(text);
            }
        }
    }
    let mut errors = Vec::new();
    let template = bundle.format_pattern(pattern, Some(&args), &mut errors);
    if !errors.is_empty() {
        error!(key, language = language.code(), ?errors, "a text has gaps that nothing fills");
    }
    markup::assemble(&template, &opaque)
}
