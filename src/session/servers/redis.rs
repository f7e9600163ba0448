//! A private Redis.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{Process, Running};
use super::{Certificate, HeldPort, wait_until};

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// What it asks for.
    pub password: Option<String>,
    /// With which it speaks TLS, beside a port in clear.
    pub tls: Option<Certificate>,
    /// Further lines of its configuration.
    pub lines: Vec<String>,
}

/// A private Redis.
#[derive(Debug)]
pub struct RedisServer {
    /// Before the folder: ended first.
    running: Running,
    dir: TempDir,
    port: HeldPort,
    tls_port: HeldPort,
    options: RedisOptions,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not come up; `apt-get install redis-server` brings it.
    pub fn start(options: RedisOptions) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("sekat-redis-").tempdir()?;
        let mut server = RedisServer {
            dir,
            port: HeldPort::take()?,
            tls_port: HeldPort::take()?,
            options,
            running: Running::ended_by("TERM"),
        };
        server.up()?;
        Ok(server)
    }

    /// The port in clear.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The port under TLS.
    pub fn tls_port(&self) -> u16 {
        self.tls_port.number()
    }

    /// Where the snapshot lies.
    fn snapshot(&self) -> PathBuf {
        self.dir.path().join("dump.rdb")
    }

    /// Starts it again after it was stopped or killed; it reads its snapshot, if there is one.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up(&mut self) -> io::Result<()> {
        let mut text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nsave \"\"\nappendonly no\ndaemonize no\nenable-debug-command local\n",
            self.port(),
            self.dir.path().display()
        );
        if let Some(tls) = &self.options.tls {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            text += &format!("tls-port {}\ntls-cert-file {certificate}\ntls-key-file {key}\n", self.tls_port());
            text += "tls-auth-clients no\n";
        }
        if let Some(password) = &self.options.password {
            text += &format!("requirepass {password}\n");
        }
        for line in &self.options.lines {
            text += &format!("{line}\n");
        }
        let file = self.dir.path().join("redis.conf");
        fs::write(&file, text)?;
        let log = File::options().create(true).append(true).open(self.dir.path().join("log"))?;
        let mut process = Process::start("redis-server".as_ref(), &[file.display().to_string()], None, log)?;
        wait_until(|| {
            if process.has_ended()? {
                let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("redis-server ended: {log}")));
            }
            Ok(self.command(&["PING"]).is_ok_and(|answer| answer == "+PONG"))
        })?;
        self.running.begin(process);
        Ok(())
    }

    /// Sends one command, and gives the first line of the answer, or the whole of a text.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.port.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        if let Some(password) = &self.options.password {
            send(&mut stream, &["AUTH", password])?;
            answer(&mut reader)?;
        }
        send(&mut stream, words)?;
        answer(&mut reader)
    }

    /// Takes a snapshot of what it holds now; a later start reads it.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn save(&self) -> io::Result<()> {
        let answer = self.command(&["SAVE"])?;
        if answer == "+OK" { Ok(()) } else { Err(io::Error::other(answer)) }
    }

    /// Throws the snapshot away.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(self.snapshot()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

/// It can be stopped, killed, frozen and thawed.
impl Deref for RedisServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for RedisServer {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

fn send(stream: &mut TcpStream, words: &[&str]) -> io::Result<()> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(text.as_bytes())
}

fn answer(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end().to_owned();
    let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) else { return Ok(line) };
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}
