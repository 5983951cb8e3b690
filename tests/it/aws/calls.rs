//! The list of calls to AWS is complete: no request is sent without its row, and no row is without a request.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use palisade::aws::calls;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `StartQueryExecution` as the SDK names its method. Version numbers stay with their word.
fn method(operation: &str) -> String {
    let mut name = String::new();
    let letters: Vec<char> = operation.chars().collect();
    for (position, letter) in letters.iter().enumerate() {
        let upper_before_lower = letter.is_ascii_uppercase()
            && position > 0
            && (!letters[position - 1].is_ascii_uppercase() || letters.get(position + 1).is_some_and(char::is_ascii_lowercase));
        let version = *letter == 'V' && letters.get(position + 1).is_some_and(char::is_ascii_digit);
        if upper_before_lower || version && position > 0 && !name.ends_with('_') {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn every_request_names_its_row_and_every_row_has_a_request() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut named = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.contains("aws_sdk_") {
            continue;
        }
        // Each statement that sends: what lies between the row and `.send()` must be the method of that row's operation.
        for (at, _) in text.match_indices(".send()") {
            let before = &text[..at];
            let start = before.rfind("calls::").unwrap_or_else(|| panic!("{}: a request without its row", file.display()));
            let path: String =
                before[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':' || *c == '_').collect();
            let request = before.rfind("Client::new").max(before.rfind("client")).unwrap_or(start);
            let request = &text[request..at];
            let row = path.trim_start_matches("calls::").replace("::", " ");
            let found = calls::all().find(|call| {
                let constant = row.split(' ').next_back().unwrap();
                request.contains(&format!(".{}()", method(call.operation))) && constant_of(call) == constant
            });
            let call = found.unwrap_or_else(|| panic!("{}: `{request}` is sent as {row}", file.display()));
            named.insert((call.service, call.operation, constant_of(call)));
        }
    }
    // The SDK itself assumes roles.
    named.insert(("STS", "AssumeRole", "ASSUME_ROLE".to_owned()));
    for call in calls::all() {
        assert!(
            named.contains(&(call.service, call.operation, constant_of(call))),
            "nothing makes {} {}",
            call.service,
            call.operation
        );
    }
}

/// The name of the constant: that of the operation, or where two rows share one the name in the source.
fn constant_of(call: &calls::Call) -> String {
    match (call.operation, call.why.contains("manifest")) {
        ("GetObject", true) => "GET_RESULT".to_owned(),
        ("ListObjectsV2", _) => "LIST_OBJECTS".to_owned(),
        (operation, _) => method(operation).to_ascii_uppercase(),
    }
}

#[test]
fn methods_are_named_as_the_sdk_names_them() {
    for (operation, name) in [
        ("StartQueryExecution", "start_query_execution"),
        ("ListObjectsV2", "list_objects_v2"),
        ("GetFindingV2", "get_finding_v2"),
        ("DescribeOrganizationalUnit", "describe_organizational_unit"),
    ] {
        assert_eq!(method(operation), name);
    }
}

#[test]
fn rows_say_all_that_documentation_and_policies_need() {
    let mut seen = BTreeSet::new();
    for call in calls::all() {
        assert!(seen.insert((call.service, call.operation, call.why)), "{} twice", call.operation);
        assert!(call.why.ends_with('.') && !call.commands.is_empty(), "{}", call.operation);
        for permission in call.permissions {
            let (service, action) = permission.action.split_once(':').unwrap();
            assert!(
                service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') && !action.contains('*'),
                "{}",
                permission.action
            );
            assert!(!permission.resource.is_empty(), "{}", permission.action);
        }
    }
}
