//! `palisade config`: settings and perimeter definitions.

use std::path::Path;

use super::output::{Terminal, print, write_out};
use super::{Failure, settings};
use crate::cli::config::{ConfigArgs, ConfigCommand, SchemaOf};
use crate::cli::{Global, Listing};
use crate::config::import_dph::import_dph;
use crate::config::{schema, template};
use crate::outcome::Outcome;

pub fn config(arguments: ConfigArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    match arguments.command {
        ConfigCommand::Init { folder, force } => {
            std::fs::create_dir_all(&folder).map_err(|error| {
                Failure::new(Outcome::Usage, format!("cannot make the folder {}: {error}", folder.display()))
            })?;
            let files = [("palisade.yaml", template::SETTINGS), ("perimeter.yaml", template::PERIMETER)];
            let paths = files.map(|(name, text)| (folder.join(name), text));
            for (path, _) in &paths {
                refuse_to_replace(path, force)?;
            }
            for (path, text) in &paths {
                write(path, text)?;
                terminal.note(&format!("wrote {}", path.display()));
            }
            Ok(Outcome::Success)
        }
        ConfigCommand::Show { settings: arguments, listing } => {
            show(&settings(&arguments.flags(global), global.config.as_deref())?, listing)
        }
        ConfigCommand::Schema { file } => {
            print(&match file {
                SchemaOf::Perimeter => schema::perimeter(),
                SchemaOf::Settings => schema::settings(),
            })?;
            Ok(Outcome::Success)
        }
        ConfigCommand::ImportDph { file, output, force } => import(&file, output.as_deref(), force, terminal),
    }
}

fn show(settings: &crate::config::settings::Settings, listing: Listing) -> Result<Outcome, Failure> {
    let shown = settings.show();
    write_out(|out| {
        match listing {
            Listing::Text => {
                let name = shown.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
                let value = shown.iter().map(|setting| setting.value.chars().count()).max().unwrap_or_default().min(60);
                for setting in &shown {
                    writeln!(out, "{:name$}  {:value$}  # {}", setting.name, setting.value, setting.origin)?;
                }
            }
            Listing::Json => {
                let settings: serde_json::Map<String, serde_json::Value> = shown
                    .iter()
                    .map(|setting| {
                        let entry = serde_json::json!({"value": setting.value, "origin": setting.origin.to_string()});
                        (setting.name.to_owned(), entry)
                    })
                    .collect();
                serde_json::to_writer_pretty(&mut *out, &settings)?;
                writeln!(out)?;
            }
        }
        Ok(())
    })?;
    Ok(Outcome::Success)
}

fn import(file: &Path, output: Option<&Path>, force: bool, terminal: &Terminal) -> Result<Outcome, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Outcome::Usage, format!("cannot read {}: {error}", file.display())))?;
    let imported = import_dph(&text)
        .map_err(|error| Failure::new(Outcome::Usage, format!("{}: {}", file.display(), Failure::usage(error).message)))?;
    match output {
        None => print(&imported.yaml)?,
        Some(path) => {
            refuse_to_replace(path, force)?;
            write(path, &imported.yaml)?;
        }
    }
    for note in &imported.notes {
        let place = format!("{}:{}", file.display(), note.line);
        terminal.note(&format!("{place}: {}: {} `{}`: {}", note.kind.name(), note.key, note.value, note.message));
    }
    let needs = if imported.notes.len() == 1 { "needs" } else { "need" };
    terminal.note(&format!("{} {needs} a look", super::output::counted(imported.notes.len() as u64, "value")));
    Ok(Outcome::Success)
}

fn refuse_to_replace(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::new(Outcome::Usage, format!("{} exists; add --force to replace it", path.display())));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(Outcome::Unexpected, format!("cannot write {}: {error}", path.display())))
}
