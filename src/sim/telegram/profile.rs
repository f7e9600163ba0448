//! What a bot tells about itself: commands, name and descriptions, by scope and language.
//!
//! Owns these settings. The checks on them are with the methods.

use std::collections::HashMap;

use serde_json::Value;

/// The settings of one bot.
#[derive(Debug)]
pub(super) struct Profile {
    default_name: String,
    /// Scope as JSON text, language → commands.
    commands: HashMap<(String, String), Value>,
    /// Kind of text, language → text.
    texts: HashMap<(&'static str, String), String>,
}

impl Profile {
    pub(super) fn new(name: &str) -> Self {
        Self { default_name: name.to_owned(), commands: HashMap::new(), texts: HashMap::new() }
    }

    pub(super) fn set_commands(&mut self, scope: String, language: String, commands: Value) {
        self.commands.insert((scope, language), commands);
    }

    pub(super) fn delete_commands(&mut self, scope: String, language: String) {
        self.commands.remove(&(scope, language));
    }

    pub(super) fn commands(&self, scope: String, language: String) -> Value {
        self.commands.get(&(scope, language)).cloned().unwrap_or_else(|| Value::Array(Vec::new()))
    }

    /// An empty text removes the setting.
    pub(super) fn set_text(&mut self, kind: &'static str, language: &str, text: &str) {
        let key = (kind, language.to_owned());
        if text.is_empty() {
            self.texts.remove(&key);
        } else {
            self.texts.insert(key, text.to_owned());
        }
    }

    /// The text in this language, else in general.
    pub(super) fn text(&self, kind: &'static str, language: &str) -> String {
        let found = [language, ""].into_iter().find_map(|language| self.texts.get(&(kind, language.to_owned())));
        let default = if kind == "name" { self.default_name.as_str() } else { "" };
        found.map_or(default, String::as_str).to_owned()
    }
}
