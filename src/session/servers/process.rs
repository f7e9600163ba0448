//! A server's processes: started so that they do not outlive this one, signalled all together, and ended in every way.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

/// A running server, and whatever it has started itself.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts a program, as another user where it must not be root's. It is told to end when this process does.
    pub fn start(program: &std::path::Path, args: &[String], user: Option<&str>, log: fs::File) -> io::Result<Self> {
        let mut command = Command::new("setpriv");
        if let Some(user) = user {
            command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(args);
        let errors = log.try_clone()?;
        Ok(Process(command.stdin(Stdio::null()).stdout(log).stderr(errors).current_dir("/").spawn()?))
    }

    /// The process and those that it has started.
    fn all(&self) -> Vec<u32> {
        let mut found = vec![self.0.id()];
        let Ok(entries) = fs::read_dir("/proc") else { return found };
        let parents: Vec<(u32, u32)> = entries
            .filter_map(|entry| {
                let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
                // After the name, which may hold anything, come the state and the parent.
                let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
                Some((id, parent))
            })
            .collect();
        found.extend(parents.iter().filter(|(_, parent)| *parent == self.0.id()).map(|(id, _)| *id));
        found
    }

    /// Sends a signal to all of them.
    fn signal(&self, name: &str) -> io::Result<()> {
        let ids = self.all();
        let mut command = Command::new("kill");
        command.arg(format!("-{name}")).args(ids.iter().map(ToString::to_string));
        // Some may have ended meanwhile: that is no failure.
        command.stderr(Stdio::null()).status().map(drop)
    }

    /// Sends a signal to the first only, and waits until it has ended.
    fn stop(mut self, name: &str) -> io::Result<()> {
        Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).stderr(Stdio::null()).status()?;
        self.0.wait().map(drop)
    }

    /// Kills all of them.
    fn kill(mut self) -> io::Result<()> {
        self.signal("KILL")?;
        self.0.wait().map(drop)
    }

    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

/// The processes of a server, while it runs. They end with the value.
#[derive(Debug)]
pub struct Running {
    process: Option<Process>,
    /// The signal by which an operator would end it.
    end: &'static str,
}

impl Running {
    pub(super) fn ended_by(end: &'static str) -> Self {
        Running { process: None, end }
    }

    pub(super) fn begin(&mut self, process: Process) {
        self.process = Some(process);
    }

    /// Ends it as an operator would, at once: PostgreSQL keeps its commits, Redis saves nothing.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self) -> io::Result<()> {
        self.process.take().map_or(Ok(()), |process| process.stop(self.end))
    }

    /// Kills it and everything it has started.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Stops it in its tracks, connections and all.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn freeze(&self) -> io::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal("STOP"))
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn thaw(&self) -> io::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal("CONT"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is going anyway.
        drop(self.kill());
    }
}
