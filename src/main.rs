use clap::Parser;
use palisade::cli::Cli;
use palisade::outcome::Outcome;

fn main() -> Outcome {
    palisade::commands::dispatch(Cli::parse())
}
