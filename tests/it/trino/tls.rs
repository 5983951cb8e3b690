//! TLS with an authority of one's own, passwords and tokens: a server on loopback with certificates that openssl makes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use palisade::engine::trino::client::{Client, Connection, Credential};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tempfile::TempDir;

use super::run;
use super::tables::{FLAT, Place, flat_line};
use crate::support::{Palisade, record};

/// Authorities, and certificates of servers that one of them signed.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// `None` without openssl; a failure where servers are required.
    fn make() -> Option<Certificates> {
        if Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            let required = std::env::var("PALISADE_TEST_SERVERS").is_ok_and(|value| value == "required");
            assert!(!required, "openssl is needed and not installed");
            return None;
        }
        let made = Certificates { folder: tempfile::tempdir().unwrap() };
        for authority in ["authority", "other"] {
            made.openssl(authority, &["-addext", "keyUsage=critical,keyCertSign"]);
        }
        let signed = |name: &str, subject: &str| {
            let (ca, key) = (made.path("authority.pem"), made.path("authority.key"));
            let constraints = "basicConstraints=critical,CA:FALSE";
            let by = ["-CA", ca.to_str().unwrap(), "-CAkey", key.to_str().unwrap()];
            made.openssl(name, &[&by[..], &["-addext", subject, "-addext", constraints]].concat());
        };
        signed("server", "subjectAltName=IP:127.0.0.1");
        signed("elsewhere", "subjectAltName=DNS:trino.example.com");
        Some(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, name: &str, more: &[&str]) {
        let (key, certificate) = (self.path(&format!("{name}.key")), self.path(&format!("{name}.pem")));
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={name}"), "-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn configuration(&self, name: &str) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
    }
}

/// The head and the body of a request; `None` when the client went away, as one does that does not like the certificate.
fn request(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return Some((head, bytes[end + 4..].to_vec()));
        }
    }
}

/// A server with this certificate. Each request, with its head in the channel, gets what `answer` makes of it: a status and a body, in which
/// `BASE` stands for the server's address.
fn server(
    configuration: Arc<ServerConfig>,
    answer: impl Fn(&str, &[u8]) -> (u16, String) + Send + Sync + 'static,
) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    let sender = Mutex::new(sender);
    let address = base.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&configuration)).unwrap(), stream);
            let Some((head, body)) = request(&mut stream) else { continue };
            let (status, body) = answer(&head, &body);
            let _ = sender.lock().unwrap().send(head);
            let body = body.replace("BASE", &address);
            let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
            let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (base, asked)
}

fn connection(url: &str, credential: Credential, ca_file: Option<PathBuf>) -> Connection {
    Connection {
        url: url.to_owned(),
        user: "jane".to_owned(),
        credential,
        catalog: "hive".to_owned(),
        schema: "default".to_owned(),
        ca_file,
    }
}

fn seven(_: &str, _: &[u8]) -> (u16, String) {
    (200, r#"{"id":"q1","columns":[{"name":"n","type":"bigint"}],"data":[[7]]}"#.to_owned())
}

#[test]
fn an_authority_of_ones_own_is_trusted_with_passwords_and_tokens() {
    let Some(certificates) = Certificates::make() else { return };
    run(async {
        for (credential, header) in [
            // base64 of jane:s3cret
            (Credential::Password("s3cret".to_owned()), "authorization: Basic amFuZTpzM2NyZXQ="),
            (Credential::Token("t0ken".to_owned()), "authorization: Bearer t0ken"),
        ] {
            let (url, asked) = server(certificates.configuration("server"), seven);
            let client = Client::new(connection(&url, credential, Some(certificates.path("authority.pem")))).unwrap();
            let rows = client.rows_of_text("SELECT 7 AS n", &[]).await.unwrap();
            assert_eq!(rows, [[Some("7".to_owned())]]);
            let head = asked.recv().unwrap();
            assert!(head.lines().any(|line| line.eq_ignore_ascii_case(header) && line.ends_with(&header[15..])), "{head}");
            assert!(head.to_lowercase().contains("x-trino-user: jane"), "{head}");
        }
    });
}

#[test]
fn a_certificate_that_is_not_accepted_is_said_with_what_to_do_and_nothing_is_sent() {
    let Some(certificates) = Certificates::make() else { return };
    let both = certificates.path("both.pem");
    let texts = ["other.pem", "authority.pem"].map(|name| std::fs::read_to_string(certificates.path(name)).unwrap());
    std::fs::write(&both, texts.concat()).unwrap();
    run(async {
        let authority = Some(certificates.path("authority.pem"));
        let other = Some(certificates.path("other.pem"));
        for (shown, ca_file, expected) in [
            ("server", None, "name a file with the certificate of that authority, in PEM, with `ca_file`"),
            ("server", other.clone(), "put the certificate of that authority, in PEM, into the file"),
            ("elsewhere", authority.clone(), "name the server in `url` as its certificate does"),
            ("authority", authority.clone(), "give the server one of its own that the authority signed"),
        ] {
            let (url, asked) = server(certificates.configuration(shown), seven);
            let credential = Credential::Password("s3cret".to_owned());
            let client = Client::new(connection(&url, credential, ca_file)).unwrap();
            let error = client.rows_of_text("SELECT 7", &[]).await.unwrap_err().to_string();
            assert!(error.starts_with(&format!("the certificate of {url} is not accepted (")), "{error}");
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
            assert!(asked.try_recv().is_err(), "{shown}: a request was sent");
        }
        // A file may hold several.
        let (url, _asked) = server(certificates.configuration("server"), seven);
        let client = Client::new(connection(&url, Credential::None, Some(both))).unwrap();
        assert!(client.rows_of_text("SELECT 7", &[]).await.is_ok());
        std::fs::write(certificates.path("none.pem"), "nothing of the kind\n").unwrap();
        for name in ["none.pem", "absent.pem"] {
            let error = Client::new(connection(&url, Credential::None, Some(certificates.path(name)))).unwrap_err().to_string();
            assert!(error.contains("cannot read the certificates in") && error.contains(name), "{error}");
        }
    });
}

/// Asks a server without TLS for the same, and gives its answer.
fn forward(server: &str, head: &str, body: &[u8]) -> (u16, String) {
    let address = server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut lines = head.lines();
    // An answer of the older protocol is whole when the connection ends.
    let mut request = lines.next().unwrap().replace("HTTP/1.1", "HTTP/1.0");
    for line in lines.filter(|line| !line.to_lowercase().starts_with("authorization:")) {
        request.push_str("\r\n");
        request.push_str(line);
    }
    stream.write_all(format!("{request}\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn head_of<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

/// Every file below the folder, hidden ones too, as text.
fn everything(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => everything(&path, text),
            false => text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
        }
    }
}

#[test]
fn a_run_over_tls_leaves_no_password_or_token_anywhere() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(place) = run(Place::new("tls")) else { return };
    let denied = record(1, json!({"errorCode": "AccessDenied", "errorMessage": "not authorized"}));
    place.write("t/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/10/31/x.json", &flat_line(&denied));
    run(place.timestamp("trail", FLAT, "t/AWSLogs/111111111111/CloudTrail/eu-west-1"));
    let trino = place.url.clone();
    let (url, asked) = server(certificates.configuration("server"), move |head, body| {
        let authorization = head_of(head, "authorization").unwrap_or_default();
        // base64 of jane:s3cret-password
        if authorization != "Basic amFuZTpzM2NyZXQtcGFzc3dvcmQ=" && authorization != "Bearer s3cret-token" {
            return (401, "who are you?".to_owned());
        }
        let (status, answer) = forward(&trino, head, body);
        let host = head_of(head, "host").unwrap();
        (status, answer.replace(&format!("http://{host}"), "BASE"))
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(certificates.path("authority.pem"), folder.path().join("ca.pem")).unwrap();
    std::fs::write(folder.path().join("trino.token"), "s3cret-token\n").unwrap();
    let settings = |more: &str| {
        let text = format!(
            "engine: trino\ntrino: {{url: \"{url}\", user: jane, schema: {}, table: trail, ca_file: ca.pem{more}}}\nformats: [json]\n",
            place.schema
        );
        std::fs::write(folder.path().join("palisade.yaml"), text).unwrap();
    };
    let arguments = |output| {
        let days = ["--from", "2026-10-31", "--to", "2026-10-31"];
        let query = ["run", "-vv", "--account", "111111111111", "--query", "common_only_denied", "--output", output];
        [&query[..], &days[..]].concat()
    };
    let program = || Palisade::in_folder(folder.path()).env("PALISADE_LOG", "trace");

    settings("");
    let password = program().env("PALISADE_TRINO_PASSWORD", "s3cret-password").run(&arguments("password")).ends_with(0);
    settings(", token_file: trino.token");
    let token = program().run(&arguments("token")).ends_with(0);
    let refused = program().env("PALISADE_TRINO_TOKEN", "s3cret-other");
    settings("");
    let refused = refused.run(&arguments("refused")).ends_with(2);
    assert!(
        refused.err.contains("does not accept user `jane` (401): check the user, and the password or token"),
        "{}",
        refused.err
    );
    let shown = program().env("PALISADE_TRINO_PASSWORD", "s3cret-password").run(&["config", "show"]).ends_with(0);
    assert!(asked.try_iter().count() > 8, "the server was not asked");

    std::fs::remove_file(folder.path().join("trino.token")).unwrap();
    let mut text = String::new();
    everything(folder.path(), &mut text);
    assert!(text.contains("common_only_denied") && text.contains("AccessDenied"), "there is no report");
    for finished in [&password, &token, &refused, &shown] {
        text.push_str(&finished.out);
        text.push_str(&finished.err);
    }
    // As it is, and as it is sent.
    for secret in ["s3cret", "amFuZTpzM2NyZXQ"] {
        let at = text.find(secret);
        assert!(at.is_none(), "{}", &text[at.unwrap().saturating_sub(200)..][..300]);
    }
    run(place.drop());
}
