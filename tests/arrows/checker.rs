//! Which modules does a file name, and may it?
//!
//! Owns the order of the modules and the homes of the libraries. Reads text, gives complaints.

use std::path::Path;

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};

/// Lowest first. What stands in one group is on one level: only the last group, the edge, may name its own level.
const ORDER: &[&[&str]] = &[
    // The macro `t!` stands at the root of the crate, as exported macros do, and belongs to `domain`.
    &["domain", "t"],
    &["metrics"],
    &["words"],
    &["limits"],
    &["reach"],
    &["store"],
    &["session"],
    &["whatsapp"],
    &["flows"],
    &["users"],
    &["campaign"],
    &["telegram"],
    &["http"],
    &["control"],
    &["cli", "config", "lifecycle", "logging", "app", "main"],
];
/// Names everything; nobody but another of these names it.
const OUTERMOST: &[&str] = &["sim", "bin"];
/// Children of one module that are engines of one contract, and so must not know each other.
const ENGINES: (&str, &[&str]) = ("whatsapp", &["web", "waha", "cloud"]);

const TELEGRAM_HOMES: &[&[&str]] = &[&["telegram"], &["sim"], &["bin"]];
const WHATSAPP_HOMES: &[&[&str]] = &[&["whatsapp", "web"], &["store", "wa"], &["sim"], &["bin"]];

fn homes(krate: &str) -> Option<&'static [&'static [&'static str]]> {
    match krate {
        k if k == "teloxide" || k.starts_with("teloxide_") => Some(TELEGRAM_HOMES),
        k if ["whatsapp_rust", "wacore", "waproto"]
            .iter()
            .any(|lib| k == *lib || k.starts_with(&format!("{lib}_"))) =>
        {
            Some(WHATSAPP_HOMES)
        }
        _ => None,
    }
}

fn level(module: &str) -> Option<usize> {
    ORDER.iter().position(|group| group.contains(&module))
}

/// Everything wrong in the file at `path` (below `src/`).
pub fn check(path: &Path, text: &str) -> Vec<String> {
    let file = match syn::parse_file(text) {
        Ok(file) => file,
        Err(e) => return vec![format!("{}: cannot be parsed: {e}", path.display())],
    };
    let here = module_of(path);
    let mut checker = Checker { shown: path.display().to_string(), inner: here.clone(), home: here, wrong: Vec::new() };
    if let Some(top) = checker.home.first().cloned()
        && level(&top).is_none()
        && !OUTERMOST.contains(&top.as_str())
    {
        checker.complain(format!("{top} has no place in the order"));
    }
    checker.visit_file(&file);
    checker.wrong
}

fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

struct Checker {
    shown: String,
    /// The file's module.
    home: Vec<String>,
    /// The module at this point of the file.
    inner: Vec<String>,
    wrong: Vec<String>,
}

impl Checker {
    fn complain(&mut self, what: impl Into<String>) {
        let line = format!("{}: {}", self.shown, what.into());
        if !self.wrong.contains(&line) {
            self.wrong.push(line);
        }
    }

    fn top(&self) -> &str {
        self.home.first().map_or("the root", String::as_str)
    }

    /// Judges one path, given by its parts.
    fn judge(&mut self, parts: &[String]) {
        let Some(first) = parts.first() else { return };
        if let Some(homes) = homes(first)
            && !homes
                .iter()
                .any(|home| self.home.len() >= home.len() && self.home.iter().zip(*home).all(|(a, b)| a == b))
        {
            let top = self.top().to_owned();
            self.complain(format!("{top} names {first}, which has its home elsewhere"));
        }
        if let Some(target) = self.resolve(parts) {
            self.arrow(&target);
        }
    }

    /// Where a path of ours leads, from the root of the crate; `None` for other people's.
    fn resolve(&self, parts: &[String]) -> Option<Vec<String>> {
        let mut at = match parts[0].as_str() {
            "crate" | "sekat" => Vec::new(),
            "self" => self.inner.clone(),
            "super" => self.inner[..self.inner.len().saturating_sub(1)].to_vec(),
            _ => return None,
        };
        let mut rest = &parts[1..];
        while rest.first().is_some_and(|part| part == "super") {
            at.pop();
            rest = &rest[1..];
        }
        at.extend(rest.iter().cloned());
        Some(at)
    }

    fn arrow(&mut self, target: &[String]) {
        let from = self.top().to_owned();
        let Some(to) = target.first() else {
            return self.complain(format!("{from} names the whole crate"));
        };
        if to == "*" || to == "self" {
            return self.complain(format!("{from} names the whole crate"));
        }
        if OUTERMOST.contains(&from.as_str()) {
            return;
        }
        if from == *to {
            return self.engines(target);
        }
        let (own, other) = (level(&from), level(to));
        let edge = ORDER.len() - 1;
        if OUTERMOST.contains(&to.as_str()) || from == "the root" {
            self.complain(format!("{from} names {to}"));
        } else if other.is_none() {
            self.complain(format!("{from} names {to}, which has no place in the order"));
        } else if own < other || (own == other && own != Some(edge)) {
            self.complain(format!("{from} names {to}, which is above it"));
        }
    }

    fn engines(&mut self, target: &[String]) {
        let (parent, engines) = ENGINES;
        let ([top, mine, ..], [_, other, ..]) = (self.home.as_slice(), target) else { return };
        if top == parent && mine != other && engines.contains(&mine.as_str()) && engines.contains(&other.as_str()) {
            let line = format!("{parent}::{mine} names {parent}::{other}");
            self.complain(line);
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| {
            let mut parts = before.to_vec();
            // `a::{self}` names `a`.
            if *name != "self" || before.is_empty() {
                parts.push(plain(name));
            }
            parts
        };
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.judge(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.judge(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.judge(&[before, &["*".to_owned()]].concat()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }

    /// Paths in tokens that nobody has parsed: a macro's arguments, an attribute's.
    fn tokens(&mut self, mut at: Cursor<'_>) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        while !at.eof() {
            if let Some((name, next)) = at.ident() {
                if colons != 2 {
                    self.end(&mut path);
                }
                path.push(plain(&name));
                (colons, at) = (0, next);
            } else if let Some((_, next)) = at.punct().filter(|(punct, _)| punct.as_char() == ':') {
                (colons, at) = (colons + 1, next);
            } else if let Some((inside, _, _, next)) = at.any_group() {
                if colons == 2 && !path.is_empty() {
                    self.grouped(inside, &path);
                    path.clear();
                }
                self.end(&mut path);
                self.tokens(inside);
                (colons, at) = (0, next);
            } else {
                self.end(&mut path);
                colons = 0;
                let Some((_, next)) = at.token_tree() else { break };
                at = next;
            }
        }
        self.end(&mut path);
    }

    /// `crate::{a, b}` in a macro: each of the group goes on from the path.
    fn grouped(&mut self, mut at: Cursor<'_>, path: &[String]) {
        while !at.eof() {
            if let Some((name, _)) = at.ident() {
                self.judge(&[path, &[plain(&name)]].concat());
            }
            let Some((_, next)) = at.token_tree() else { break };
            at = next;
        }
    }

    /// A lone word in tokens may be anything; only a path of two parts names a module.
    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.judge(path);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Checker {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.visit_visibility(&item.vis);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = plain(&item.ident);
        self.judge(&[if name == "self" { "crate".to_owned() } else { name }]);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inner.push(plain(&item.ident));
        visit::visit_item_mod(self, item);
        self.inner.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
        // A single word is a local name or the prelude's; alone, `crate`, `self` and `super` lead nowhere new.
        if parts.len() > 1 {
            self.judge(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("path") {
            self.complain("#[path] hides where a module lies");
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(TokenBuffer::new2(list.tokens.clone()).begin());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if mac.path.is_ident("include") {
            self.complain("include! hides where code lies");
        }
        self.tokens(TokenBuffer::new2(mac.tokens.clone()).begin());
        visit::visit_macro(self, mac);
    }
}

fn plain(name: &syn::Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}
