//! Statements that run now, so that Ctrl-C can cancel them: nobody would read their answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};

use reqwest::Url;

use super::client::{Connection, cancel};
use crate::engine::interrupt::cancel_with;

static RUNNING: Mutex<Running> = Mutex::new(Running { next: 0, statements: BTreeMap::new() });
static LISTENER: Once = Once::new();

struct Running {
    next: u64,
    /// Where each is cancelled.
    statements: BTreeMap<u64, (Connection, Url)>,
}

fn running() -> std::sync::MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A statement's place in the list, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket(u64);

impl Ticket {
    pub(super) fn new() -> Self {
        let mut running = running();
        running.next += 1;
        Ticket(running.next)
    }

    /// The statement goes on there; `None` when it has ended.
    pub(super) fn goes_on(&self, connection: &Connection, next: Option<&Url>) {
        match next {
            Some(url) => running().statements.insert(self.0, (connection.clone(), url.clone())),
            None => running().statements.remove(&self.0),
        };
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        running().statements.remove(&self.0);
    }
}

/// From now on Ctrl-C cancels what runs on clusters, and ends the program with its own exit code.
pub(super) fn cancel_on_interrupt() {
    LISTENER.call_once(|| cancel_with(cancel_all));
}

async fn cancel_all() {
    let statements: Vec<(Connection, Url)> = running().statements.values().cloned().collect();
    futures::future::join_all(statements.into_iter().map(|(connection, url)| cancel(connection, url))).await;
}
