//! Every text that a person reads, in each language, as they read it: a change here is seen in review.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its own helpers do so too")]
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Message, Pattern, PatternElement, VariantKey};
use sekat::domain::text::{MESSAGE_UNITS, utf16_len};
use sekat::domain::{Arg, Language, Phrase, Reason};
use sekat::flows::{commands, phrases};
use sekat::words::{Locale, plain, render, source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::{self, Visit};

/// How a gap is used: the values to show it with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Gap {
    /// The names that the text chooses by.
    chosen_by: Vec<String>,
    is_count: bool,
}

type Gaps = BTreeMap<String, Gap>;

fn gaps_of(pattern: &Pattern<&str>, gaps: &mut Gaps) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(InlineExpression::VariableReference { id }) => {
                gaps.entry(id.name.into()).or_default();
            }
            Expression::Inline(_) => {}
            Expression::Select { selector, variants } => {
                let InlineExpression::VariableReference { id } = selector else { panic!("texts choose by gaps alone") };
                let gap = gaps.entry(id.name.into()).or_default();
                for variant in variants {
                    match variant.key {
                        VariantKey::NumberLiteral { .. } => gap.is_count = true,
                        VariantKey::Identifier { name } => {
                            gap.is_count |= matches!(name, "one" | "other");
                            gap.chosen_by.push(name.to_owned());
                        }
                    }
                }
                variants.iter().for_each(|variant| gaps_of(&variant.value, gaps));
            }
        }
    }
}

/// Every text of a language, in the file's order, with its gaps.
fn catalogue(language: Language) -> Vec<(String, Gaps)> {
    let resource = fluent_syntax::parser::parse(source(language)).unwrap_or_else(|(_, errors)| panic!("{errors:?}"));
    let texts = resource.body.iter().filter_map(|entry| match entry {
        Entry::Message(Message { id, value: Some(pattern), .. }) => {
            let mut gaps = Gaps::new();
            gaps_of(pattern, &mut gaps);
            Some((id.name.to_owned(), gaps))
        }
        Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => None,
        other => panic!("not a text: {other:?}"),
    });
    texts.collect()
}

/// The texts that the sources say, with the gaps that they fill.
#[derive(Default)]
struct Said(BTreeMap<String, BTreeSet<String>>);

impl<'ast> Visit<'ast> for Said {
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if called.path.segments.last().is_some_and(|last| last.ident == "t") {
            self.said(called.tokens.clone());
        } else {
            // Inside another macro's arguments.
            self.inside(called.tokens.clone());
        }
        visit::visit_macro(self, called);
    }
}

impl Said {
    fn said(&mut self, tokens: proc_macro2::TokenStream) {
        self.inside(tokens.clone());
        let tokens: Vec<proc_macro2::TokenTree> = tokens.into_iter().collect();
        let key: syn::LitStr = match tokens.first() {
            Some(proc_macro2::TokenTree::Literal(literal)) => syn::parse_str(&literal.to_string()).unwrap(),
            _ => return,
        };
        let mut gaps = BTreeSet::new();
        for three in tokens.windows(3) {
            let is = |i: usize, sign: &str| three[i].to_string() == sign;
            if let proc_macro2::TokenTree::Ident(name) = &three[1]
                && is(0, ",")
                && is(2, "=")
            {
                gaps.insert(name.to_string());
            }
        }
        let key = key.value();
        let known = self.0.entry(key.clone()).or_insert_with(|| gaps.clone());
        assert_eq!(*known, gaps, "{key} is said with different gaps");
    }

    /// `t!` among the tokens of something that syn does not look into.
    fn inside(&mut self, tokens: proc_macro2::TokenStream) {
        let tokens: Vec<proc_macro2::TokenTree> = tokens.into_iter().collect();
        for (i, token) in tokens.iter().enumerate() {
            let proc_macro2::TokenTree::Group(group) = token else { continue };
            let called = i >= 2 && tokens[i - 1].to_string() == "!" && tokens[i - 2].to_string() == "t";
            if called { self.said(group.stream()) } else { self.inside(group.stream()) }
        }
    }

    fn file(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap();
        self.visit_file(&syn::parse_file(&text).unwrap());
    }

    fn folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("src/sim") {
                    self.folder(&path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                self.file(&path);
            }
        }
    }
}

#[test]
fn every_text_is_in_every_language_and_said_somewhere() {
    let mut said = Said::default();
    said.folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for language in Language::ALL {
        let texts = catalogue(language);
        let keys: BTreeSet<&String> = texts.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), texts.len(), "{language:?} has a text twice");
        let names: BTreeMap<&String, BTreeSet<String>> =
            texts.iter().map(|(key, gaps)| (key, gaps.keys().cloned().collect())).collect();
        for (key, gaps) in &said.0 {
            let has = names.get(key).unwrap_or_else(|| panic!("{language:?} misses {key}"));
            assert_eq!(has, gaps, "the gaps of {key} in {language:?} are not those that are filled");
        }
        let unused: Vec<_> = keys.iter().filter(|key| !said.0.contains_key(**key)).collect();
        assert!(unused.is_empty(), "{language:?} has texts that nobody says: {unused:?}");
    }
}

/// A text with every choice that it makes.
fn shown(key: &str, gaps: &Gaps, language: Language) -> Vec<String> {
    let count = Gap { is_count: true, ..Gap::default() };
    let values = |name: &str, gap: &Gap| -> Vec<Arg> {
        // Where only one language counts, the other has to do with a number too.
        if gap.is_count || (name == "n" && *gap == Gap::default()) || *gap == count {
            [0, 1, 2, 12_345].map(Arg::Number).to_vec()
        } else if gap.chosen_by.is_empty() {
            vec![Arg::from(format!("‹{name}›"))]
        } else {
            gap.chosen_by.iter().map(|name| Arg::Choice(name.clone().leak())).collect()
        }
    };
    let all: Vec<(&'static str, Vec<Arg>)> =
        gaps.iter().map(|(name, gap)| (&*name.clone().leak(), values(name, gap))).collect();
    let most = all.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let pick = |i: usize| all.iter().map(|(name, values)| (*name, values[i.min(values.len() - 1)].clone())).collect();
    let phrases = (0..most).map(|i| Phrase::message(key.to_owned().leak(), pick(i)));
    let texts = phrases.map(|phrase| {
        let text = render(&phrase, language.into());
        assert!(utf16_len(&text.text) <= MESSAGE_UNITS / 2, "{key} leaves no room for what fills it");
        assert!(!text.text.contains(['\u{2068}', '\u{e000}', '\u{e001}', '{', '}']), "{key}: {}", text.text);
        assert!(!text.text.contains("</"), "{key} has formatting that is not understood: {}", text.text);
        for span in &text.spans {
            assert!(span.offset + span.length <= utf16_len(&text.text), "{key} has formatting beyond its end");
        }
        text.text
    });
    texts.collect()
}

fn page(language: Language) -> String {
    let mut page = String::new();
    for (key, gaps) in catalogue(language) {
        let texts = shown(&key, &gaps, language);
        page += &format!("── {key}\n{}\n\n", texts.join("\n·\n"));
    }
    page
}

#[test]
fn english() {
    insta::assert_snapshot!(page(Language::English));
}

#[test]
fn indonesian() {
    insta::assert_snapshot!(page(Language::Indonesian));
}

#[test]
fn formatting_is_the_same_in_every_language() {
    let look = |key: &str, gaps: &Gaps, language: Language| {
        let args = gaps.keys().map(|name| (&*name.clone().leak(), Arg::from("x"))).collect();
        let text = render(&Phrase::message(key.to_owned().leak(), args), language.into());
        text.spans.iter().map(|span| span.style).collect::<Vec<_>>()
    };
    for (key, gaps) in catalogue(Language::English) {
        let [english, indonesian] = Language::ALL.map(|language| look(&key, &gaps, language));
        assert_eq!(english, indonesian, "{key}");
    }
}

#[test]
fn every_reason_has_words_of_its_own() {
    for language in Language::ALL {
        let words: BTreeSet<String> =
            Reason::ALL.iter().map(|reason| plain(&phrases::reason(*reason), language.into())).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}

#[test]
fn the_help_fits_a_phone_screen_and_commands_are_telegrams_kind() {
    for language in Language::ALL {
        let locale = Locale::from(language);
        assert!(plain(&sekat::t!("help"), locale).chars().count() <= 900);
        for (name, about) in commands() {
            let about = plain(&about, locale);
            assert!(name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
            assert!((1..=256).contains(&about.chars().count()), "{name}");
        }
    }
}
