//! The files of an organization trail: their names, their folders and how they are compressed.
//!
//! Names: [finding your CloudTrail log files](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html).

use std::path::{Path, PathBuf};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::SampleError;
use super::organization::{ORGANIZATION_ID, TRAIL_BUCKET};
use super::random::{ALPHANUMERIC, HEX, Random};
use super::record::time;

/// What a log file holds, as its folder and name say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKind {
    /// Management and data events.
    Log,
    NetworkActivity,
    Digest,
    Insight,
}

impl LogKind {
    pub fn as_str(self) -> &'static str {
        match self {
            LogKind::Log => "CloudTrail",
            LogKind::NetworkActivity => "CloudTrail-NetworkActivity",
            LogKind::Digest => "CloudTrail-Digest",
            LogKind::Insight => "CloudTrail-Insight",
        }
    }
}

/// A moment written without separators: `20261019T0815Z`.
pub fn stamp(seconds: i64) -> String {
    let text = time(seconds);
    let compact: String = text.chars().filter(|character| !matches!(character, '-' | ':')).collect();
    format!("{}Z", compact.get(..13).unwrap_or(""))
}

/// Folder of a day: `2026/10/19`.
pub fn day_folder(seconds: i64) -> String {
    time(seconds).get(..10).unwrap_or("").replace('-', "/")
}

/// Where the file of an account, region and delivery minute lies, below the folder of the trail.
pub fn path(random: &mut Random, kind: LogKind, account: &str, region: &str, delivered: i64) -> PathBuf {
    let folder: PathBuf = ["AWSLogs", ORGANIZATION_ID, account, kind.as_str(), region, &day_folder(delivered)].iter().collect();
    let kind = kind.as_str();
    folder.join(match kind {
        "CloudTrail-Digest" => {
            let moment: String = time(delivered).chars().filter(|character| !matches!(character, '-' | ':')).collect();
            format!("{account}_{kind}_{region}_organization-trail_{region}_{moment}.json.gz")
        }
        _ => format!("{account}_{kind}_{region}_{}_{}.json.gz", stamp(delivered), random.letters(ALPHANUMERIC, 16)),
    })
}

/// The body of a digest file, which names the log files of an hour and holds no records.
pub fn digest(random: &mut Random, account: &str, region: &str, delivered: i64) -> String {
    format!(
        "{{\"awsAccountId\":\"{account}\",\"digestStartTime\":\"{}\",\"digestEndTime\":\"{}\",\"digestS3Bucket\":\"{TRAIL_BUCKET}\",\
         \"digestS3Object\":\"AWSLogs/{ORGANIZATION_ID}/{account}/CloudTrail-Digest/{region}/{}/{account}_CloudTrail-Digest_{region}_{}.json.gz\",\
         \"digestPublicKeyFingerprint\":\"{}\",\"digestSignatureAlgorithm\":\"SHA256withRSA\",\"newestEventTime\":\"{}\",\
         \"oldestEventTime\":\"{}\",\"previousDigestS3Bucket\":null,\"previousDigestS3Object\":null,\
         \"previousDigestHashValue\":null,\"previousDigestHashAlgorithm\":null,\"previousDigestSignature\":null,\"logFiles\":[]}}",
        time(delivered - 3_600),
        time(delivered),
        day_folder(delivered),
        stamp(delivered),
        random.letters(HEX, 32),
        time(delivered - 60),
        time(delivered - 3_540),
    )
}

/// The body of an Insight file: a rate of calls that is not usual, which is no call itself.
pub fn insight(random: &mut Random, account: &str, region: &str, delivered: i64) -> String {
    let shared = random.uuid();
    let state = |random: &mut Random, state: &str, moment: i64| {
        format!(
            "{{\"eventVersion\":\"1.09\",\"eventTime\":\"{}\",\"awsRegion\":\"{region}\",\"eventID\":\"{}\",\
             \"eventType\":\"AwsCloudTrailInsight\",\"recipientAccountId\":\"{account}\",\"sharedEventID\":\"{shared}\",\
             \"insightDetails\":{{\"state\":\"{state}\",\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"DescribeInstances\",\
             \"insightType\":\"ApiCallRateInsight\",\"insightContext\":{{\"statistics\":{{\"baseline\":{{\"average\":0.0042}},\
             \"insight\":{{\"average\":3.6}}}}}}}},\"eventCategory\":\"Insight\"}}",
            time(moment),
            random.uuid(),
        )
    };
    let start = state(random, "Start", delivered - 1_200);
    let end = state(random, "End", delivered - 600);
    format!("{{\"Records\":[{start},{end}]}}")
}

/// Writes gzip files one after the other, with one compressor.
pub struct GzipWriter {
    compress: Compress,
    buffer: Vec<u8>,
    made: std::collections::HashSet<PathBuf>,
}

impl Default for GzipWriter {
    fn default() -> Self {
        // The raw deflate format: the gzip frame is written here, so that its name and time are ours.
        Self { compress: Compress::new(Compression::new(6), false), buffer: Vec::new(), made: std::collections::HashSet::new() }
    }
}

impl GzipWriter {
    /// Compresses `text` into `root`/`path`, making folders as needed. The header carries the name without `.gz` and the time of
    /// delivery, as CloudTrail's does. Returns the compressed size in bytes.
    pub fn write(&mut self, root: &Path, path: &Path, delivered: i64, text: &str) -> Result<u64, SampleError> {
        let full = root.join(path);
        let failed = |source| SampleError::Write { path: full.clone(), source };
        if let Some(parent) = full.parent()
            && !self.made.contains(parent)
        {
            std::fs::create_dir_all(parent).map_err(failed)?;
            // Bounded: a large sample has few folders at a time, and making one again costs little.
            if self.made.len() > 4_096 {
                self.made.clear();
            }
            self.made.insert(parent.to_owned());
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        self.encode(&name, delivered, text.as_bytes());
        std::fs::write(&full, &self.buffer).map_err(failed)?;
        Ok(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX))
    }

    fn encode(&mut self, name: &str, delivered: i64, bytes: &[u8]) {
        let modified = u32::try_from(delivered).unwrap_or(0);
        self.buffer.clear();
        // Magic, deflate, a name follows; time; no extra flags; Unix (RFC 1952).
        self.buffer.extend_from_slice(&[0x1f, 0x8b, 8, 8]);
        self.buffer.extend_from_slice(&modified.to_le_bytes());
        self.buffer.extend_from_slice(&[0, 3]);
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.push(0);
        self.compress.reset();
        let mut rest = bytes;
        loop {
            self.buffer.reserve(rest.len() / 4 + 1_024);
            let before = self.compress.total_in();
            let status = self.compress.compress_vec(rest, &mut self.buffer, FlushCompress::Finish);
            let read = usize::try_from(self.compress.total_in() - before).unwrap_or(0);
            rest = rest.get(read..).unwrap_or(&[]);
            // Deflate into memory cannot fail for want of anything but room, which the next turn gives.
            if !matches!(status, Ok(Status::Ok | Status::BufError)) {
                break;
            }
        }
        let mut checksum = Crc::new();
        checksum.update(bytes);
        self.buffer.extend_from_slice(&checksum.sum().to_le_bytes());
        self.buffer.extend_from_slice(&checksum.amount().to_le_bytes());
    }
}
