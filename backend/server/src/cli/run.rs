//! Running the server: from the first line that it prints to the last thing that it stores.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::admin::metrics::Admin;
use crate::admin::upkeep;
use crate::app::App;
use crate::config::Config;
use crate::environment::Environment;
use crate::http;
use crate::link::{self, Door};

/// How often to look whether the sessions have gone.
const LOOK: Duration = Duration::from_millis(20);

/// Run until the process is told to stop.
pub(super) fn run(
    config: Config,
    background: super::Background,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // Each session takes a file descriptor, and the usual limit is 1,024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(background) = background {
        runtime.spawn(background);
    }
    runtime.block_on(serve(config, out))
}

async fn serve(config: Config, out: &mut impl Write) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    // First of all: a second server on the same port should hear of that, not of the database.
    let listener = listen(&config).await?;
    let admin = Admin::bind(&config).await?;
    let door = Door::bind(&config).await?;
    let app = App::start(config, Environment::real()).await?;
    if let Some(admin) = admin {
        tokio::spawn(admin.serve(app.clone()));
    }
    if let Some(door) = door {
        tokio::spawn(door.serve(app.clone()));
        if app.config.roles.gateway {
            tokio::spawn(link::keep(app.clone()));
        }
    }
    #[cfg(feature = "cluster")]
    if !app.config.cluster.zookeeper.is_empty() {
        let hosts = app.config.cluster.zookeeper.clone();
        tokio::spawn(crate::discovery::zookeeper::keep(app.clone(), hosts));
    }
    greet(&app, listener.as_ref(), out).await?;
    let failed = app.failed();
    let upkeep = tokio::spawn(upkeep::run(app.clone()));
    let (router, config) = (http::router(app.clone()), app.config.clone());
    let accepting = async {
        if let Some(listener) = listener {
            http::serve::serve(listener, router, &config, app.stop.clone()).await;
        }
    };
    let stopping = async {
        tokio::select! {
            biased;
            () = signals.next() => {}
            () = failed.cancelled() => {}
        }
        tracing::info!("stopping");
        app.drain();
        let gone = async {
            while app.delivery.sessions() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        let patience = Duration::from_secs(app.config.server.drain_seconds);
        if tokio::time::timeout(patience, gone).await.is_err() {
            tracing::warn!(sessions = app.delivery.sessions(), "did not go in time");
        }
    };
    let both = async { tokio::join!(accepting, stopping) };
    both.await;
    upkeep.abort();
    let why = app.why();
    app.stop().await;
    tracing::info!("stopped");
    match why {
        None => Ok(()),
        Some(error) => Err(error).context("a stage has ended"),
    }
}

/// Where apps come to, if they come to this node.
async fn listen(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    if !config.roles.gateway {
        return Ok(None);
    }
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("server.listen: cannot listen on {address}"))?;
    Ok(Some(listener))
}

async fn greet(
    app: &App,
    listener: Option<&TcpListener>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let data = app.config.server.data.display();
    let version = env!("CARGO_PKG_VERSION");
    let Some(listener) = listener else {
        let (node, roles) = (&app.config.server.node, app.config.roles);
        writeln!(out, "kithd {version}, node {node}, is {roles}; apps do not come to it")?;
        return Ok(out.flush()?);
    };
    let address = listener.local_addr()?;
    writeln!(out, "kithd {version} listens on http://{address}; its data is in {data}")?;
    if app.stores.accounts.count().await? == 0 {
        let device = app.environment.id();
        writeln!(
            out,
            "There are no accounts yet. To make the first one, start the app, give it this address \
             and choose to make an account; or:\n  \
             curl http://{address}/v1/register -H 'Content-Type: application/json' \\\n    \
             -d '{{\"name\":\"ada\",\"password\":\"CHANGE-ME\",\"device\":\
             {{\"id\":\"{device}\",\"name\":\"terminal\",\"platform\":\"curl\"}}}}'"
        )?;
    }
    Ok(out.flush()?)
}

/// What tells a process to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on a signal is noted, also before anybody waits for it.
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
