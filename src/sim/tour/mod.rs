//! The tour: what the product does, played on the real daemon between two simulators, each outcome checked.
//!
//! It needs no network, phone or token, keeps nothing, and ends with success only when every check was seen to hold.
//! It owns a temporary folder, the simulators and the daemon, and ends them all, whatever happens.
mod acts;
mod cast;
mod checks;
mod crash;
mod disk;
mod rest;
mod show;

use super::stage::{Stage, StageConfig};
use anyhow::{Context as _, ensure};
use cast::{ANA, ANA_ID, BUDI, BUDI_ID, PHONES, Person};
use checks::Check;
use show::Show;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How much of the daemon's log is shown after a failure, in lines.
const LOG_LINES: usize = 40;
/// The longest that a tour may take, on however busy a machine.
const WHOLE: Duration = Duration::from_secs(240);

/// Plays the tour. `Ok(true)`: every outcome was checked and holds.
///
/// # Errors
/// When it could not even begin, or was interrupted.
pub async fn run(json: bool) -> anyhow::Result<bool> {
    let show = Show::stdout(json);
    let folder = tempfile::Builder::new().prefix("sekat-tour-").tempdir().context("make a temporary folder")?;
    let binary = std::env::current_exe().context("find this program")?;
    show.title(
        "Sekat: a tour",
        "Two people share one Telegram bot; each runs their own WhatsApp number through it. Telegram and WhatsApp are played\n\
         by simulators on this machine; the daemon between them is the real one, in a process of its own.\n\
         👤 writes to the bot · 🤖 the bot · 📱 a phone with WhatsApp · ✓ an outcome that was checked",
    );
    let begin = Instant::now();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut stage = None;
    // Boxed: the future of the whole tour is large, and is made once.
    let played = tokio::select! {
        played = tokio::time::timeout(WHOLE, Box::pin(play(&show, &folder, binary, &mut stage))) => {
            played.context("the tour takes too long").and_then(|played| played)
        }
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    if let Err(e) = &played {
        eprintln!("the tour broke off: {e:#}");
        log_tail(&folder);
    }
    if let Some(stage) = stage {
        leave(&show, stage, &folder, played.is_ok()).await;
    }
    show.check(Check::Clean, async { folder.close().context("remove the temporary folder") })
        .await
        .unwrap_or_else(|e| eprintln!("failed to {e:#}"));
    let good = show.verdict() && played.is_ok();
    show.line("");
    let took = begin.elapsed().as_secs_f32();
    show.line(&format!("{} of {} outcomes hold; {took:.1} s.", show.held(), Check::ALL.len()));
    Ok(good)
}

/// The acts, in order. The stage stays with the caller, who ends it in any case.
async fn play(
    show: &Show,
    folder: &TempDir,
    binary: std::path::PathBuf,
    stage: &mut Option<Stage>,
) -> anyhow::Result<()> {
    show.section("The bot comes up");
    let more = format!("[session]\nttl = \"{}s\"\nsweep = \"200ms\"\n", rest::TTL.as_secs());
    let config = StageConfig { more, ..StageConfig::new(binary, folder.path(), &[ANA_ID, BUDI_ID]) };
    let stage = stage.insert(show.check(Check::Start, Stage::open(config)).await?);
    for phone in PHONES {
        stage.phone(phone.number, phone.name)?;
    }
    show.aside(&format!("daemon {} (sekat-demo run), two people allowed", stage.pid().unwrap_or_default()));
    let mut ana = Person::new(stage, show, ANA_ID, ANA.name);
    let mut budi = Person::new(stage, show, BUDI_ID, BUDI.name);

    acts::link(show, stage, &mut ana, &mut budi).await?;
    acts::stranger(show, stage).await?;
    let (from_citra, _) = Box::pin(acts::chat(show, stage, &mut ana, &mut budi)).await?;
    acts::buttons(show, stage, &mut ana, &mut budi).await?;
    rest::idle(show, stage, &mut budi).await?;
    Box::pin(rest::resumed(show, stage, &mut budi)).await?;
    Box::pin(rest::registers(show, stage, &mut budi)).await?;
    Box::pin(crash::killed_in_conversation(show, stage, &mut ana, &from_citra)).await?;
    acts::sealed(show, stage).await?;
    acts::logout(show, stage, &mut budi).await?;
    acts::erase(show, stage, &mut ana).await?;
    acts::left_on_disk(show, stage)
}

/// Ends the daemon and the simulators, and looks whether they are gone.
async fn leave(show: &Show, stage: Stage, folder: &TempDir, well: bool) {
    if well {
        show.section("The end");
    }
    let addresses = addresses(&stage);
    let stopped = show.check(Check::Stop, stage.close()).await;
    if let Err(e) = stopped {
        eprintln!("failed to stop: {e:#}");
        log_tail(folder);
    }
    let free = async {
        for address in addresses? {
            let answer = tokio::net::TcpStream::connect(address).await;
            ensure!(answer.is_err(), "something still listens at {address}");
        }
        Ok(())
    };
    show.check(Check::Ports, free).await.unwrap_or_else(|e| eprintln!("failed to leave: {e:#}"));
}

/// Where the simulators listen.
fn addresses(stage: &Stage) -> anyhow::Result<Vec<SocketAddr>> {
    let urls = [stage.whatsapp.ws_url(), stage.whatsapp.control_url()];
    let mut all = vec![stage.telegram.address()];
    for url in urls {
        let address = url.split('/').nth(2).context("an address without a host")?;
        all.push(address.parse().with_context(|| format!("read the address {address}"))?);
    }
    Ok(all)
}

fn log_tail(folder: &TempDir) {
    let log = std::fs::read_to_string(folder.path().join("sekat.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    eprintln!("The end of the daemon's log:");
    for line in &lines[from..] {
        eprintln!("  {line}");
    }
}
