//! Methods about the bot itself: commands, name, descriptions.
//!
//! Owns no state.

use serde_json::{Value, json};

use crate::sim::telegram::{
    html::utf16_len,
    markup,
    params::Params,
    reply::{Answer, Refusal},
    world::World,
};

const SCOPES: &[&str] = &[
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
];
const MAX_COMMANDS: usize = 100;

pub(super) fn set_commands(world: &mut World, params: &Params) -> Answer {
    let commands = params.json("commands").and_then(Value::as_array);
    let commands = commands.ok_or_else(|| Refusal::bad("expected an Array of BotCommand"))?;
    if commands.len() > MAX_COMMANDS {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let checked = commands.iter().map(command).collect::<Result<Vec<_>, _>>()?;
    let (scope, language) = (scope(params)?, language(params)?);
    world.profile.set_commands(scope, language, Value::Array(checked));
    Ok(Value::Bool(true))
}

pub(super) fn commands(world: &World, params: &Params) -> Answer {
    Ok(world.profile.commands(scope(params)?, language(params)?))
}

pub(super) fn delete_commands(world: &mut World, params: &Params) -> Answer {
    let (scope, language) = (scope(params)?, language(params)?);
    world.profile.delete_commands(scope, language);
    Ok(Value::Bool(true))
}

pub(super) fn set_text(world: &mut World, params: &Params, kind: &'static str) -> Answer {
    let most = match kind {
        "name" => 64,
        "description" => 512,
        _ => 120,
    };
    let text = params.text(kind).unwrap_or_default();
    if utf16_len(text) > most {
        return Err(Refusal::bad(format!("bot {} is too long", kind.replace('_', " "))));
    }
    world.profile.set_text(kind, &language(params)?, text);
    Ok(Value::Bool(true))
}

pub(super) fn text(world: &World, params: &Params, kind: &'static str) -> Answer {
    Ok(json!({ kind: world.profile.text(kind, &language(params)?) }))
}

fn command(value: &Value) -> Result<Value, Refusal> {
    let map = value.as_object().ok_or_else(|| Refusal::bad("can't parse BotCommand: expected an Object"))?;
    markup::known(map, &["command", "description"], "BotCommand")?;
    let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = text("command").trim_start_matches('/');
    let spelled = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if name.is_empty() || name.len() > 32 || !spelled {
        return Err(Refusal::bad("BOT_COMMAND_INVALID"));
    }
    let description = text("description").trim();
    if description.is_empty() || utf16_len(description) > 256 {
        return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok(json!({ "command": name, "description": description }))
}

fn scope(params: &Params) -> Result<String, Refusal> {
    let Some(scope) = params.json("scope") else { return Ok("default".to_owned()) };
    let kind = scope["type"].as_str().unwrap_or_default();
    if !SCOPES.contains(&kind) {
        return Err(Refusal::bad("can't parse BotCommandScope: unsupported type specified"));
    }
    let part = |name: &str| if scope[name].is_null() { String::new() } else { format!(" {name} {}", scope[name]) };
    Ok(format!("{kind}{}{}", part("chat_id"), part("user_id")))
}

fn language(params: &Params) -> Result<String, Refusal> {
    let code = params.text("language_code").unwrap_or_default();
    let two_letters = code.len() == 2 && code.chars().all(|letter| letter.is_ascii_lowercase());
    if code.is_empty() || two_letters { Ok(code.to_owned()) } else { Err(Refusal::bad("LANG_CODE_INVALID")) }
}
