//! A stage for stories: both simulators in this process, and the real daemon as a process of its own.
//!
//! The tour, the tests and the benchmarks play on it. It owns a temporary folder with the daemon's configuration and data.
use super::telegram::client::SimUser;
use super::telegram::wire::SimMessage;
use super::telegram::{self, RateLimits, TelegramSim};
use super::whatsapp::{self, WhatsAppSim};
use crate::session::servers::HeldPort;
use crate::sim::english;
use anyhow::{Context as _, bail, ensure};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How updates come to the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Updates {
    /// It fetches them.
    #[default]
    Polling,
    /// Telegram brings them.
    Webhook,
}

/// How a stage is set up.
#[derive(Clone)]
pub struct StageConfig {
    /// The `sekat-demo` binary.
    pub binary: PathBuf,
    /// Where its files lie; made when it is not there, and left there.
    pub folder: PathBuf,
    /// Who may use the bot.
    pub allow: Vec<u64>,
    /// More lines about who may, and as what.
    pub access: String,
    /// Whether Telegram's limits are kept, as the daemon is told and as the simulator enforces them.
    pub telegram_limits: bool,
    /// Where WhatsApp says that media lies; empty: where nobody listens.
    pub media_hosts: Vec<String>,
    /// Whether sessions are kept in files.
    pub session_files: bool,
    /// How updates come in.
    pub updates: Updates,
    /// Whether health and figures are answered over HTTP; with a webhook they always are.
    pub http: bool,
    /// More lines for `sekat.toml`, in whole sections not named elsewhere.
    pub more: String,
    /// The level of the daemon's log.
    pub log_level: &'static str,
}

impl StageConfig {
    /// A stage in this folder, for these people.
    pub fn new(binary: impl Into<PathBuf>, folder: impl Into<PathBuf>, allow: &[u64]) -> Self {
        StageConfig {
            binary: binary.into(),
            folder: folder.into(),
            allow: allow.to_vec(),
            access: String::new(),
            telegram_limits: false,
            media_hosts: Vec::new(),
            session_files: true,
            updates: Updates::default(),
            http: false,
            more: String::new(),
            log_level: "info",
        }
    }
}

/// Both simulators and the daemon.
pub struct Stage {
    /// Telegram.
    pub telegram: TelegramSim,
    /// WhatsApp.
    pub whatsapp: WhatsAppSim,
    config: StageConfig,
    /// Where the daemon listens, where it does.
    http: HeldPort,
    daemon: Option<Child>,
    starts: usize,
    /// How long the log was when the daemon was last started.
    log_begin: u64,
}

/// How long anything on a stage may take before it counts as failed. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// People of a story ask more often than people do, and its disk may be small.
const LIMITS: &str = "[limits]\ncreate_per_minute = 1000\nstatus_per_minute = 1000\nqr_refresh_per_minute = 1000\ndisk_reserve = \"0B\"\n";

impl Stage {
    /// Starts the simulators and the daemon.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn open(config: StageConfig) -> anyhow::Result<Stage> {
        std::fs::create_dir_all(&config.folder)?;
        let limits = if config.telegram_limits { RateLimits::default() } else { RateLimits::off() };
        let telegram = TelegramSim::start(telegram::SimConfig { limits, ..telegram::SimConfig::default() }).await?;
        let mut sim = whatsapp::SimConfig::default();
        if !config.media_hosts.is_empty() {
            sim.media_hosts.clone_from(&config.media_hosts);
        }
        let whatsapp = WhatsAppSim::start(sim).await?;
        let http = HeldPort::take()?;
        let mut stage = Stage { telegram, whatsapp, config, http, daemon: None, starts: 0, log_begin: 0 };
        stage.write_config()?;
        stage.start().await?;
        Ok(stage)
    }

    /// The stage's folder.
    pub fn folder(&self) -> &Path {
        &self.config.folder
    }

    /// The daemon's data folder.
    pub fn data(&self) -> PathBuf {
        self.config.folder.join("data")
    }

    /// The daemon's log, of all its starts.
    pub fn log(&self) -> PathBuf {
        self.config.folder.join("sekat.log")
    }

    /// The daemon's process id.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().and_then(Child::id)
    }

    /// The daemon's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.config.folder.join("sekat.toml")
    }

    /// Where the daemon answers over HTTP, where it does.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http.address())
    }

    /// Has updates come in this way from the next start on.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn switch(&mut self, updates: Updates) -> anyhow::Result<()> {
        self.config.updates = updates;
        self.write_config()
    }

    /// The lines about updates and HTTP: those of `[telegram]`, and whole sections.
    fn way_in(&self) -> (&'static str, String) {
        let listen = format!("[http]\nlisten = \"{}\"\n\n", self.http.address());
        match self.config.updates {
            Updates::Polling => ("", if self.config.http { listen } else { String::new() }),
            Updates::Webhook => {
                let url = format!("{}/telegram", self.http_url());
                ("mode = \"webhook\"\n", format!("[telegram.webhook]\nurl = \"{url}\"\n\n{listen}"))
            }
        }
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let folder = &self.config.folder;
        let allow = self.config.allow.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let rates = if self.config.telegram_limits {
            String::new()
        } else {
            "rate_per_second = 100000\nchat_per_second = 10000\ngroup_per_minute = 100000\n".to_owned()
        };
        std::fs::write(folder.join("token"), telegram::SimConfig::default().token)?;
        private(&folder.join("token"))?;
        let (mode, sections) = self.way_in();
        let text = format!(
            "[telegram]\napi_url = \"{}\"\ntoken_file = \"{}\"\n{mode}{rates}\n[access]\nallow = [{allow}]\n{}\n[data]\ndir = \"{}\"\n\n\
             [sessions]\nenabled = {}\ndir = \"{}\"\n\n[whatsapp.web]\nendpoint = \"{}\"\n\n[log]\nlevel = \"{}\"\n\n{LIMITS}\n{sections}{}",
            self.telegram.api_url(),
            folder.join("token").display(),
            self.config.access,
            folder.join("data").display(),
            self.config.session_files,
            folder.join("sessions").display(),
            self.whatsapp.ws_url(),
            self.config.log_level,
            self.config.more,
        );
        std::fs::write(self.config_file(), text)?;
        Ok(())
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        self.ready().await
    }

    /// Starts the daemon and does not wait.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        ensure!(self.daemon.is_none(), "the daemon runs already");
        self.starts += 1;
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        self.log_begin = log.metadata()?.len();
        let mut command = Command::new(&self.config.binary);
        // Whatever the caller's own daemon is told by its surroundings is not meant for this one.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("SEKAT_") || name.starts_with("REDIS_") || name == "DATABASE_URL" {
                command.env_remove(&*name);
            }
        }
        let child = command
            .env_remove("CREDENTIALS_DIRECTORY")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("RUNTIME_DIRECTORY")
            .env_remove("WATCHDOG_USEC")
            .args(["--config"])
            .arg(self.config_file())
            .arg("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start the daemon")?;
        self.daemon = Some(child);
        Ok(())
    }

    /// Waits until the launched daemon is ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let ended = self.daemon.as_mut().context("the daemon does not run")?.try_wait()?;
            let log = self.log_tail(self.log_begin)?;
            if let Some(status) = ended {
                self.daemon = None;
                bail!("the daemon ended at once: {status}\n{log}");
            }
            if log.lines().any(|l| l.contains("event=\"ready\"") || l.contains("\"event\":\"ready\"")) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the daemon is not ready in time\n{log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The log of this and the earlier starts, from this byte on.
    fn log_tail(&self, from: u64) -> anyhow::Result<String> {
        let mut file = std::fs::File::open(self.log())?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Kills the daemon with SIGKILL, in mid-step.
    ///
    /// # Errors
    /// When it does not run, or had ended by itself.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.daemon.take().context("the daemon does not run")?;
        if let Some(status) = child.try_wait()? {
            bail!("the daemon had ended by itself: {status}\n{}", self.log_tail(self.log_begin)?);
        }
        child.kill().await?;
        Ok(())
    }

    /// Stops the daemon with SIGTERM; how long it took.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn stop(&mut self) -> anyhow::Result<Duration> {
        let mut child = self.daemon.take().context("the daemon does not run")?;
        let pid = child.id().context("the daemon has ended already")?;
        let begin = Instant::now();
        let told = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        ensure!(told.success(), "the daemon could not be told to stop");
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.context("the daemon does not stop")??;
        ensure!(status.success(), "the daemon ended with {status}\n{}", self.log_tail(self.log_begin)?);
        Ok(begin.elapsed())
    }

    /// Ends everything. Nothing runs after it.
    ///
    /// # Errors
    /// When the daemon does not stop well.
    pub async fn close(mut self) -> anyhow::Result<()> {
        if self.daemon.is_some() {
            self.stop().await?;
        }
        self.whatsapp.shutdown().await;
        self.telegram.shutdown().await?;
        Ok(())
    }

    /// A person on Telegram.
    pub fn person(&self, id: u64, name: &str) -> SimUser {
        self.telegram.user(i64::try_from(id).unwrap_or(i64::MAX)).named(name)
    }

    /// Registers a phone with WhatsApp.
    ///
    /// # Errors
    /// When the number is taken.
    pub fn phone(&self, number: &str, name: &str) -> anyhow::Result<()> {
        Ok(self.whatsapp.register(number, name)?)
    }

    /// Links this phone's number to this person by QR: asks for it, scans the picture in the chat, and waits until the
    /// number is connected.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn link_by_qr(&self, person: &mut SimUser, number: &str) -> anyhow::Result<()> {
        person.send("/link").await?;
        person.wait_button(english::QR_BUTTON, PATIENCE).await?;
        person.press_label(english::QR_BUTTON).await?;
        let picture = person.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
        let payload = super::scan::scan(&person.file_of(picture.message_id).await?)?;
        self.whatsapp.scan(&payload, number).await?;
        person.wait_text("is linked and connected", PATIENCE).await?;
        Ok(())
    }

    /// Links this phone's number to this person by code.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn link_by_code(&self, person: &mut SimUser, number: &str) -> anyhow::Result<()> {
        person.send(&format!("/link +{number}")).await?;
        let shown = person.wait_text("Your code:", PATIENCE).await?;
        self.whatsapp.enter_code(&code_in(&shown)?, number).await?;
        let linked = person.wait_text("is linked and connected", PATIENCE).await;
        linked.with_context(|| format!("after this:\n{}", self.log_tail(self.log_begin).unwrap_or_default()))?;
        Ok(())
    }
}

/// The eight characters of the code that a message shows.
///
/// # Errors
/// When it shows none.
pub fn code_in(message: &SimMessage) -> anyhow::Result<String> {
    let line = message.text.lines().next().context("an empty message")?;
    let code: String = line.rsplit(' ').next().unwrap_or_default().replace('-', "");
    ensure!(code.len() == 8, "no code in the message");
    Ok(code)
}

fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
