//! Tables of CloudTrail as catalogs describe them: what is recognised, and what statement comes of it. No server is needed.

use palisade::catalog::{BoundValue, Statement};
use palisade::engine::Part;
use palisade::engine::sources::{
    Column, DayForm, Days, Dialect, Layout, MAX_STATEMENT_BYTES, Shape, Source, SourceError, Table, accounts_that_fit,
    activity_statement, bytes_of, statement_over,
};

/// The columns of the tables that an AWS blog makes: no event category, no owner of endpoints.
const OLD: &str = "eventversion:string,useridentity:struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,\
     accesskeyid:string,username:string,sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,\
     sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,username:string>>>,eventtime:string,\
     eventsource:string,eventname:string,awsregion:string,sourceipaddress:string,useragent:string,errorcode:string,errormessage:string,\
     requestparameters:string,responseelements:string,additionaleventdata:string,requestid:string,eventid:string,\
     resources:array<struct<arn:string,accountid:string,type:string>>,eventtype:string,apiversion:string,readonly:string,\
     recipientaccountid:string,serviceeventdetails:string,sharedeventid:string,vpcendpointid:string";

fn columns(text: &str) -> Vec<Column> {
    let mut depth = 0;
    let parts = text.split(|c: char| {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|part| part.split_once(':').unwrap()).map(|(name, kind)| Column::new(name, kind)).collect()
}

fn table(columns_text: &str, keys: &str, parameters: &[(&str, &str)]) -> Table {
    Table {
        catalog: "awsdatacatalog".to_owned(),
        database: "security".to_owned(),
        name: "cloud\"trail".to_owned(),
        columns: columns(columns_text),
        partition_keys: if keys.is_empty() { Vec::new() } else { columns(keys) },
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

fn part(accounts: usize) -> Part {
    Part {
        account_ids: (0..accounts).map(|n| format!("{n:012}")).collect(),
        from: "2026-12-30".parse().unwrap(),
        to: "2026-12-31".parse().unwrap(),
    }
}

fn statement(sql: &str, values: &[&str]) -> Statement {
    Statement {
        sql: sql.to_owned(),
        values: values.iter().map(|value| BoundValue::Text((*value).to_owned())).collect(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    }
}

fn texts(statement: &Statement) -> Vec<&str> {
    statement
        .values
        .iter()
        .map(|value| match value {
            BoundValue::Text(text) => text.as_str(),
            BoundValue::Null => "NULL",
        })
        .collect()
}

fn blog() -> Source {
    let parameters = [("projection.p_account.type", "injected"), ("projection.p_date.format", "yyyy/MM/dd")];
    Source::detect(table(OLD, "p_account:string,p_region:string,p_date:string", &parameters)).unwrap()
}

#[test]
fn the_layouts_that_people_have_are_recognised() {
    let key = |name: &str, form| Days::Key { name: name.to_owned(), form, is_date: false };
    let detected = |columns, keys, parameters: &[(&str, &str)]| Layout::detect(&table(columns, keys, parameters)).unwrap();

    let found = blog().layout;
    assert_eq!((found.shape, found.days), (Shape::CloudTrail, key("p_date", DayForm::Slashes)));
    let account = found.account.unwrap();
    assert_eq!((account.name.as_str(), account.injected), ("p_account", true));

    let found = detected(OLD, "timestamp:string", &[("projection.timestamp.format", "yyyy/MM/dd")]);
    assert_eq!((found.account, found.days, found.has_paths), (None, key("timestamp", DayForm::Slashes), true));

    let found = detected(OLD, "region:string,year:string,month:string,day:string", &[]);
    assert!(matches!(found.days, Days::Parts { .. }), "{found:?}");
    assert_eq!(found.account, None);

    let found = detected(OLD, "account:string,dt:date", &[]);
    assert_eq!(found.days, Days::Key { name: "dt".to_owned(), form: DayForm::Dashes, is_date: true });

    let lake = "eventid:string,eventtime:timestamp,eventsource:string,eventname:string,eventjson:string";
    let found = detected(lake, "", &[]);
    assert_eq!(found.days, Days::Time { name: "eventtime".to_owned(), zoned: false });
    assert!(!found.has_paths);

    let security_lake = "metadata:struct<uid:string>,time:bigint,time_dt:timestamp,api:struct<operation:string>,\
                         actor:struct<user:struct<type:string>>,accountid:string,region:string";
    let found = detected(security_lake, "", &[]);
    assert_eq!(found.shape, Shape::SecurityLake);
    assert_eq!(found.account.unwrap().name, "accountid");
    assert_eq!(found.days, Days::Time { name: "time_dt".to_owned(), zoned: false });
}

#[test]
fn what_is_no_table_of_cloudtrail_is_an_error_that_says_what_it_has() {
    let error = Layout::detect(&table("date:date,bytes:bigint", "", &[])).unwrap_err().to_string();
    assert!(error.contains("security.cloud\"trail") && error.contains("it has date, bytes;"), "{error}");
    let error = Layout::detect(&table(OLD, "p_date:string", &[("projection.p_date.format", "dd.MM.yyyy")])).unwrap_err();
    assert!(matches!(error, SourceError::DayForm { .. }));
    assert!(error.to_string().contains("`dd.MM.yyyy`") && error.to_string().contains("yyyy/MM/dd"), "{error}");
}

#[test]
fn partitions_are_named_in_the_statement_and_every_value_is_bound() {
    let own = statement("SELECT count(*) FROM events WHERE account_id = ?", &["000000000001"]);
    let made = statement_over(&[blog()], Dialect::Athena, &part(2), &own).unwrap();
    let predicate = r#"FROM "awsdatacatalog"."security"."cloud""trail"
WHERE "p_account" IN (?, ?) AND "p_date" BETWEEN ? AND ?"#;
    assert!(made.sql.contains(predicate), "{}", made.sql);
    assert!(made.sql.ends_with("SELECT count(*) FROM events WHERE account_id = ?"));
    // Late records lie in the folder of the day after.
    assert_eq!(
        texts(&made),
        ["000000000000", "000000000001", "2026/12/30", "2027/01/01", "2026-12-30", "2026-12-31", "000000000001"]
    );
    // Between every second pair of quotes lies a literal.
    let outside: String = made.sql.split('\'').step_by(2).collect();
    assert_eq!(outside.matches('?').count(), 7);
    assert!(!made.sql.contains("event_resources AS"), "a relation that is not named is left out");

    let made = statement_over(&[blog()], Dialect::Trino, &part(2), &own).unwrap();
    assert_eq!(made.sql.matches("\"p_account\" = ? AND \"p_date\" BETWEEN ? AND ?").count(), 2);
    assert_eq!(made.sql.matches("AS principal_account_id").count(), 1, "the mapping is there once");
}

#[test]
fn a_year_ends_between_partitions() {
    let source = Source::detect(table(OLD, "region:string,year:int,month:string,day:string", &[])).unwrap();
    let made = statement_over(&[source], Dialect::Athena, &part(1), &statement("SELECT 1 FROM events", &[])).unwrap();
    assert!(made.sql.contains("\"year\" IN (CAST(? AS integer), CAST(? AS integer))"), "{}", made.sql);
    assert_eq!(
        texts(&made),
        ["2026", "2027", "2026-12-30", "2027-01-01", "2026-12-30", "2026-12-31", "000000000000"],
        "no partition tells the account, so the rows are asked"
    );
}

#[test]
fn columns_that_a_table_lacks_are_null_and_named() {
    let source = blog();
    let missing = source.missing();
    for name in ["event_category", "vpc_endpoint_account_id", "tls_version", "source_identity", "is_addendum", "event_context"]
    {
        assert!(missing.contains(&name), "{name} in {missing:?}");
    }
    for name in ["event_id", "issuer_arn", "resources", "read_only", "session_created_at"] {
        assert!(!missing.contains(&name), "{name} in {missing:?}");
    }
    let made = statement_over(&[source], Dialect::Athena, &part(1), &statement("SELECT 1 FROM events", &[])).unwrap();
    assert!(made.sql.contains("CAST(NULL AS varchar) AS tls_version"));
    assert!(!made.sql.contains("is_notice"), "without addenda no row waits for another");
}

#[test]
fn a_statement_with_a_with_clause_of_its_own_keeps_it() {
    for (own, begins, ends) in [
        (
            "/* mine */ WITH a AS (SELECT 1 FROM events) SELECT * FROM a",
            "WITH palisade",
            ",\na AS (SELECT 1 FROM events) SELECT * FROM a",
        ),
        (
            "with recursive a(n) AS (SELECT 1) SELECT n FROM a, event_resources",
            "WITH RECURSIVE palisade",
            "SELECT n FROM a, event_resources",
        ),
        ("SELECT without FROM events", "WITH\npalisade", "\nSELECT without FROM events"),
    ] {
        let made = statement_over(&[blog()], Dialect::Athena, &part(1), &statement(own, &[])).unwrap();
        assert!(made.sql.starts_with(begins) && made.sql.ends_with(ends), "{}", made.sql);
    }
}

#[test]
fn statements_stay_under_the_limit_of_athena() {
    let one = activity_statement(&[blog(), blog()], Dialect::Athena, &part(1), 0).unwrap();
    assert!(bytes_of(&one) < 40_000, "{}", bytes_of(&one));
    let own = statement("SELECT count(*) FROM events", &[]);
    let many = part(10_000);
    let made = statement_over(&[blog()], Dialect::Athena, &many, &own).unwrap();
    assert!(bytes_of(&made) < MAX_STATEMENT_BYTES, "{}", bytes_of(&made));
    // Two tables name every account twice.
    let mut other = blog();
    other.table.name = "data".to_owned();
    let split = [blog(), other];
    let error = statement_over(&split, Dialect::Athena, &many, &own).unwrap_err();
    assert!(matches!(error, SourceError::TooLong { .. }), "{error}");
    let fit = accounts_that_fit(&split, Dialect::Athena, &many, &own).unwrap();
    assert!((5_000..10_000).contains(&fit), "{fit}");
    let made = statement_over(&split, Dialect::Athena, &part(fit), &own).unwrap();
    assert!(bytes_of(&made) <= MAX_STATEMENT_BYTES);
    println!("activity of an account: {} bytes; 10,000 accounts: {} bytes", bytes_of(&one), bytes_of(&made));
}

#[test]
fn nothing_is_asked_of_no_table_or_no_account() {
    let own = statement("SELECT 1 FROM events", &[]);
    assert!(matches!(statement_over(&[], Dialect::Athena, &part(1), &own), Err(SourceError::NoTable)));
    assert!(matches!(statement_over(&[blog()], Dialect::Athena, &part(0), &own), Err(SourceError::NoAccount)));
}
