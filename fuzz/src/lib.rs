//! The parts of Palisade that the fuzz targets run, through links: the policy library, and the way of one record to the requests
//! that IAM judged. What needs the SQL engine, the frames or AWS stays out.

pub mod enrich;
pub mod events;
pub mod findings;
pub mod inventory;
pub mod pattern;
pub mod policy;
pub mod replay;
pub mod report;
