//! Tables of CloudTrail as catalogs describe them: what is recognised, and what statement comes of it. No server is needed.

use palisade::catalog::{BoundValue, Statement};
use palisade::engine::Part;
use palisade::engine::sources::{
    Column, DayForm, Days, Dialect, Layout, MAX_STATEMENT_BYTES, Shape, Source, SourceError, Table, TableLayout,
    accounts_that_fit, activity_statement, by_hand, bytes_of, statement_over,
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

fn set(text: &str) -> TableLayout {
    TableLayout::parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.message))
}

#[test]
fn a_layout_that_is_set_by_hand_takes_the_place_of_what_the_table_looks_like() {
    // Keys with names of their own: nothing tells what they hold.
    let own = || table(OLD, "acct:string,dia:string", &[]);
    let plain = Layout::detect(&own()).unwrap();
    assert_eq!((plain.account, plain.days), (None, Days::None));
    let source = Source::laid_out(own(), &[set("account_and_day account=ACCT day=dia form=yyyyMMdd injected")]).unwrap();
    let account = source.layout.account.clone().unwrap();
    assert_eq!((account.name.as_str(), account.injected), ("acct", true));
    assert_eq!(source.layout.name(), "account_and_day");
    let own_statement = statement("SELECT count(*) FROM events", &[]);
    let made = statement_over(&[source], Dialect::Athena, &part(1), &own_statement).unwrap();
    assert!(made.sql.contains(r#"WHERE "acct" = ? AND "dia" BETWEEN ? AND ?"#), "{}", made.sql);
    assert_eq!(texts(&made)[..3], ["000000000000", "20261230", "20270101"]);

    // What is not said goes by its usual name; a view has no keys, so any column will do.
    let view = table(&format!("{OLD},account:string,event_date:date"), "", &[]);
    assert_eq!(Layout::detect(&view).unwrap().days, Days::None);
    let found = Source::laid_out(view, &[set("account-and-day")]).unwrap().layout;
    assert_eq!(found.account.unwrap().name, "account");
    assert_eq!(found.days, Days::Key { name: "event_date".to_owned(), form: DayForm::Dashes, is_date: true });

    let parts = table(OLD, "account:string,y:int,m:int,d:int", &[]);
    let found = Source::laid_out(parts, &[set("year_month_day year=y month=m day=d")]).unwrap().layout;
    assert!(matches!(&found.days, Days::Parts { year, month, day } if [&year.name, &month.name, &day.name] == ["y", "m", "d"]));
    assert_eq!(found.account.unwrap().name, "account");

    let store = table("eventid:string,at:timestamp,eventsource:string,eventname:string,eventjson:string", "", &[]);
    let found = Source::laid_out(store, &[set("event_data_store time=at")]).unwrap().layout;
    assert_eq!(found.days, Days::Time { name: "at".to_owned(), zoned: false });

    let found = Source::laid_out(table(OLD, "p_account:string,p_date:string", &[]), &[set("unpartitioned")]).unwrap().layout;
    assert_eq!((found.account.unwrap().name.as_str(), found.days), ("p_account", Days::None));
}

#[test]
fn the_layout_of_a_table_wins_over_that_of_all() {
    let layout = |layouts: &[TableLayout]| Source::laid_out(table(OLD, "p_date:string", &[]), layouts).unwrap().layout.name();
    let (all, own) = (set("unpartitioned"), set("security.CLOUD\"trail=day"));
    assert_eq!(layout(&[]), "day");
    assert_eq!(layout(std::slice::from_ref(&all)), "unpartitioned");
    assert_eq!(layout(&[own.clone(), all.clone()]), "day");
    assert_eq!(layout(&[all.clone(), own.clone()]), "day");
    assert_eq!(layout(&[set("other=day"), all]), "unpartitioned");
    assert_eq!(layout(&[set("auto")]), "day");
    let tables = [&table(OLD, "", &[])];
    assert!(by_hand::check_names(&tables, &[own]).is_ok());
    let error = by_hand::check_names(&tables, &[set("trial=day")]).unwrap_err().to_string();
    assert!(error.contains("`trial`") && error.contains("none of the tables that are read: cloud\"trail"), "{error}");
}

#[test]
fn a_layout_that_the_table_cannot_have_is_an_error_that_says_what_it_has() {
    for (columns, keys, layout, expected) in [
        (
            OLD,
            "acct:string,p_date:string",
            "account_and_day",
            "name it with `account=COLUMN`: the table has acct, p_date, eventversion",
        ),
        (OLD, "acct:string", "day day=dt", "has no column `dt`, which the setting `day day=dt` names; it has acct,"),
        (OLD, "p_date:int", "day", "the column `p_date` cannot serve the layout `day`, which needs text or a date"),
        (OLD, "p_date:date", "day form=yyyyMMdd", "a column of the type date has no `form`"),
        (
            OLD,
            "p_date:string",
            "event_data_store",
            "the column `eventtime` cannot serve the layout `event_data_store`, which needs a timestamp",
        ),
        (OLD, "p_date:string", "security_lake", "has not the columns of Security Lake"),
        ("date:date,bytes:bigint", "", "day day=date", "no table of CloudTrail that is known"),
    ] {
        let error = Source::laid_out(table(columns, keys, &[]), &[set(layout)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{layout}: {error}");
    }
}

#[test]
fn what_is_no_layout_is_answered_with_those_that_are() {
    for (text, expected) in [
        ("by_day", "`by_day` is not a layout of a table"),
        ("", "`` is not a layout of a table"),
        ("=day", "names no table before `=`"),
        ("day account=a", "the layout `day` has no option `account`"),
        ("day day", "`day` of the layout `day` is written `day=NAME`"),
        ("account_and_day injected=yes", "is written `injected`"),
        ("day day=a day=b", "`day` stands twice"),
    ] {
        let wrong = TableLayout::parse(text).unwrap_err();
        assert!(wrong.message.contains(expected), "{text}: {}", wrong.message);
        for layout in [
            "auto;",
            "account_and_day (account, day, form, injected)",
            "year_month_day",
            "event_data_store (time)",
            "security_lake",
            "unpartitioned",
        ] {
            assert!(wrong.help.contains(layout), "{text}: {}", wrong.help);
        }
    }
    let wrong = TableLayout::parse("day form=dd.MM.yyyy").unwrap_err();
    assert!(wrong.message.contains("`dd.MM.yyyy`") && wrong.help.contains("yyyy/MM/dd, yyyy-MM-dd, yyyyMMdd"), "{wrong:?}");
    for text in
        ["auto", "logs.trail=account_and_day account=acct day=dt form=yyyy-MM-dd injected", "t=event_data_store time=at"]
    {
        assert_eq!(set(text).to_string(), text);
    }
}

#[test]
fn what_is_collected_by_another_layout_is_told_apart() {
    let identity =
        |layouts: &[TableLayout]| Source::laid_out(table(OLD, "a:string,p_date:string", &[]), layouts).unwrap().identity();
    assert_eq!(identity(&[]), "awsdatacatalog.security.cloud\"trail");
    assert_eq!(identity(&[set("day")]), identity(&[]), "it looks like that anyway");
    assert_eq!(
        identity(&[set("account_and_day account=a form=yyyy-MM-dd")]),
        "awsdatacatalog.security.cloud\"trail (account_and_day: a, p_date yyyy-MM-dd)"
    );
}

#[test]
fn management_and_data_events_in_two_tables_are_one_relation() {
    // The table of data events is a newer one, with a column more: each has a mapping of its own, and a record counts once over both.
    let data = Source::detect(Table {
        name: "data".to_owned(),
        ..table(&format!("{OLD},tlsdetails:struct<tlsversion:string>"), "p_account:string,p_region:string,p_date:string", &[])
    })
    .unwrap();
    let own = statement("SELECT event_id, tls_version FROM events", &[]);
    let made = statement_over(&[blog(), data], Dialect::Athena, &part(1), &own).unwrap();
    assert_eq!(made.sql.matches("\nUNION ALL\n").count(), 1, "{}", made.sql);
    assert_eq!(made.sql.matches("AS principal_account_id").count(), 1, "what is decided is decided once");
    assert_eq!(made.sql.matches("CAST(NULL AS varchar) AS tls_version").count(), 1, "only the older table lacks it");
    assert_eq!(made.sql.matches("row_number()").count(), 1, "{}", made.sql);
    assert_eq!(texts(&made)[..6], ["000000000000", "2026/12/30", "2027/01/01", "000000000000", "2026/12/30", "2027/01/01"]);
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
}

#[test]
fn nothing_is_asked_of_no_table_or_no_account() {
    let own = statement("SELECT 1 FROM events", &[]);
    assert!(matches!(statement_over(&[], Dialect::Athena, &part(1), &own), Err(SourceError::NoTable)));
    assert!(matches!(statement_over(&[blog()], Dialect::Athena, &part(0), &own), Err(SourceError::NoAccount)));
}
