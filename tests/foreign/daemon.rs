//! The daemon, as a process of its own, pointed at servers by nothing but its configuration.
use super::PATIENCE;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub struct Daemon {
    folder: TempDir,
    child: Option<Child>,
}

impl Daemon {
    /// Configured, not running.
    pub fn new(api_url: &str, endpoint: &str, token: &str, allow: &[i64]) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("token"), token).unwrap();
        fs::set_permissions(path("token"), fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "telegram.api_url = {api_url:?}\ntelegram.token_file = {:?}\ntelegram.chat_per_second = 100\n\
             access.allow = {allow:?}\ndata.dir = {:?}\nsessions.dir = {:?}\nwhatsapp.web.endpoint = {endpoint:?}\n",
            path("token"),
            path("data"),
            path("sessions"),
        );
        fs::write(path("sekat.toml"), config).unwrap();
        Daemon { folder, child: None }
    }

    pub async fn started(api_url: &str, endpoint: &str, token: &str, allow: &[i64]) -> Daemon {
        let mut daemon = Daemon::new(api_url, endpoint, token, allow);
        daemon.start().await;
        daemon
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
        command.args(args).current_dir(self.folder.path()).env_clear().env("PATH", "/usr/bin:/bin").kill_on_drop(true);
        command
    }

    /// A command that ends by itself: all that it says, and its exit code.
    pub async fn once(&self, args: &[&str]) -> (String, Option<i32>) {
        let output = self.command(args).stdin(Stdio::null()).output();
        let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends in time").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout) + &text(&output.stderr), output.status.code())
    }

    pub async fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let begin = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let child = self.command(&["run"]).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child = Some(child.unwrap());
        let until = Instant::now() + PATIENCE;
        while !self.log()[begin..].contains("event=\"ready\"") {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "the daemon does not get ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Stops it as systemd would.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = child.id().expect("it still runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it stops in time").unwrap();
        assert!(ended.success(), "it ended with {ended}: {}", self.log());
    }

    pub fn has(&self, name: impl AsRef<Path>) -> bool {
        self.folder.path().join(name).exists()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}
