//! What Palisade promises, seen from the outside, by capability.
#![cfg_attr(
    test,
    expect(
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::string_slice,
        clippy::needless_borrows_for_generic_args,
        unreachable_pub,
        reason = "a test that slices wrongly fails, and says where; one that is skipped says why"
    )
)]

#[cfg(test)]
mod access;
#[cfg(test)]
mod activity;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod enrich;
#[cfg(test)]
mod events;
#[cfg(test)]
mod import_dph;
#[cfg(test)]
mod inventory;
#[cfg(test)]
mod inventory_aws;
#[cfg(test)]
mod perimeter;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod policy_changes;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod replay_scenarios;
#[cfg(test)]
mod report_html;
#[cfg(test)]
mod report_tabular;
#[cfg(test)]
mod run_folder;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod support;
#[cfg(test)]
mod table_layouts;
#[cfg(test)]
mod trino;
#[cfg(test)]
mod whatif;
#[cfg(test)]
mod whatif_words;
