//! A layout that is set by hand, on a real server: a view over a table whose accounts must be named, with column names of its own.

use std::collections::BTreeSet;

use palisade::engine::RemoteEngine;
use palisade::engine::sources::TableLayout;
use palisade::engine::trino::TrinoEngine;
use serde_json::json;

use super::tables::{NESTED, Place, line};
use super::{OPTIONS, part, run, statement};
use crate::support::record;

const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];

#[test]
fn a_view_with_names_of_its_own_is_read_as_it_is_set() {
    run(async {
        let Some(place) = Place::new("by_hand").await else { return };
        for (number, account) in (1..).zip(ACCOUNTS) {
            for day in ["2026/10/18", "2026/10/31"] {
                let (time, id) = (format!("{}T01:02:03Z", day.replace('/', "-")), number * 10 + u32::from(day.ends_with("31")));
                let record = record(id, json!({"eventTime": time, "recipientAccountId": account}));
                place.write(&format!("trail/{account}/CloudTrail/eu-west-1/{day}/x.json"), &line(&record));
            }
        }
        let regions = BTreeSet::from(["eu-west-1".to_owned()]);
        place.account_region_date("trail", NESTED, "trail", "CloudTrail", &regions).await;
        let view = format!("hive.{}.own", place.schema);
        let names = "*, p_account AS acct, replace(p_date, '/', '-') AS dia";
        place.run(&format!("CREATE VIEW {view} AS SELECT {names} FROM hive.{}.trail", place.schema)).await;

        let own = ["own".to_owned()];
        let connect = async |layouts: &[&str]| {
            let layouts: Vec<TableLayout> = layouts.iter().map(|text| TableLayout::parse(text).unwrap()).collect();
            TrinoEngine::connect_laid_out(place.connection(), &own, &layouts, OPTIONS).await
        };
        let count =
            statement("SELECT account_id, sum(event_count) AS calls FROM events GROUP BY account_id ORDER BY account_id");
        // The view looks as if it had no partitions, and the server refuses to read all accounts.
        let plain = connect(&[]).await.unwrap().run(&count, &part(&ACCOUNTS)).await.unwrap_err().to_string();
        assert!(plain.contains("p_account"), "{plain}");
        let set = "own=account_and_day account=acct day=dia form=yyyy-MM-dd injected";
        let rows = connect(&["unpartitioned", set]).await.unwrap().run(&count, &part(&ACCOUNTS)).await.unwrap();
        // The days of the part begin on the 19th.
        assert_eq!(rows.height(), 2);
        let calls: i64 = rows.column("calls").unwrap().i64().unwrap().iter().flatten().sum();
        assert_eq!(calls, 2);
        // The form decides which days are found.
        let wrong = connect(&["account_and_day account=acct day=dia form=yyyyMMdd injected"]).await.unwrap();
        assert_eq!(wrong.run(&count, &part(&ACCOUNTS)).await.unwrap().height(), 0);
        let error = connect(&["own=day day=dt"]).await.unwrap_err().to_string();
        assert!(error.contains("has no column `dt`") && error.contains("acct, dia"), "{error}");
        let error = connect(&["onw=day"]).await.unwrap_err().to_string();
        assert!(error.contains("`table_layouts` sets a layout for `onw`"), "{error}");
        place.run(&format!("DROP VIEW {view}")).await;
        place.drop().await;
    });
}
