//! Facts about AWS services: what is embedded, and what replaces it.

use palisade::replay::ServiceFacts;

#[test]
fn the_embedded_facts_say_where_they_come_from() {
    let facts = ServiceFacts::embedded();
    assert_eq!(facts.date, "2026-10-27");
    assert_eq!(facts.sha256.len(), 64);
    assert!(facts.sources.iter().any(|source| source.origin.contains("MIT")), "{:?}", facts.sources);
    assert!(facts.prefixes().count() > 400);
}

#[test]
fn the_embedded_facts_hold_the_operations_that_were_read_by_hand() {
    use sha2::{Digest, Sha256};
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/operation_actions.tsv");
    let digest: String = Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let facts = ServiceFacts::embedded();
    let source = facts.sources.iter().find(|source| source.file == "operation_actions.tsv").unwrap();
    assert_eq!(source.sha256, digest, "run tools/service_facts.py again");
    let needs = facts.service("ecr").unwrap().operation("listimagereferrers").unwrap();
    let needs: Vec<(&str, bool)> = needs.iter().map(|needs| (needs.action.as_str(), needs.sometimes)).collect();
    assert_eq!(needs, [("ecr:BatchGetImage", false), ("ecr:BatchImportUpstreamImage", true), ("ecr:CreateRepository", true)]);
    assert!(facts.service("codecatalyst").unwrap().operation("createproject").unwrap().is_empty());
    assert!(facts.was_action("iotevents", "createinput") && !facts.was_action("iotevents", "levitate"));
}

#[test]
fn event_sources_have_the_prefixes_of_iam() {
    let facts = ServiceFacts::embedded();
    for (label, prefix) in [
        ("monitoring", "cloudwatch"),
        ("tagging", "tag"),
        ("email", "ses"),
        ("s3", "s3"),
        ("amazonmq", "mq"),
        ("mturk-requester", "mechanicalturk"),
    ] {
        assert_eq!(facts.prefix(label), prefix);
    }
}

#[test]
fn actions_have_resources_keys_and_templates() {
    let facts = ServiceFacts::embedded();
    let (service, action) = facts.action("lambda", "createfunction").unwrap();
    assert_eq!(action.name, "CreateFunction");
    assert!(service.lists(&action.keys, "lambda:vpcids"));
    let function = service.resource_type(action.resource_types[0].resource_type).unwrap();
    assert_eq!(function.template, "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}");
    assert!(action.resource_types[0].required);
    // Every service reads, and every number that an action holds means something.
    for prefix in facts.prefixes() {
        let service = facts.service(prefix).unwrap();
        for action in &service.actions {
            assert!(action.keys.iter().all(|key| service.key(*key).is_some()), "{prefix}:{}", action.name);
            for own in &action.resource_types {
                assert!(service.resource_type(own.resource_type).is_some(), "{prefix}:{}", action.name);
            }
        }
    }
}

#[test]
fn newer_facts_replace_the_embedded_ones_and_anything_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.txt");
    let text = "palisade-service-facts\t1\ndate\t2027-01-01\nservice\tmoon\na\tLand\tW\n";
    std::fs::write(&path, text).unwrap();
    let facts = ServiceFacts::load(&path).unwrap();
    assert_eq!(facts.date, "2027-01-01");
    assert!(facts.action("moon", "land").is_some());
    for wrong in ["", "{}", "palisade-service-facts\t2\n", "palisade-service-facts\t1\n"] {
        std::fs::write(&path, wrong).unwrap();
        let error = ServiceFacts::load(&path).unwrap_err().to_string();
        assert!(error.contains("facts.txt") && error.contains("tools/service_facts.py"), "{error}");
    }
    std::fs::write(&path, [0x1f, 0x8b, 0, 1, 2]).unwrap();
    assert!(ServiceFacts::load(&path).unwrap_err().to_string().contains("cannot be decompressed"));
}
