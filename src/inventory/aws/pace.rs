//! How many requests run at once: more while the service answers, half as many when it throttles.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Requests that were under way together are throttled together; they count as one sign.
const ONE_SIGN: Duration = Duration::from_millis(250);

/// Bounds the requests to one service in one region.
#[derive(Debug)]
pub(super) struct Pace {
    state: Mutex<State>,
    changed: Notify,
    most: f64,
}

#[derive(Debug)]
struct State {
    /// A fraction, so that many answers together allow one request more.
    allowed: f64,
    running: u32,
    slowed: Option<Instant>,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Pace);

impl Pace {
    /// Begins with a quarter of `most`.
    pub(super) fn new(most: u16) -> Pace {
        let most = f64::from(most.max(1));
        let allowed = (most / 4.0).max(1.0);
        Pace { state: Mutex::new(State { allowed, running: 0, slowed: None }), changed: Notify::new(), most }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more request may run.
    pub(super) async fn turn(&self) -> Turn<'_> {
        loop {
            // Registered before the look, so that a turn that ends in between is not missed.
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if f64::from(state.running) + 1.0 <= state.allowed {
                    state.running += 1;
                    return Turn(self);
                }
            }
            changed.await;
        }
    }

    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.allowed = (state.allowed + 1.0 / state.allowed).min(self.most);
    }

    pub(super) fn throttled(&self) {
        let mut state = self.state();
        let now = Instant::now();
        if state.slowed.is_none_or(|slowed| now.duration_since(slowed) > ONE_SIGN) {
            state.allowed = (state.allowed / 2.0).max(1.0);
            state.slowed = Some(now);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running = state.running.saturating_sub(1);
        drop(state);
        // All that wait look again: more than one may be allowed by now.
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_widen_and_throttling_halves() {
        let pace = Pace::new(8);
        let _first = pace.turn().await;
        let second = pace.turn().await;
        assert!(tokio::time::timeout(Duration::from_millis(10), pace.turn()).await.is_err(), "a quarter of eight is two");
        (0..40).for_each(|_| pace.answered());
        let more: Vec<Turn<'_>> = vec![pace.turn().await, pace.turn().await];
        drop(more);
        pace.throttled();
        // Throttled at the same time: still one sign.
        pace.throttled();
        assert!((pace.state().allowed - 4.0).abs() < 0.01, "{}", pace.state().allowed);
        drop(second);
        let _turns = [pace.turn().await, pace.turn().await, pace.turn().await];
        assert!(tokio::time::timeout(Duration::from_millis(10), pace.turn()).await.is_err());
    }
}
