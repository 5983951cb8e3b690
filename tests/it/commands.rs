//! Commands beside `run`: queries of one's own, and the file of the tool before.

use serde_json::json;

use crate::support::{Palisade, delivered, folder, gzip, record};

#[test]
fn a_query_of_the_user_may_take_the_place_of_a_built_in_one_and_must_keep_the_rules() {
    let folder = folder(&[("logs/a.json.gz", gzip(delivered(&[record(1, json!({}))])))]);
    let shown = Palisade::in_folder(&folder).run(&["queries", "show", "common_only_denied", "--sql"]).ends_with(0).out;
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let file = folder.path().join("mine/common_only_denied.sql");
    std::fs::write(&file, shown.replacen("title: ", "title: Mine, ", 1)).unwrap();
    let list = Palisade::in_folder(&folder).run(&["queries", "list", "--query-folder", "mine"]).ends_with(0).out;
    assert!(list.contains("Mine, ") && list.contains("mine/common_only_denied.sql"), "{list}");
    std::fs::write(&file, shown.replace("sum(event_count)", "count(*)")).unwrap();
    let run = ["run", "--events", "logs", "--query-folder", "mine", "--query", "common_only_denied"];
    let refused = Palisade::in_folder(&folder).run(&run).ends_with(2).err;
    assert!(refused.contains("mine/common_only_denied.sql:"), "{refused}");
}

#[test]
fn the_old_tools_file_is_converted_and_every_change_of_meaning_is_said() {
    let folder = folder(&[(
        "data_perimeter.yaml",
        "baseline:\n  network_perimeter_expected_public_cidr:\n    - 203.0.113.0/24\n  resource_perimeter_trusted_bucket_name:\n    - repo.[\\w-]*.amazonaws.com\n",
    )]);
    let finished = Palisade::in_folder(&folder).run(&["config", "import-dph", "data_perimeter.yaml"]).ends_with(0);
    assert!(finished.out.contains("203.0.113.0/24"), "{}", finished.out);
    assert!(finished.err.contains("data_perimeter.yaml:5"), "{}", finished.err);
    std::fs::write(folder.path().join("perimeter.yaml"), &finished.out).unwrap();
    std::fs::write(folder.path().join("a.json.gz"), gzip(delivered(&[record(1, json!({}))]))).unwrap();
    let run = ["run", "--events", "a.json.gz", "--perimeter", "perimeter.yaml", "--query", "common_from_public_cidr_ipv4"];
    let judged = Palisade::in_folder(&folder).run(&run).ends_with(0);
    assert!(judged.out.contains("Nothing found by common_from_public_cidr_ipv4"), "{}", judged.out);
}

#[test]
fn quiet_may_be_asked_for_by_flag_environment_or_settings_file() {
    let folder = folder(&[
        ("logs/a.json.gz", gzip(delivered(&[record(1, json!({}))]))),
        ("quiet.yaml", b"events: [logs]\nquiet: 1\n".to_vec()),
    ]);
    let by_flag = Palisade::in_folder(&folder).run(&["run", "--events", "logs", "--quiet"]).ends_with(0);
    let by_environment = Palisade::in_folder(&folder).env("PALISADE_QUIET", "1").run(&["run", "--events", "logs"]).ends_with(0);
    let by_file = Palisade::in_folder(&folder).run(&["run", "--config", "quiet.yaml"]).ends_with(0);
    for finished in [by_flag, by_environment, by_file] {
        assert_eq!((finished.out.as_str(), finished.err.as_str()), ("", ""));
    }
}
