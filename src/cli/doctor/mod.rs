//! `sekat doctor`: what would keep the daemon from running well, and what is to be done about it?
//!
//! Owns the list of findings. It changes nothing: no folder, key or lock is made.

mod http;
mod local;
mod servers;
mod sessions;
mod telegram;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Exit, VERSION, peers};
use crate::config::Config;
use crate::domain::AccessMode;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    level: Level,
    what: String,
    /// What to do; empty when there is nothing to do.
    advice: String,
    /// The exit code this alone would mean, when it is a failure.
    exit: Exit,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, level: Level, what: impl Into<String>, advice: impl Into<String>) {
        let exit = if level == Level::Fail { Exit::Failed } else { Exit::Done };
        self.0.push(Finding { check, level, what: what.into(), advice: advice.into(), exit });
    }

    fn ok(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Level::Ok, what, "");
    }

    fn warn(&mut self, check: &'static str, what: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Level::Warn, what, advice);
    }

    fn fail(&mut self, check: &'static str, what: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Level::Fail, what, advice);
    }

    fn config(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        let (what, advice) = (what.into(), advice.into());
        self.0.push(Finding { check: "configuration", level: Level::Fail, what, advice, exit: Exit::Config });
    }

    fn worst(&self) -> Level {
        self.0.iter().map(|f| f.level).max().unwrap_or(Level::Ok)
    }

    /// A wrong configuration says so by its own code; any other failure is plain.
    fn exit(&self) -> Exit {
        let failed = |exit| self.0.iter().any(|f| f.exit == exit);
        if failed(Exit::Config) {
            Exit::Config
        } else if failed(Exit::Failed) {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    fn text(&self) -> String {
        let mut text = format!("sekat {VERSION}\n");
        for finding in &self.0 {
            text.push_str(&format!("{:<4}  {:<13}  {}\n", finding.level.word(), finding.check, finding.what));
            if !finding.advice.is_empty() {
                text.push_str(&format!("{:21}→ {}\n", "", finding.advice));
            }
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let findings: Vec<_> = self
            .0
            .iter()
            .map(|f| {
                serde_json::json!({
                    "check": f.check,
                    "level": f.level.word().to_ascii_lowercase(),
                    "what": f.what,
                    "advice": f.advice,
                })
            })
            .collect();
        serde_json::json!({
            "version": VERSION,
            "worst": self.worst().word().to_ascii_lowercase(),
            "findings": findings,
        })
    }
}

/// Looks at everything, prints the findings, and gives the exit code of the worst.
#[must_use]
pub fn execute(config: Option<PathBuf>, json: bool) -> ExitCode {
    let mut findings = Findings::default();
    match super::load(config) {
        Ok(config) => examine(&config, &mut findings),
        Err(error) => {
            for problem in &error.problems {
                findings.config(problem.to_string(), "mend it; sekat.example.toml documents every key");
            }
        }
    }
    if json {
        println!("{}", findings.json());
    } else {
        print!("{}", findings.text());
    }
    findings.exit().into()
}

fn examine(config: &Config, findings: &mut Findings) {
    configuration(config, findings);
    local::examine(config, findings);
    sessions::examine(config, findings);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            return findings.fail("telegram", format!("cannot be asked: {e}"), "free some memory or file handles");
        }
    };
    if let Err(error) = runtime.block_on(peers::check(config)) {
        let advice = "point both at servers on 127.0.0.1, or build without the feature demo";
        return findings.fail("peers", format!("cannot {error}"), advice);
    }
    runtime.block_on(servers::examine(config, findings));
    runtime.block_on(http::listener(config, findings));
    runtime.block_on(telegram::examine(config, findings));
}

fn configuration(config: &Config, findings: &mut Findings) {
    if let Err(error) = config.token() {
        return findings.config(error.to_string(), "without a token there is no bot to run");
    }
    findings.ok("configuration", "read, and every value makes sense");
    access(config, findings);
}

fn access(config: &Config, findings: &mut Findings) {
    let access = &config.access;
    let id = "set access.owner to your own Telegram id (@userinfobot tells it)";
    let nobody = access.allow.is_empty() && access.admins.is_empty() && access.owner.is_none();
    match access.mode {
        AccessMode::Open => findings.warn(
            "access",
            "everybody who finds the bot may use it, and this machine pays for it",
            "set access.mode to \"invite\" or \"allow-list\" unless that is what you want",
        ),
        AccessMode::AllowList if nobody => {
            findings.warn("access", "nobody may use the bot: the allow list is empty and there is no owner", id);
        }
        AccessMode::AllowList => findings.ok("access", "only the owner, admins, and those on the allow list"),
        AccessMode::Invite => findings.ok("access", "who has a code, the owner, admins, and those on the allow list"),
    }
    if access.owner.is_none() && !nobody {
        findings.warn("owner", "there is none: nobody can name admins, or block one, in the chat", id);
    } else if access.owner.is_none() && access.mode == AccessMode::Invite {
        findings.warn("owner", "neither owner nor admins: codes are made by sekat invite create only", id);
    }
    if let Some(owner) = access.owner.filter(|owner| access.admins.contains(owner)) {
        let advice = "take the owner's id off access.admins: the owner may do all that admins may";
        findings.warn("admins", format!("the owner ({owner}) is listed as an admin too"), advice);
    }
}
