//! The commands that only the demo build has.
use super::{load, telegram, tour, whatsapp};
use clap::Subcommand;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// A command of the demo build.
#[derive(Subcommand)]
pub enum SimCommand {
    /// Stand in for Telegram's Bot API, with a control API under /control
    Telegram {
        /// Where to listen; loopback only
        #[arg(long, default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        /// The bot's token
        #[arg(
            long,
            env = "SEKAT_DEMO_TOKEN",
            default_value = "7000000001:simulated-token-for-loopback-only-1",
            hide_env_values = true
        )]
        token: String,
        /// Do not limit how fast the bot may send
        #[arg(long)]
        unlimited: bool,
    },
    /// Stand in for WhatsApp's server
    Whatsapp {
        /// Where devices connect; loopback only
        #[arg(long, default_value = "127.0.0.1:8082")]
        listen: SocketAddr,
        /// Where the control API listens; loopback only
        #[arg(long, default_value = "127.0.0.1:8083")]
        control: SocketAddr,
    },
    /// Measure: how fast it is and what it costs
    Load(load::Options),
    /// Play the whole product on this machine, from linking to erasing, and check each outcome (cargo demo)
    Tour {
        /// Print one line for each check and nothing else: {"check": …, "ok": …, "ms": …}
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked, and gives the process's exit code.
pub fn execute(command: SimCommand) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("failed to start the runtime: {e}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(run(command));
    match done {
        Ok(code) => code,
        Err(e) => {
            eprintln!("failed: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: SimCommand) -> anyhow::Result<ExitCode> {
    let cancel = CancellationToken::new();
    match command {
        SimCommand::Telegram { listen, token, unlimited } => {
            let mut config = telegram::SimConfig { listen, token, ..telegram::SimConfig::default() };
            if unlimited {
                config.limits = telegram::RateLimits::off();
                config.call_log = 0;
            }
            println!("Telegram stands in at http://{listen}, its control API at http://{listen}/control");
            until_signal(&cancel, telegram::serve(listen, config, cancel.clone())).await??;
        }
        SimCommand::Whatsapp { listen, control } => {
            println!("WhatsApp stands in at ws://{listen}/ws/chat, its control API at http://{control}");
            until_signal(&cancel, whatsapp::serve(listen, control, cancel.clone())).await??;
        }
        SimCommand::Tour { json } => {
            let good = tour::run(json).await?;
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        SimCommand::Load(options) => return load::execute(options).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves until SIGINT or SIGTERM.
async fn until_signal<T>(cancel: &CancellationToken, serve: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::pin!(serve);
    tokio::select! {
        done = &mut serve => return Ok(done),
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    cancel.cancel();
    Ok(serve.await)
}
