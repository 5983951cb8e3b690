//! `palisade doctor`: checks what a run needs.

use std::io::Write;
use std::sync::Arc;

use super::output::{Terminal, printable, write_out};
use super::run::{block_on, discover_files, engine_resources};
use super::{Failure, settings};
use crate::aws::Sessions;
use crate::catalog::Statement;
use crate::cli::doctor::DoctorArgs;
use crate::cli::{Global, Listing};
use crate::config::settings::aws::AwsSettings;
use crate::config::settings::{Flags, Settings};
use crate::doctor::{Check, Status, as_json, aws, count, local};
use crate::engine::local::LocalEngine;
use crate::events::scan::Progress;
use crate::outcome::Outcome;

pub fn doctor(arguments: &DoctorArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let flags = Flags::default()
        .list("events", &arguments.events)
        .one("inventory", arguments.inventory.as_ref().map(|folder| folder.display()));
    let settings = settings(&flags, global.config.as_deref())?;
    let mut checks = vec![local::settings(&settings), local::perimeter(&settings)];
    let (of_inventory, inventory) = local::inventory(&settings);
    checks.extend(of_inventory);
    checks.extend(events(arguments, &settings, terminal)?);
    let uses_aws = settings.aws != AwsSettings::default() || settings.athena.database.is_some() || in_buckets(&settings);
    if arguments.offline {
        checks.push(Check::not_checked("AWS", "--offline asks nothing of AWS"));
    } else if !uses_aws {
        checks.push(Check::not_checked(
            "AWS",
            "the settings name neither a section `aws`, nor tables on Athena, nor events in S3",
        ));
    } else {
        match Sessions::new(settings.aws.clone()) {
            Ok(sessions) => {
                let doctor = aws::Doctor { settings: &settings, sessions: &sessions, inventory: inventory.as_ref() };
                checks.extend(block_on(doctor.checks())?);
            }
            Err(error) => checks.push(Check::fail("AWS", error.to_string(), "correct the environment of the program")),
        }
    }
    match arguments.format {
        Listing::Text => write_out(|out| text(&checks, terminal, out))?,
        Listing::Json => write_out(|out| {
            serde_json::to_writer_pretty(&mut *out, &as_json(&checks))?;
            writeln!(out)
        })?,
    }
    let [ok, warn, fail, not_checked] = Status::ALL.map(|status| count(&checks, status));
    terminal.note(&format!("{ok} ok, {warn} to look at, {fail} failed, {not_checked} not checked"));
    Ok(if fail > 0 { Outcome::NotReady } else { Outcome::Success })
}

fn in_buckets(settings: &Settings) -> bool {
    settings.events.iter().any(|place| place.starts_with("s3://"))
}

/// What kinds of events there are. Those in S3 and on Athena are not read for this: that may cost something.
fn events(arguments: &DoctorArgs, settings: &Settings, terminal: &Terminal) -> Result<Vec<Check>, Failure> {
    const SUBJECT: &str = "events";
    if arguments.without_events {
        return Ok(vec![Check::not_checked(SUBJECT, "--without-events does not read them")]);
    }
    let remote = in_buckets(settings) || (settings.events.is_empty() && settings.athena.database.is_some());
    if remote {
        let why =
            "reading events in S3 or on Athena has a price, so it is left to a run: its report says which kinds there are";
        return Ok(vec![Check::not_checked("data events", why)]);
    }
    if settings.events.is_empty() {
        let advice = "name a folder of CloudTrail, a place in S3 or tables on Athena";
        return Ok(vec![Check::fail(SUBJECT, "no events are named", advice)]);
    }
    let (discovery, scope) = match discover_files(settings) {
        Ok(found) => found,
        Err(failure) => return Ok(vec![Check::fail(SUBJECT, failure.message, "correct `events`")]),
    };
    let files = discovery.files.len();
    let statement = Statement {
        sql: local::CATEGORIES.to_owned(),
        values: Vec::new(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    };
    let progress = Arc::new(Progress::default());
    let engine = LocalEngine::new(Arc::new(discovery.files), scope, engine_resources(settings), Arc::clone(&progress));
    let watch = terminal.watch("reading", files, &progress);
    let answer = block_on(engine.run(&statement))?;
    drop(watch);
    Ok(match answer {
        Ok(frame) => {
            let mut checks = vec![Check::ok(SUBJECT, format!("{files} files"))];
            let kinds = local::data_events(&frame);
            if kinds.iter().any(|check| check.subject == SUBJECT) {
                checks.clear();
            }
            checks.extend(kinds);
            checks
        }
        Err(error) => vec![Check::fail(SUBJECT, error.to_string(), "run it with `-vv` for more")],
    })
}

fn text(checks: &[Check], terminal: &Terminal, out: &mut dyn Write) -> std::io::Result<()> {
    use anstyle::AnsiColor;
    for check in checks {
        let (label, color) = match check.status {
            Status::Ok => ("ok  ", AnsiColor::Green),
            Status::Warn => ("warn", AnsiColor::Yellow),
            Status::Fail => ("FAIL", AnsiColor::Red),
            Status::NotChecked => ("-   ", AnsiColor::BrightBlack),
        };
        let (subject, seen) = (printable(&check.subject), printable(&check.seen));
        if terminal.color() {
            let style = color.on_default().bold();
            writeln!(out, "{style}{label}{style:#} {subject}: {seen}")?;
        } else {
            writeln!(out, "{label} {subject}: {seen}")?;
        }
        if let Some(advice) = &check.advice {
            writeln!(out, "       {}", printable(advice))?;
        }
    }
    Ok(())
}
