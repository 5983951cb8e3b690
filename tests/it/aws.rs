//! AWS: sessions, Athena, S3 as a source of events; against servers where a URL names them.

mod calls;
mod sessions;
