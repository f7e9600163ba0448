//! A private PostgreSQL.

use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::{Process, Running};
use super::{Certificate, HeldPort, wait_until};

/// The one that PostgreSQL runs as where we are root, which it refuses to be. Its package makes it.
const USER: &str = "postgres";

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// What it asks for; without one it believes everybody.
    pub password: Option<String>,
    /// With which it speaks TLS.
    pub tls: Option<Certificate>,
    /// Whether commits wait for the disk. A killed server loses nothing without; only a machine without power does.
    pub flush: bool,
}

/// A private PostgreSQL, with the user and the database `sekat`.
#[derive(Debug)]
pub struct PostgresServer {
    /// Before the folder: ended first.
    running: Running,
    dir: TempDir,
    port: HeldPort,
    options: PostgresOptions,
}

impl PostgresServer {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// When it does not come up; `apt-get install postgresql` brings it.
    pub fn start(options: PostgresOptions) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("sekat-postgres-").tempdir()?;
        let mut server = PostgresServer { dir, port: HeldPort::take()?, options, running: Running::ended_by("INT") };
        server.make()?;
        server.up()?;
        server.sql("CREATE DATABASE sekat")?;
        Ok(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// How to reach it, by `port`: its own, or a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        let password = self.options.password.as_deref().map(|p| format!(":{p}")).unwrap_or_default();
        format!("postgres://sekat{password}@127.0.0.1:{port}/sekat")
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn make(&self) -> io::Result<()> {
        own(self.dir.path())?;
        let mut args = vec!["--no-sync", "--username=sekat", "--encoding=UTF8", "--no-locale", "--no-instructions"];
        let (pwfile, data) = (self.dir.path().join("password"), self.data().display().to_string());
        let file = format!("--pwfile={}", pwfile.display());
        if let Some(password) = &self.options.password {
            fs::write(&pwfile, password)?;
            own(&pwfile)?;
            args.extend(["--auth=scram-sha-256", &file]);
        } else {
            args.push("--auth=trust");
        }
        args.extend(["-D", &data]);
        let log = self.log()?;
        let done = as_user(&program("initdb")?).args(args).stdout(log.try_clone()?).stderr(log).status()?;
        if !done.success() {
            return Err(io::Error::other(fs::read_to_string(self.dir.path().join("log"))?));
        }
        let mut text = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 60\n\
             shared_buffers = 16MB\nfsync = {}\nlog_min_messages = fatal\n",
            self.port(),
            if self.options.flush { "on" } else { "off" }
        );
        if let Some(tls) = &self.options.tls {
            for (from, to) in [(&tls.certificate, "server.crt"), (&tls.key, "server.key")] {
                let to = self.data().join(to);
                fs::copy(from, &to)?;
                fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
                own(&to)?;
            }
            text += "ssl = on\n";
        }
        let file = self.data().join("postgresql.auto.conf");
        fs::write(&file, text)?;
        own(&file)
    }

    fn log(&self) -> io::Result<File> {
        File::options().create(true).append(true).open(self.dir.path().join("log"))
    }

    /// Starts it again after it was stopped or killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up(&mut self) -> io::Result<()> {
        let args = ["-D".to_owned(), self.data().display().to_string()];
        let begin = || Process::start(&program("postgres")?, &args, is_root()?.then_some(USER), self.log()?);
        let mut process = begin()?;
        wait_until(|| {
            if process.has_ended()? {
                // After a kill its processes may still hold the shared memory for an instant.
                process = begin()?;
            }
            Ok(self.sql("SELECT 1").is_ok())
        })?;
        self.running.begin(process);
        Ok(())
    }

    /// Runs SQL; gives what `psql` prints.
    ///
    /// # Errors
    /// What the server said.
    pub fn sql(&self, text: &str) -> io::Result<String> {
        // Quicker to learn that nobody is there than from psql.
        drop(TcpStream::connect(self.port.address())?);
        let mut command = Command::new(program("psql")?);
        let port = self.port().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", "sekat", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", text]);
        let database = if text.starts_with("CREATE DATABASE") || text == "SELECT 1" { "postgres" } else { "sekat" };
        command.args(["-d", database]).env("PGCONNECT_TIMEOUT", "10").stdin(Stdio::null());
        if let Some(password) = &self.options.password {
            command.env("PGPASSWORD", password);
        }
        let output = command.output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

/// It can be stopped, killed, frozen and thawed.
impl Deref for PostgresServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for PostgresServer {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

/// Where Debian puts them, or wherever the path finds them; the newest where there are several.
fn program(name: &str) -> io::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten() {
        let path = entry?.path();
        let version = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok());
        let file = path.join("bin").join(name);
        if let Some(version) = version.filter(|_| file.exists()) {
            found.push((version, file));
        }
    }
    found.sort();
    Ok(found.pop().map_or_else(|| PathBuf::from(name), |(_, path)| path))
}

fn is_root() -> io::Result<bool> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn as_user(program: &Path) -> Command {
    if !is_root().unwrap_or(false) {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "--"]).arg(program);
    command.current_dir("/");
    command
}

/// Gives a file to the one that PostgreSQL runs as.
fn own(path: &Path) -> io::Result<()> {
    if !is_root()? {
        return Ok(());
    }
    let done = Command::new("chown").arg(USER).arg(path).status()?;
    if done.success() { Ok(()) } else { Err(io::Error::other("chown failed")) }
}
