//! Ctrl-C while statements run on a remote engine: they are cancelled, so that nobody pays for what nobody reads.

use crate::outcome::Outcome;

/// From now on Ctrl-C runs `cancel` and then ends the program with its own exit code; a second one does not wait for `cancel`.
pub(super) fn cancel_with<C, F>(cancel: C)
where
    C: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()>,
{
    // A thread of its own: the runtimes of commands come and go, and once a signal is listened for it ends nothing by itself.
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if signal().await.is_err() {
                return;
            }
            tracing::warn!("interrupted: cancelling statements; once more to leave them");
            tokio::select! {
                () = cancel() => {}
                _ = signal() => {}
            }
            std::process::exit(i32::from(Outcome::Interrupted.code()));
        });
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
