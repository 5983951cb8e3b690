//! The protocol against servers that misbehave, on loopback, and errors of a real server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use palisade::engine::trino::client::{Client, Connection, Credential, TrinoError};

use super::tables::Place;
use super::{engine, part, run, statement};
use palisade::engine::RemoteEngine;

/// A server that gives these answers, one for each connection: status and body, in which `BASE` stands for its address. What it was
/// asked comes out of the channel.
fn server(answers: Vec<(u16, &'static str)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    let address = base.clone();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
                if read == 0 || body.len() >= length {
                    break;
                }
            }
            sender.send(String::from_utf8_lossy(&request).into_owned()).unwrap();
            let body = body.replace("BASE", &address);
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (base, asked)
}

fn connection(url: &str, credential: Credential) -> Connection {
    Connection {
        url: url.to_owned(),
        user: "jane".to_owned(),
        credential,
        catalog: "hive".to_owned(),
        schema: "default".to_owned(),
        ca_file: None,
    }
}

const FIRST: &str = r#"{"id":"q1","nextUri":"BASE/v1/statement/executing/q1/1"}"#;
const ROWS: &str = r#"{"id":"q1","columns":[{"name":"n","type":"bigint"}],"data":[[7]]}"#;

#[test]
fn a_page_that_a_proxy_refuses_is_asked_for_again() {
    run(async {
        let (url, asked) = server(vec![(503, "busy"), (200, FIRST), (502, ""), (504, ""), (200, ROWS)]);
        let client = Client::new(connection(&url, Credential::Token("t0ken".to_owned()))).unwrap();
        let rows = client.rows_of_text("SELECT 7 AS n", &[]).await.unwrap();
        assert_eq!(rows, [[Some("7".to_owned())]]);
        let requests: Vec<String> = asked.try_iter().collect();
        assert_eq!(requests.len(), 5);
        assert!(requests[0].starts_with("POST /v1/statement "), "{}", requests[0]);
        assert!(requests[0].ends_with("SELECT 7 AS n"), "{}", requests[0]);
        let head = requests[4].to_lowercase();
        for header in ["authorization: bearer t0ken", "x-trino-user: jane", "x-trino-catalog: hive", "x-trino-time-zone: utc"] {
            assert!(head.contains(header), "{header} in {head}");
        }
    });
}

#[test]
fn a_statement_that_is_dropped_is_cancelled() {
    run(async {
        let (url, asked) = server(vec![(200, FIRST), (204, "")]);
        let client = Client::new(connection(&url, Credential::None)).unwrap();
        drop(client.start("SELECT 1", &[]).await.unwrap());
        let _post = asked.recv_timeout(Duration::from_secs(5)).unwrap();
        let cancel = asked.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(cancel.starts_with("DELETE /v1/statement/executing/q1/1 "), "{cancel}");
    });
}

#[test]
fn credentials_go_nowhere_else() {
    run(async {
        let password = || Credential::Password("s3cret".to_owned());
        let error = Client::new(connection("http://trino.example.com:8080", password())).unwrap_err();
        assert!(matches!(error, TrinoError::Unencrypted { .. }), "{error}");
        let error = Client::new(connection("https://jane:s3cret@trino.example.com", Credential::None)).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let (url, _asked) = server(vec![(200, r#"{"id":"q1","nextUri":"http://127.0.0.2:1/v1/next"}"#)]);
        let client = Client::new(connection(&url, password())).unwrap();
        assert!(!format!("{client:?}").contains("s3cret"));
        let error = client.rows_of_text("SELECT 1", &[]).await.unwrap_err();
        assert!(matches!(error, TrinoError::OtherServer { .. }), "{error}");
        let (url, _asked) = server(vec![(401, "Unauthorized")]);
        let error = Client::new(connection(&url, password())).unwrap().rows_of_text("SELECT 1", &[]).await.unwrap_err();
        assert!(error.to_string().contains("user `jane` (401)") && !error.to_string().contains("s3cret"), "{error}");
    });
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    run(async {
        for (status, body, expected) in [
            (200, "<html>", "not of its protocol"),
            (404, "no such page", "404 instead of a page of results: no such page"),
            (
                200,
                r#"{"id":"q9","error":{"message":"boom","errorName":"GENERIC_INTERNAL_ERROR"}}"#,
                "query q9 failed: boom (GENERIC_INTERNAL_ERROR)",
            ),
        ] {
            let (url, _asked) = server(vec![(status, body)]);
            let client = Client::new(connection(&url, Credential::None)).unwrap();
            let error = client.rows_of_text("SELECT 1", &[]).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = Client::new(connection("http://127.0.0.1:9", Credential::None)).unwrap();
        let error = error.rows_of_text("SELECT 1", &[]).await.unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:9 does not answer"), "{error}");
    });
}

#[test]
fn mistakes_in_a_statement_are_told_with_their_place() {
    run(async {
        let Some(place) = Place::new("errors").await else { return };
        let error = place.client.rows_of_text("SELECT 1,\n  nonsense", &[]).await.unwrap_err().to_string();
        assert!(error.contains("line 2, column 3 of the statement"), "{error}");
        assert!(error.contains("COLUMN_NOT_FOUND") && error.contains("query 20"), "{error}");
        let value = |text: &str| palisade::catalog::BoundValue::Text(text.to_owned());
        let hostile = "'; DROP TABLE x; -- ? \\' \u{1f600}";
        let rows =
            place.client.rows_of_text("SELECT ?, '?', ? IN (?)", &[value(hostile), value("a"), value("b")]).await.unwrap();
        assert_eq!(rows, [[Some(hostile.to_owned()), Some("?".to_owned()), Some("false".to_owned())]]);
        place.run(&format!("CREATE TABLE hive.{}.other (a varchar)", place.schema)).await;
        let error = palisade::engine::trino::TrinoEngine::connect(place.connection(), &["other".to_owned()], super::OPTIONS)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no table of CloudTrail that is known: it has a;"), "{error}");
        let error = palisade::engine::trino::TrinoEngine::connect(place.connection(), &["absent".to_owned()], super::OPTIONS)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("there is no table hive."), "{error}");
        place.write("t/AWSLogs/111111111111/CloudTrail/r/2026/10/31/x.json", "{}\n");
        place.timestamp("trail", super::tables::FLAT, "t/AWSLogs/111111111111/CloudTrail/r").await;
        let trino = engine(&place, &["trail".to_owned()]).await;
        let error = trino.run(&statement("SELECT nonsense FROM events"), &part(&["111111111111"])).await.unwrap_err();
        assert!(error.to_string().contains("nonsense"), "{error}");
        let own = "WITH mine AS (SELECT event_id FROM events) SELECT count(*) AS n FROM mine";
        let frame = trino.run(&statement(own), &part(&["111111111111"])).await.unwrap();
        assert_eq!(frame.height(), 1);
        place.drop().await;
    });
}
