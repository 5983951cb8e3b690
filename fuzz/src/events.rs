//! Of the events only how one record is read and becomes a row.

pub mod json;
pub mod record;
pub mod rows;
pub mod schema;
pub mod time;
