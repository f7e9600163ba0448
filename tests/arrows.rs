//! Imports run downward only. Every path of every file is parsed, not searched for; and the checker itself is shown to see
//! what it must see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its own helpers do so too")]

mod arrows {
    pub mod checker;
}

use std::fs;
use std::path::{Path, PathBuf};

use arrows::checker::check;

const MAX_LINES: usize = 450;

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "the sources were found");
    found
}

#[test]
fn no_arrow_runs_up() {
    let wrong: Vec<String> = sources().iter().flat_map(|(path, text)| check(path, text)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_file_has_grown_two_jobs() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines, at most {MAX_LINES}", path.display()))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[track_caller]
fn seen(path: &str, text: &str, what: &str) {
    let wrong = check(Path::new(path), text);
    assert!(wrong.iter().any(|line| line.contains(what)), "{path}: {text}\nexpected {what:?}, found {wrong:?}");
}

#[track_caller]
fn clean(path: &str, text: &str) {
    assert_eq!(check(Path::new(path), text), Vec::<String>::new(), "{path}: {text}");
}

#[test]
fn an_arrow_up_is_seen_however_it_is_written() {
    for text in [
        "use crate::users::Entry;",
        "use crate::{domain::Id, users::Entry};",
        "use crate::users;",
        "use crate::users as u;",
        "pub use crate::users::*;",
        "use super::users::Entry;",
        "use sekat::users::Entry;",
        "use ::sekat::users::Entry;",
        "fn f(e: crate::users::Entry) {}",
        "fn f() { crate::users::open(); }",
        "fn f() { let x = <crate::users::Entry as Default>::default(); }",
        "impl crate::users::Trait for X {}",
        "struct S<T: crate::users::Trait>(T);",
        "fn f() { println!(\"{}\", crate::users::COUNT); }",
        "fn f() { vec![vec![crate::users::COUNT]]; }",
        "#[derive(crate::users::Derive)] struct S;",
        "macro_rules! m { () => { $crate::users::f() } }",
        "mod inner { use super::super::users::Entry; }",
        "mod inner { use crate::users::Entry; }",
        "#[cfg(test)] mod tests { use crate::users::Entry; }",
        "pub(in crate::users) fn f() {}",
        "fn f() { use crate::users::Entry; }",
        "use crate::r#users::Entry;",
    ] {
        seen("store/mod.rs", text, "store names users");
    }
    seen("store/vault.rs", "use super::super::users::Entry;", "store names users");
    seen("store/keys/disk.rs", "use super::super::super::users::Entry;", "store names users");
    seen("flows/link.rs", "use crate::telegram::Sender;", "flows names telegram");
    seen("domain/mod.rs", "use crate::limits::Quota;", "domain names limits");
}

#[test]
fn siblings_do_not_name_each_other_but_the_edge_does() {
    clean("cli/run.rs", "use crate::{app, config::Config, lifecycle::Lifecycle, logging};");
    clean("main.rs", "fn main() { sekat::cli::main() }");
    seen("users/mod.rs", "use crate::config::Config;", "users names config");
    seen("http/mod.rs", "use crate::app::run;", "http names app");
    seen("control/server.rs", "use crate::cli::Command;", "control names cli");
    seen("whatsapp/web/mod.rs", "use crate::whatsapp::waha::X;", "whatsapp::web names whatsapp::waha");
    seen("whatsapp/web/login.rs", "use super::super::cloud::X;", "whatsapp::web names whatsapp::cloud");
    clean("whatsapp/web/mod.rs", "use crate::whatsapp::Provider; use super::Event; use self::login::X;");
}

#[test]
fn arrows_down_and_within_are_fine() {
    clean(
        "users/mod.rs",
        "use crate::{domain::Id, flows::Step, store::keys::DataKey}; use self::worker::W; use std::fmt;",
    );
    clean(
        "store/keys/disk.rs",
        "use super::KeyError; use crate::store::seal; #[cfg(test)] mod tests { use super::*; }",
    );
    clean("store/keys.rs", "mod tests; use crate::store::seal::SealKey;");
    clean("flows/link.rs", "fn f(users: usize) -> usize { let telegram = users; telegram }");
    clean("flows/link.rs", "mod users {} use self::users::X;");
}

#[test]
fn nobody_names_the_simulators_or_hides_behind_the_root() {
    seen("app.rs", "use crate::sim::telegram;", "app names sim");
    seen("cli/run.rs", "fn f() { crate::sim::f() }", "cli names sim");
    clean("sim/tour.rs", "use crate::app; use crate::whatsapp::web; use teloxide::Bot; use wacore::x;");
    clean("bin/sekat-demo.rs", "fn main() { sekat::sim::main() }");
    seen("main.rs", "fn main() { sekat::sim::main() }", "main names sim");
    seen("store/mod.rs", "use crate::*;", "names the whole crate");
    seen("store/mod.rs", "use crate as everything;", "names the whole crate");
    seen("store/mod.rs", "use sekat as everything;", "names the whole crate");
    seen("store/mod.rs", "use crate::{self as everything};", "names the whole crate");
    seen("store/mod.rs", "use super::*;", "names the whole crate");
    seen("store/mod.rs", "#[path = \"../users/mod.rs\"] mod hidden;", "#[path]");
    seen("store/mod.rs", "include!(\"../users/mod.rs\");", "include!");
    seen("lib.rs", "pub use crate::users::Entry;", "the root names users");
    seen("surprise/mod.rs", "fn f() {}", "has no place in the order");
    seen("store/mod.rs", "use crate::surprise::X;", "has no place in the order");
}

#[test]
fn each_library_has_its_home() {
    clean("telegram/sender.rs", "use teloxide::Bot;");
    clean("whatsapp/web/client.rs", "use whatsapp_rust::Client; use wacore_binary::Node; use waproto::whatsapp;");
    clean("store/wa/mod.rs", "use wacore::store::traits::Backend;");
    seen("flows/link.rs", "use teloxide::Bot;", "flows names teloxide");
    seen("flows/link.rs", "use ::teloxide_core::Bot;", "flows names teloxide_core");
    seen("users/mod.rs", "fn f() { wacore::x() }", "users names wacore");
    seen("users/mod.rs", "fn f() { m!(wacore_binary::x) }", "users names wacore_binary");
    seen("users/mod.rs", "extern crate whatsapp_rust as w;", "users names whatsapp_rust");
    seen("users/mod.rs", "use whatsapp_rust;", "users names whatsapp_rust");
    seen("whatsapp/mod.rs", "use whatsapp_rust::Client;", "whatsapp names whatsapp_rust");
    seen("store/keys.rs", "use waproto::x;", "store names waproto");
    seen("store/mod.rs", "use rusqlite::Connection; use {teloxide::Bot};", "store names teloxide");
}
