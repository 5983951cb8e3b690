//! `palisade setup`: tables on Athena, and permissions.

use std::path::Path;

use serde_json::{Map, Value};

use super::output::{Terminal, print};
use super::run::block_on;
use super::{Failure, settings};
use crate::aws::objects::Location;
use crate::aws::{AwsError, Purpose, Sessions, calls};
use crate::cli::Global;
use crate::cli::setup::{AthenaArgs, PermissionsArgs, SetupArgs, SetupCommand};
use crate::config::settings::athena::AthenaSettings;
use crate::config::settings::{Flags, Settings, value};
use crate::config::values::{self, Wrong};
use crate::outcome::Outcome;
use crate::setup::existing;
use crate::setup::permissions::{self, RolePolicy, Values};
use crate::setup::tables::{self, REGIONS, Trail};
use crate::setup::workgroup::{Plan, State, Thing, Workgroup};

/// Database and workgroup where no setting names any.
const DEFAULT_NAME: &str = "palisade";

pub fn setup(arguments: SetupArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let settings = settings(&Flags::default(), global.config.as_deref())?;
    match arguments.command {
        SetupCommand::Athena(arguments) if arguments.detect => detect(&arguments, &settings, terminal),
        SetupCommand::Athena(arguments) => athena(&arguments, &settings, terminal),
        SetupCommand::Permissions(arguments) => print_permissions(&arguments, &settings, terminal),
    }
}

fn wrong(wrong: Wrong) -> Failure {
    match wrong.help {
        Some(help) => Failure::new(Outcome::Usage, format!("{}; {help}", wrong.message)),
        None => Failure::new(Outcome::Usage, wrong.message),
    }
}

fn aws(error: &AwsError) -> Failure {
    Failure::new(Outcome::Unexpected, error)
}

fn names(arguments: &AthenaArgs, settings: &AthenaSettings) -> (String, String) {
    // `primary` is where statements go that name no workgroup; it is not ours to set up.
    let own = Some(settings.workgroup.clone()).filter(|name| *name != AthenaSettings::default().workgroup);
    let workgroup = arguments.workgroup.clone().or(own).unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let database = arguments.database.clone().or_else(|| settings.database.clone()).unwrap_or_else(|| DEFAULT_NAME.to_owned());
    (workgroup, database)
}

fn plan(arguments: &AthenaArgs, settings: &Settings) -> Result<Plan, Failure> {
    let (workgroup, database) = names(arguments, &settings.athena);
    let regions = match (arguments.region.as_slice(), settings.athena.regions.as_slice()) {
        ([], []) => REGIONS.map(str::to_owned).to_vec(),
        ([], known) => known.to_vec(),
        (asked, _) => asked.to_vec(),
    };
    let trail = Trail {
        logs: arguments.logs.clone().unwrap_or_default(),
        data_logs: arguments.data_logs.clone(),
        organization_id: arguments.organization.clone(),
        accounts: arguments.account.clone(),
        regions,
        since: value::day(&arguments.since, settings.today()).map_err(wrong)?,
        network_activity: !arguments.without_network_activity,
    };
    let results = arguments.results.clone().or_else(|| settings.athena.output_location.clone()).unwrap_or_default();
    let cutoff = value::max_scan(&arguments.cutoff).map_err(wrong)?;
    if cutoff.is_some_and(|bytes| bytes < 10_000_000) {
        return Err(wrong(Wrong::with_help("the limit for a statement is too small", "Athena takes 10MB or more, or `none`")));
    }
    if !workgroup.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        || workgroup.len() > 128
    {
        return Err(wrong(Wrong::new(format!("`{workgroup}` is no name for a workgroup"))));
    }
    let tables = tables::tables(&trail, &database, &arguments.table).map_err(wrong)?;
    let workgroup = Workgroup {
        name: workgroup,
        results: tables::place(&results).map_err(wrong)?,
        key: arguments.results_key.clone(),
        cutoff,
    };
    Ok(Plan { catalog: settings.athena.catalog.clone(), workgroup, database, tables })
}

fn athena(arguments: &AthenaArgs, settings: &Settings, terminal: &Terminal) -> Result<Outcome, Failure> {
    let plan = plan(arguments, settings)?;
    let tables: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    let section = existing::settings(&plan.workgroup.name, &plan.database, &tables);
    if arguments.apply {
        return apply(&plan, settings, &section, terminal);
    }
    let create = tables::create_database(&plan.database).map_err(wrong)?;
    match &arguments.output {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
            write(&folder.join("1-workgroup.sh"), &format!("{}\n", plan.workgroup.command()), terminal)?;
            write(&folder.join("2-database.sql"), &format!("{create};\n"), terminal)?;
            for (number, table) in plan.tables.iter().enumerate() {
                let name = format!("{}-{}.sql", number + 3, table.name);
                write(&folder.join(name), &format!("{};\n", table.statement.trim_end()), terminal)?;
            }
            write(&folder.join("palisade.yaml"), &section, terminal)?;
        }
        None => {
            let mut text = format!("-- The workgroup:\n--   {}\n\n{create};\n", plan.workgroup.command());
            for table in &plan.tables {
                text.push_str(&format!("\n-- {}\n{};\n", table.holds, table.statement.trim_end()));
            }
            text.push_str("\n-- The settings:\n");
            section.lines().for_each(|line| text.push_str(&format!("--   {line}\n")));
            print(&text)?;
        }
    }
    if arguments.region.is_empty() && settings.athena.regions.is_empty() {
        terminal.note(&format!(
            "the tables know {} regions, those of the partition aws; calls in a region that they do not know are not seen (--region)",
            REGIONS.len()
        ));
    }
    terminal.note("nothing was created; --apply creates what is missing");
    Ok(Outcome::Success)
}

fn apply(plan: &Plan, settings: &Settings, section: &str, terminal: &Terminal) -> Result<Outcome, Failure> {
    let sessions = Sessions::new(settings.aws.clone()).map_err(Failure::usage)?;
    block_on(async {
        let session = sessions.of(Purpose::Athena).await;
        let things = plan.look(&session).await.map_err(|error| aws(&error))?;
        let mut differs = false;
        for thing in &things {
            differs |= describe(thing, terminal);
        }
        plan.create(&session, &things, &mut |done| terminal.note(done))
            .await
            .map_err(|error| Failure::new(Outcome::Unexpected, error))?;
        if things.iter().all(|thing| thing.state != State::Missing) {
            terminal.note("nothing was created: everything is there");
        }
        print(section)?;
        Ok(if differs { Outcome::Partial } else { Outcome::Success })
    })?
}

/// Says what there is. Tells whether it differs from what was asked for.
fn describe(thing: &Thing, terminal: &Terminal) -> bool {
    match &thing.state {
        State::Missing => false,
        State::Exists => {
            terminal.note(&format!("{} {} is there", thing.kind, thing.name));
            false
        }
        State::Differs(how) => {
            let how = how.join("; ");
            terminal.warning(&format!("{} {} is there and stays as it is, though it differs: {how}", thing.kind, thing.name));
            true
        }
    }
}

fn detect(arguments: &AthenaArgs, settings: &Settings, terminal: &Terminal) -> Result<Outcome, Failure> {
    let (_, database) = names(arguments, &settings.athena);
    let workgroup = arguments.workgroup.clone().unwrap_or_else(|| settings.athena.workgroup.clone());
    let sessions = Sessions::new(settings.aws.clone()).map_err(Failure::usage)?;
    let found = block_on(async {
        let session = sessions.of(Purpose::Athena).await;
        existing::list(&session, &settings.athena.catalog, &database).await.map_err(|error| aws(&error))
    })??;
    let chosen = existing::chosen(&found);
    for one in &found {
        match &one.source {
            Err(_) => terminal.note(&format!("{}: no table of CloudTrail", one.table.name)),
            Ok(source) => {
                let used = chosen.iter().any(|chosen| chosen.table.name == one.table.name);
                let used = if used { "" } else { "; not needed, another table reads the same objects" };
                terminal.note(&format!("{}: layout `{}`{used}", one.table.name, source.layout.name()));
                one.remarks().iter().for_each(|remark| terminal.note(&format!("  {remark}")));
            }
        }
    }
    if chosen.is_empty() {
        let message = format!("database {database} has no table of CloudTrail; `palisade setup athena` makes them");
        return Err(Failure::new(Outcome::Usage, message));
    }
    let tables: Vec<&str> = chosen.iter().map(|one| one.table.name.as_str()).collect();
    print(&existing::settings(&workgroup, &database, &tables))?;
    Ok(Outcome::Success)
}

fn permission_values(arguments: &PermissionsArgs, settings: &Settings) -> Result<Values, Failure> {
    let given = arguments.account_id.as_deref().map(values::account_id).transpose().map_err(wrong)?;
    let mut accounts = std::collections::BTreeMap::new();
    let mut roles = std::collections::BTreeSet::new();
    for purpose in Purpose::ALL {
        let session = settings.aws.session(purpose);
        roles.extend(session.roles.iter().map(|role| role.arn.clone()));
        let of_role = session.roles.last().and_then(|role| role.arn.split(':').nth(4)).map(str::to_owned);
        if let Some(account) = of_role.or_else(|| given.clone()) {
            accounts.insert(purpose, account);
        }
    }
    let bucket = |place: &str| Location::parse(place).map(|location| location.bucket);
    let events_buckets: std::collections::BTreeSet<String> = match arguments.trail_bucket.as_slice() {
        [] => settings.events.iter().filter_map(|place| bucket(place)).collect(),
        named => named.iter().cloned().collect(),
    };
    let region = settings.aws.session(Purpose::Athena).region.clone();
    let partition = match region.as_deref() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Ok(Values {
        partition: partition.to_owned(),
        region,
        accounts,
        workgroup: Some(settings.athena.workgroup.clone()),
        catalog: Some(settings.athena.catalog.clone()),
        database: settings.athena.database.clone(),
        tables: settings.athena.tables.clone(),
        events_buckets: events_buckets.into_iter().collect(),
        results_bucket: arguments
            .results_bucket
            .clone()
            .or_else(|| settings.athena.output_location.as_deref().and_then(bucket)),
        keys: arguments.key.clone(),
        roles: roles.into_iter().collect(),
    })
}

fn print_permissions(arguments: &PermissionsArgs, settings: &Settings, terminal: &Terminal) -> Result<Outcome, Failure> {
    let values = permission_values(arguments, settings)?;
    let all: Vec<&calls::Call> = calls::all().collect();
    let policies = permissions::policies(&all, &values);
    let chosen: Vec<&RolePolicy> =
        policies.iter().filter(|policy| arguments.role.as_ref().is_none_or(|role| role == policy.role)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = policies.iter().map(|policy| policy.role).collect();
        let message =
            format!("no role `{}`; expected one of {}", arguments.role.as_deref().unwrap_or_default(), known.join(", "));
        return Err(Failure::new(Outcome::Usage, message));
    }
    let text = |value: &Value| serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::unexpected);
    match (&arguments.output, chosen.as_slice()) {
        (Some(folder), _) => {
            std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
            for policy in &chosen {
                write(&folder.join(format!("{}.json", policy.role)), &text(&policy.policy)?, terminal)?;
            }
        }
        (None, [one]) if arguments.role.is_some() => print(&text(&one.policy)?)?,
        (None, several) => {
            let members: Map<String, Value> =
                several.iter().map(|policy| (policy.role.to_owned(), policy.policy.clone())).collect();
            print(&text(&Value::Object(members))?)?;
        }
    }
    for policy in &chosen {
        terminal.note(&format!("{}: {}", policy.role, policy.title));
        policy.left_out.iter().for_each(|left_out| terminal.note(&format!("  left out {left_out}")));
        for mistake in permissions::mistakes(policy) {
            terminal.warning(&format!("policy of {}: {mistake}", policy.role));
        }
    }
    Ok(Outcome::Success)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Outcome::Unexpected, format!("cannot write {}: {error}", path.display()))
}

fn write(path: &Path, text: &str, terminal: &Terminal) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))?;
    terminal.note(&format!("written: {}", path.display()));
    Ok(())
}
