//! Where a benchmark runs: both simulators and the daemon, each a process of its own, so that the daemon's memory and
//! processor time are its own.
//!
//! Owns the processes and a temporary folder; both go with it.
use super::usage::{self, Usage};
use crate::session::servers::HeldPort;
use crate::sim::english;
use crate::sim::telegram::client::{SimClient, SimUser};
use crate::sim::telegram::{self};
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long anything may take before a benchmark gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The first user's Telegram id.
pub const FIRST_USER: i64 = 100_001;
/// The first user's own number.
pub const FIRST_NUMBER: u64 = 628_110_000_001;

/// Both simulators, and the daemon once started.
pub struct Bed {
    // Before the folder, so that no process still writes into it.
    daemon: Option<Child>,
    _telegram: Child,
    _whatsapp: Child,
    /// Telegram's control API.
    pub telegram: SimClient,
    whatsapp: Control,
    binary: PathBuf,
    _ports: [HeldPort; 3],
    folder: TempDir,
}

/// WhatsApp's control API.
#[derive(Clone)]
pub struct Control {
    base: String,
    http: reqwest::Client,
}

impl Control {
    /// A request to it.
    ///
    /// # Errors
    /// When it is not reached or refuses.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}/{path}", self.base);
        let mut request = self.http.request(method.parse()?, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.context("reach the WhatsApp simulator")?;
        let status = response.status();
        let body: Value = response.json().await.context("read the WhatsApp simulator's answer")?;
        ensure!(status.is_success(), "the WhatsApp simulator says {status}: {body}");
        Ok(body)
    }
}

impl Bed {
    /// Starts both simulators; `more` are lines of `[store]` and `[whatsapp]` in `sekat.toml`.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn open(binary: &Path, store: &str, whatsapp: &str) -> anyhow::Result<Bed> {
        let folder = tempfile::Builder::new().prefix("sekat-load-").tempdir()?;
        let ports = [HeldPort::take()?, HeldPort::take()?, HeldPort::take()?];
        let [tg, wa, control] = ports.each_ref().map(HeldPort::address);
        let telegram_child = child(binary, &["telegram", "--unlimited", "--listen", &tg.to_string()])?;
        let args = ["whatsapp", "--listen", &wa.to_string(), "--control", &control.to_string()];
        let whatsapp_child = child(binary, &args)?;
        let bed = Bed {
            daemon: None,
            _telegram: telegram_child,
            _whatsapp: whatsapp_child,
            telegram: SimClient::new(&format!("http://{tg}"))?,
            whatsapp: Control {
                base: format!("http://{control}"),
                http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(600)).build()?,
            },
            binary: binary.to_owned(),
            _ports: ports,
            folder,
        };
        bed.write_config(tg, wa, store, whatsapp)?;
        let until = Instant::now() + PATIENCE;
        while bed.telegram.stats().await.is_err() || bed.whatsapp("GET", "health", None).await.is_err() {
            ensure!(Instant::now() < until, "the simulators do not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(bed)
    }

    fn write_config(&self, tg: SocketAddr, wa: SocketAddr, store: &str, whatsapp: &str) -> anyhow::Result<()> {
        let folder = self.folder.path();
        let token = folder.join("token");
        std::fs::write(&token, telegram::SimConfig::default().token)?;
        super::private(&token)?;
        let text = format!(
            "[telegram]\napi_url = \"http://{tg}\"\ntoken_file = \"{}\"\nrate_per_second = 1000000\n\
             chat_per_second = 100000\ngroup_per_minute = 1000000\n\n[access]\nmode = \"open\"\n\n\
             [data]\ndir = \"{}\"\n\n[sessions]\ndir = \"{}\"\n\n[store]\n{store}\n\n[whatsapp]\n{whatsapp}\n\n\
             [whatsapp.web]\nendpoint = \"ws://{wa}/ws/chat\"\n",
            token.display(),
            folder.join("data").display(),
            folder.join("sessions").display(),
        );
        Ok(std::fs::write(folder.join("sekat.toml"), text)?)
    }

    /// Starts the daemon; how long it took until it was ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn start(&mut self) -> anyhow::Result<Duration> {
        let path = self.folder.path().join("sekat.log");
        let log = std::fs::File::create(&path)?;
        let began = Instant::now();
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.folder.path().join("sekat.toml")).arg("run");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start the daemon")?;
        loop {
            let text = std::fs::read_to_string(&path)?;
            if text.lines().any(|line| line.contains("ready")) {
                break;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the daemon ended at once: {status}\n{text}");
            }
            ensure!(began.elapsed() < PATIENCE, "the daemon is not ready in time\n{text}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.daemon = Some(child);
        Ok(began.elapsed())
    }

    /// Stops the daemon with SIGTERM.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut child = self.daemon.take().context("the daemon does not run")?;
        let pid = child.id().context("the daemon has ended already")?;
        let told = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        ensure!(told.success(), "the daemon could not be told to stop");
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.context("the daemon does not stop")??;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }

    /// What the daemon uses now.
    ///
    /// # Errors
    /// When it does not run.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.daemon.as_ref().and_then(Child::id).context("the daemon does not run")?;
        usage::of(pid)
    }

    /// What the daemon uses once that no longer changes: twice the same within a hundredth, `apart` from each other.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn settled(&self, apart: Duration) -> anyhow::Result<Usage> {
        let until = Instant::now() + PATIENCE;
        let mut last = self.usage()?;
        loop {
            tokio::time::sleep(apart).await;
            let now = self.usage()?;
            let busy = now.cpu.saturating_sub(last.cpu) > apart / 5;
            let moved = (now.resident_kib - last.resident_kib).abs() > last.resident_kib / 100.0;
            if (!busy && !moved) || Instant::now() > until {
                return Ok(now);
            }
            last = now;
        }
    }

    /// A request to WhatsApp's control API.
    ///
    /// # Errors
    /// When it is not reached or refuses.
    pub async fn whatsapp(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        self.whatsapp.ask(method, path, body).await
    }

    /// WhatsApp's control API, for a task of its own.
    pub fn control(&self) -> Control {
        self.whatsapp.clone()
    }

    /// The `n`th person.
    pub fn person(&self, n: u64) -> SimUser {
        self.telegram.user(FIRST_USER + i64::try_from(n).unwrap_or(i64::MAX / 2))
    }

    /// Registers phones for this many people.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub async fn phones(&self, first: u64, count: u64) -> anyhow::Result<()> {
        let people = json!({ "first": first, "count": count, "name": "Somebody" });
        self.whatsapp("POST", "phones/bulk", Some(people)).await.map(drop)
    }

    /// The `n`th person links their number; how long it took from `/link` being queued until the picture was there.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn link(&self, n: u64) -> anyhow::Result<Duration> {
        self.link_as(&mut self.person(n), FIRST_NUMBER + n).await
    }

    /// This person, who has read all that is in their chat, links this number; as [`link`](Self::link).
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn link_as(&self, person: &mut SimUser, number: u64) -> anyhow::Result<Duration> {
        person.send("/link").await?;
        let began = Instant::now();
        person.wait_button(english::QR_BUTTON, PATIENCE).await?;
        let asked = began.elapsed();
        person.press_label(english::QR_BUTTON).await?;
        let pressed = Instant::now();
        let picture = person.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
        let took = asked + pressed.elapsed();
        let payload = crate::sim::scan::scan(&person.file_of(picture.message_id).await?)?;
        self.whatsapp("POST", "scan", Some(json!({ "qr": payload, "number": number.to_string() }))).await?;
        person.wait_text("is linked and connected", PATIENCE).await?;
        Ok(took)
    }

    /// Waits until this many numbers are connected.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn connected(&self, count: u64) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let stats = self.whatsapp("GET", "stats", None).await?;
            if stats["online"].as_u64() >= Some(count) {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < 3 * PATIENCE, "not all numbers reconnect: {stats}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn child(binary: &Path, args: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new(binary);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command.spawn().context("start a simulator")
}
