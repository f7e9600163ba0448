//! Where do values come from, and which wins?
//!
//! Owns the order: defaults, file, variables; for a secret: variable, credential, the file that holds it, the text in the
//! configuration itself. It must not judge values (see `check`).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::error::{ConfigError, Place, Problem};
use super::keys::{self, Key, nearest};
use super::secret::Secret;
use super::{Config, check};

/// The name of the systemd credential that holds the bot's token.
pub const TOKEN_CREDENTIAL: &str = "telegram-token";
/// The name of the one that holds the webhook's secret.
pub const WEBHOOK_CREDENTIAL: &str = "telegram-webhook-secret";
/// The name of the one that holds the token for the pages.
pub const HTTP_TOKEN_CREDENTIAL: &str = "http-token";
/// Names the configuration file; the only `SEKAT_` variable that is not a key.
const CONFIG_VARIABLE: &str = "SEKAT_CONFIG";
const DEFAULT_FILE: &str = "sekat.toml";

/// Everything a configuration is read from, so that tests need not touch the process's environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; `None` for none at all.
    pub file: Option<PathBuf>,
    /// Whether the file was asked for by name, and so must be there.
    pub file_required: bool,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Where systemd put credentials.
    pub credentials_dir: Option<PathBuf>,
}

impl Sources {
    /// This process's variables, and the file asked for (`--config`, else `SEKAT_CONFIG`, else `sekat.toml` if it is there).
    #[must_use]
    pub fn from_process(config: Option<PathBuf>) -> Self {
        let asked = config.or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
        // What is not UTF-8 can be no value of ours; its name is still checked.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect();
        Self {
            file_required: asked.is_some(),
            file: Some(asked.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE))),
            env,
            credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        }
    }
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong, each with its place.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut loader = Loader::new();
        loader.file(sources);
        loader.variables(&sources.env);
        KEPT.iter().for_each(|kept| loader.secret(sources, kept));
        check::check(&loader.config, |key, what| {
            let place = loader.places.get(key).cloned().unwrap_or(Place::Nowhere);
            loader.problems.push(Problem { place, key: key.to_owned(), what });
        });
        if loader.problems.is_empty() { Ok(loader.config) } else { Err(ConfigError { problems: loader.problems }) }
    }
}

struct Loader {
    config: Config,
    keys: Vec<Key>,
    places: HashMap<&'static str, Place>,
    problems: Vec<Problem>,
}

impl Loader {
    fn new() -> Self {
        Self { config: Config::default(), keys: keys::all(), places: HashMap::new(), problems: Vec::new() }
    }

    fn problem(&mut self, place: Place, key: &str, what: impl Into<String>) {
        self.problems.push(Problem { place, key: key.to_owned(), what: what.into() });
    }

    fn file(&mut self, sources: &Sources) {
        let Some(path) = &sources.file else { return };
        let whole = Place::File { path: path.clone(), line: None };
        let text = match std::fs::read_to_string(path) {
            // It may hold a token.
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound && !sources.file_required => return,
            Err(e) => return self.problem(whole, "", format!("cannot be read: {e}")),
        };
        match DeTable::parse(&text) {
            Ok(table) => self.table(path, &text, "", table.get_ref()),
            Err(e) => {
                // Only the message: the error's own rendering repeats the line, which may be the token's.
                let line = e.span().map(|span| line_of(&text, span.start));
                self.problem(Place::File { path: path.clone(), line }, "", format!("is not TOML: {}", e.message()));
            }
        }
    }

    fn table(&mut self, path: &Path, text: &str, prefix: &str, table: &DeTable<'_>) {
        // In the order of the file, so that the first problem told is the first one met.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let place = Place::File { path: path.to_owned(), line: Some(line_of(text, name.span().start)) };
            self.entry(path, text, place, &key, value);
        }
    }

    fn entry(&mut self, path: &Path, text: &str, place: Place, name: &str, value: &Spanned<DeValue<'_>>) {
        let section = format!("{name}.");
        if let Some(at) = self.keys.iter().position(|key| key.path == name) {
            let key = &self.keys[at];
            self.places.insert(key.path, place.clone());
            if !(key.set_toml)(&mut self.config, value.get_ref()) {
                let kind = value.get_ref().type_str();
                let what = match value.get_ref().as_str() {
                    Some(given) if !key.secret => format!("expects {}, got {given:?}", key.expects),
                    _ => format!("expects {}, got a value of type {kind}", key.expects),
                };
                self.problem(place, name, what);
            }
        } else if self.keys.iter().any(|key| key.path.starts_with(&section)) {
            match value.get_ref().as_table() {
                Some(inner) => self.table(path, text, name, inner),
                None => self.problem(place, name, "is a section: write it as [name], with its keys below"),
            }
        } else {
            let what = self.unknown_key(name, value.get_ref().as_table().is_some());
            self.problem(place, "", what);
        }
    }

    fn unknown_key(&self, name: &str, is_section: bool) -> String {
        if is_section {
            let sections: Vec<&str> =
                self.keys.iter().flat_map(|key| key.path.match_indices('.').map(|(at, _)| &key.path[..at])).collect();
            return match nearest(name, sections.into_iter()) {
                Some(near) => format!("unknown section [{name}]; did you mean [{near}]?"),
                None => format!("unknown section [{name}]; sekat.example.toml lists all"),
            };
        }
        match self.nearest_key(name) {
            Some(near) => format!("unknown key {name}; did you mean {near}?"),
            None => format!("unknown key {name}; sekat.example.toml lists all"),
        }
    }

    /// A key in the same section before one elsewhere, and the same name in another section before anything similar.
    fn nearest_key(&self, name: &str) -> Option<&'static str> {
        let (section, last) = name.rsplit_once('.').unwrap_or(("", name));
        let parts = || self.keys.iter().filter_map(|key| key.path.rsplit_once('.').map(|(s, l)| (key.path, s, l)));
        let same_name = parts().find(|(_, _, l)| *l == last).map(|(path, _, _)| path);
        let here = nearest(last, parts().filter(|(_, s, _)| *s == section).map(|(_, _, l)| l));
        let here = here.and_then(|near| parts().find(|(_, s, l)| *s == section && *l == near)).map(|(path, _, _)| path);
        same_name.or(here).or_else(|| nearest(name, self.keys.iter().map(|key| key.path)))
    }

    fn variables(&mut self, env: &[(String, String)]) {
        let names: Vec<String> = self.keys.iter().map(Key::variable).collect();
        for (name, path) in keys::KNOWN {
            // An empty one is how many tools write "not set".
            let given = env.iter().find(|(given, value)| given == name && !value.is_empty());
            if let Some((_, value)) = given
                && let Some(at) = self.keys.iter().position(|key| key.path == path)
            {
                self.variable(at, name, value);
            }
        }
        let mut ours: Vec<_> =
            env.iter().filter(|(name, _)| name.starts_with("SEKAT_") && name != CONFIG_VARIABLE).collect();
        ours.sort();
        for (name, value) in ours {
            let place = Place::Variable(name.clone());
            let Some(at) = names.iter().position(|known| known == name) else {
                let what = match nearest(name, names.iter().map(String::as_str)) {
                    Some(near) => format!("unknown variable; did you mean {near}?"),
                    None => "unknown variable; sekat --help lists all".to_owned(),
                };
                self.problem(place, "", what);
                continue;
            };
            self.variable(at, name, value);
        }
    }

    fn variable(&mut self, at: usize, name: &str, value: &str) {
        let (key, place) = (&self.keys[at], Place::Variable(name.to_owned()));
        self.places.insert(key.path, place.clone());
        if !(key.set_text)(&mut self.config, value) {
            let given = if key.secret { String::new() } else { format!(", got {value:?}") };
            let what = format!("expects {}{given}", key.expects);
            let path = key.path;
            self.problem(place, path, what);
        }
    }

    /// One that is kept in a file: the variable wins, then systemd's credential, then the file, then what stands in ours.
    fn secret(&mut self, sources: &Sources, kept: &Kept) {
        if matches!(self.places.get(kept.key), Some(Place::Variable(_))) {
            return;
        }
        if let Some(path) = sources.credentials_dir.as_ref().map(|dir| dir.join(kept.credential))
            && path.exists()
        {
            return self.secret_from(&path, Place::File { path: path.clone(), line: None }, kept);
        }
        if let Some(path) = (kept.file)(&self.config).cloned() {
            let place = self.places.get(kept.file_key).cloned().unwrap_or(Place::Nowhere);
            self.secret_from(&path, place, kept);
        }
    }

    fn secret_from(&mut self, path: &Path, place: Place, kept: &Kept) {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                self.places.insert(kept.key, Place::File { path: path.to_owned(), line: None });
                *(kept.slot)(&mut self.config) = Some(Secret::new(&text));
            }
            Err(e) => {
                self.problem(place, kept.file_key, format!("{} cannot be read: {e}", path.display()));
            }
        }
    }
}

/// A secret that may lie in a file of its own.
struct Kept {
    key: &'static str,
    file_key: &'static str,
    credential: &'static str,
    file: fn(&Config) -> Option<&PathBuf>,
    slot: fn(&mut Config) -> &mut Option<Secret>,
}

const KEPT: [Kept; 3] = [
    Kept {
        key: "telegram.token",
        file_key: "telegram.token_file",
        credential: TOKEN_CREDENTIAL,
        file: |c| c.telegram.token_file.as_ref(),
        slot: |c| &mut c.telegram.token,
    },
    Kept {
        key: "telegram.webhook.secret",
        file_key: "telegram.webhook.secret_file",
        credential: WEBHOOK_CREDENTIAL,
        file: |c| c.telegram.webhook.secret_file.as_ref(),
        slot: |c| &mut c.telegram.webhook.secret,
    },
    Kept {
        key: "http.token",
        file_key: "http.token_file",
        credential: HTTP_TOKEN_CREDENTIAL,
        file: |c| c.http.token_file.as_ref(),
        slot: |c| &mut c.http.token,
    },
];

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}
