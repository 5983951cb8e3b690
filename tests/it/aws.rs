//! AWS: sessions, Athena, S3 as a source of events; against servers where a URL names them.

mod athena_front;
mod athena_run;
mod calls;
mod lakes;
mod moto;
mod resume;
mod s3_source;
mod sessions;
mod sizes;
