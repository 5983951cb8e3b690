//! Ctrl-C while statements run: they are cancelled, so that nobody pays for what nobody reads.

use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::runner::{Runner, Stop};
use crate::engine::interrupt::cancel_with;

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
    LISTENER.call_once(|| cancel_with(cancel_all));
}

async fn cancel_all() {
    let runners: Vec<Arc<Runner>> =
        RUNNERS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    for runner in &runners {
        runner.stop(Stop::Interrupted);
    }
    let begun = Instant::now();
    while runners.iter().any(|runner| runner.active() > 0) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
