use clap::Parser;
use palisade::cli::Cli;
use palisade::outcome::Outcome;

/// Records and contexts are many small texts, on several threads at once: the allocator is a good part of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Outcome {
    if let Some(outcome) =
        palisade::commands::version::answer(std::env::args_os().map(|own| own.to_string_lossy().into_owned()))
    {
        return outcome;
    }
    palisade::commands::dispatch(Cli::parse())
}
