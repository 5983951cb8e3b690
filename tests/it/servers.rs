//! The servers of `tests/servers`: where they are, and what a test does without them.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// A server that a test may need.
#[derive(Debug, Clone, Copy)]
pub enum Server {
    /// moto: S3, STS, Organizations, Security Hub.
    Aws,
    /// Athena's protocol over Trino; passes other calls on to moto.
    Athena,
    /// The fault proxy before both.
    Faults,
    Trino,
}

impl Server {
    fn variable(self) -> &'static str {
        match self {
            Server::Aws => "PALISADE_TEST_AWS",
            Server::Athena => "PALISADE_TEST_ATHENA",
            Server::Faults => "PALISADE_TEST_FAULTS",
            Server::Trino => "PALISADE_TEST_TRINO",
        }
    }
}

/// The address of a server. Without it the test is skipped, and says so; with `PALISADE_TEST_SERVERS=required` it fails.
pub fn address(server: Server) -> Option<String> {
    let variable = server.variable();
    let given = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if given.is_none() {
        let required = std::env::var("PALISADE_TEST_SERVERS").is_ok_and(|value| value == "required");
        assert!(!required, "{variable} is not set: eval \"$(tests/servers/start.sh)\"");
        eprintln!("skipped: {variable} is not set; eval \"$(tests/servers/start.sh)\" starts the servers");
    }
    given
}

/// Names of its own for a test: servers are shared.
pub fn unique(prefix: &str) -> String {
    use std::time::{SystemTime, UNIX_EPOCH};
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}{:x}{:x}", std::process::id(), nanoseconds & 0xffff_ffff)
}

/// The environment with which AWS clients find a server: its address for every service, and credentials that nobody checks.
pub fn aws_environment(address: &str) -> Vec<(&'static str, String)> {
    [
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// A signature for S3 that nobody checks.
const SIGNATURE: &str =
    "Authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// Makes a bucket.
pub fn create_bucket(server: &str, name: &str) {
    put(&format!("{server}/{name}"), &[]);
}

/// Puts an object into a bucket.
pub fn put_object(server: &str, bucket: &str, key: &str, body: &[u8]) {
    put(&format!("{server}/{bucket}/{key}"), body);
}

fn put(url: &str, body: &[u8]) {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--fail-with-body", "--request", "PUT", url, "--header", SIGNATURE])
        .args(["--header", "Content-Type: application/octet-stream", "--data-binary", "@-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    assert!(child.wait().unwrap().success(), "PUT {url}");
}

/// A request by curl, which every machine that runs the servers has: method, address, body as JSON. Gives the body of the answer.
pub fn request(method: &str, url: &str, body: Option<&serde_json::Value>) -> serde_json::Value {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail-with-body", "--request", method, url]);
    if let Some(body) = body {
        command.args(["--header", "Content-Type: application/json", "--data", &body.to_string()]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{method} {url}: {text} {}", String::from_utf8_lossy(&output.stderr));
    if text.is_empty() { serde_json::Value::Null } else { serde_json::from_str(&text).unwrap() }
}
