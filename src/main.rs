use clap::Parser;
use palisade::cli::Cli;
use palisade::outcome::Outcome;

fn main() -> Outcome {
    if let Some(outcome) =
        palisade::commands::version::answer(std::env::args_os().map(|own| own.to_string_lossy().into_owned()))
    {
        return outcome;
    }
    palisade::commands::dispatch(Cli::parse())
}
