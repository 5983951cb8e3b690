//! Writes the converted definition: the keys in use, in the order of the documentation, with the old value beside each that changed.

use std::collections::BTreeMap;
use std::fmt::Write;

/// One value and, for a reader, what stood in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: String,
    pub(super) was: Option<String>,
}

/// The lists of a section by their place in it, such as `trusted_identities.accounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    by_place: BTreeMap<&'static str, Vec<Entry>>,
}

/// Where lists can stand, in the order in which they are written.
const PLACES: [&str; 14] = [
    "trusted_identities.accounts",
    "trusted_identities.principals",
    "trusted_resources.arns",
    "trusted_resources.buckets",
    "expected_networks.cidrs",
    "expected_networks.vpcs",
    "expected_networks.vpc_endpoints",
    "exempt_principals.network.accounts",
    "exempt_principals.network.principals",
    "exempt_principals.resource.accounts",
    "exempt_principals.resource.principals",
    "exempt_principals.identity.accounts",
    "exempt_principals.identity.principals",
    "human_roles",
];

impl Lists {
    pub(super) fn add(&mut self, place: &'static str, entry: Entry) {
        let list = self.by_place.entry(place).or_default();
        if !list.iter().any(|known| known.value == entry.value) {
            list.push(entry);
        }
    }

    fn is_empty(&self) -> bool {
        self.by_place.values().all(Vec::is_empty)
    }

    fn write(&self, indent: usize, yaml: &mut String) {
        let mut open: Vec<&str> = Vec::new();
        for place in PLACES {
            let Some(entries) = self.by_place.get(place).filter(|entries| !entries.is_empty()) else { continue };
            let keys: Vec<&str> = place.split('.').collect();
            let shared = keys.iter().zip(&open).take_while(|(key, known)| key == known).count();
            for (depth, key) in keys.iter().enumerate().skip(shared) {
                line(yaml, indent + depth * 2, &format!("{key}:"), None);
            }
            for entry in entries {
                let value = match place {
                    "trusted_resources.buckets" => format!("- {{name: {}, owner: unknown}}", quoted(&entry.value)),
                    _ => format!("- {}", quoted(&entry.value)),
                };
                line(yaml, indent + keys.len() * 2, &value, entry.was.as_deref());
            }
            open = keys;
        }
    }
}

/// The whole definition, before it is text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) baseline: Lists,
    pub(super) accounts: BTreeMap<String, Lists>,
    /// By ARN.
    pub(super) resources: BTreeMap<String, Lists>,
    pub(super) boundaries: BTreeMap<String, Vec<String>>,
}

impl Definition {
    pub(super) fn to_yaml(&self) -> String {
        let mut yaml = String::from(
            "# Converted from the data_perimeter.yaml of Data Perimeter Helper. Patterns cover the whole value: `*` is any run of\n\
             # characters, `?` exactly one. `was:` shows the expression that a pattern replaces.\nversion: 1\n",
        );
        if !self.baseline.is_empty() {
            line(&mut yaml, 0, "baseline:", None);
            self.baseline.write(2, &mut yaml);
        }
        for (name, sections) in [("accounts", &self.accounts), ("resources", &self.resources)] {
            if sections.values().all(Lists::is_empty) {
                continue;
            }
            line(&mut yaml, 0, &format!("{name}:"), None);
            for (key, lists) in sections.iter().filter(|(_, lists)| !lists.is_empty()) {
                line(&mut yaml, 2, &format!("{}:", quoted(key)), None);
                lists.write(4, &mut yaml);
            }
        }
        if !self.boundaries.is_empty() {
            line(&mut yaml, 0, "organizational_unit_boundaries:", None);
            for (name, units) in &self.boundaries {
                let units: Vec<String> = units.iter().map(|unit| quoted(unit)).collect();
                line(&mut yaml, 2, &format!("{}: [{}]", quoted(name), units.join(", ")), None);
            }
        }
        yaml
    }
}

fn line(yaml: &mut String, indent: usize, text: &str, was: Option<&str>) {
    // Writing to a string cannot fail.
    let _ = match was {
        Some(was) => {
            let was: String = was.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
            writeln!(yaml, "{:indent$}{text}  # was: {was}", "")
        }
        None => writeln!(yaml, "{:indent$}{text}", ""),
    };
}

/// A double-quoted YAML scalar that reads back as `text`, whatever it holds.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
