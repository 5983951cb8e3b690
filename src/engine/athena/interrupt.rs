//! Ctrl-C while statements run: they are cancelled, so that nobody pays for what nobody reads.

use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::runner::{Runner, Stop};
use crate::outcome::Outcome;

/// Longest wait for statements to be cancelled.
const PATIENCE: Duration = Duration::from_secs(20);

static RUNNERS: Mutex<Vec<Weak<Runner>>> = Mutex::new(Vec::new());
static LISTENER: Once = Once::new();

/// From now on Ctrl-C cancels the statements of this runner and ends the program with its own exit code.
pub fn cancel_on_interrupt(runner: &Arc<Runner>) {
    let mut runners = RUNNERS.lock().unwrap_or_else(PoisonError::into_inner);
    runners.retain(|known| known.strong_count() > 0);
    runners.push(Arc::downgrade(runner));
    drop(runners);
    // A thread of its own: the runtimes of commands come and go, and once a signal is listened for it ends nothing by itself.
    LISTENER.call_once(|| {
        std::thread::spawn(listen);
    });
}

fn listen() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        if signal().await.is_err() {
            return;
        }
        tracing::warn!("interrupted: cancelling statements; once more to leave them");
        let runners: Vec<Arc<Runner>> =
            RUNNERS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
        for runner in &runners {
            runner.stop(Stop::Interrupted);
        }
        let ended = async {
            let begun = Instant::now();
            while runners.iter().any(|runner| runner.active() > 0) && begun.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = ended => {}
            _ = signal() => {}
        }
        std::process::exit(i32::from(Outcome::Interrupted.code()));
    });
}

/// Ctrl-C, or the request of the system to end.
async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
