//! JSON Schemas of the two files, for editors. Their text is kept in the repository; a test compares it.

use schemars::JsonSchema;

use super::perimeter::file::PerimeterFile;
use super::settings::file::SettingsFile;

/// The JSON Schema of `perimeter.yaml`, as the text of `config/perimeter.schema.json`.
pub fn perimeter() -> String {
    text::<PerimeterFile>()
}

/// The JSON Schema of `palisade.yaml`, as the text of `config/settings.schema.json`.
pub fn settings() -> String {
    text::<SettingsFile>()
}

fn text<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
