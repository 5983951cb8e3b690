//! What the user writes down: the settings of a run and the perimeter definition.
//!
//! Both are YAML files that people edit by hand, so every mistake of a file is reported at once, with its place and what was
//! probably meant. A scalar keeps the text that was written: account ids never become numbers.

pub mod aws_owned;
pub mod document;
pub mod environment;
pub mod import_dph;
pub mod perimeter;
pub mod problems;
pub mod schema;
pub mod settings;
pub mod suggest;
pub mod template;
pub mod values;
