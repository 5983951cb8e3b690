//! Any text as a policy document: read, checked as every type, compiled and judged. Nothing may panic, and a document that was
//! read must give the same answer twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_fuzz::policy::check::{check, guess_type};
use palisade_fuzz::policy::compiled::{Policy, PolicyType};
use palisade_fuzz::policy::context::{Context, View};
use palisade_fuzz::policy::document::Document;
use palisade_fuzz::policy::request::{Principal, Request, Resource};

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse("fuzzed.json", text) else { return };
    guess_type(&document);
    let Some(principal) = Principal::from_name("arn:aws:iam::111111111111:user/jane") else { return };
    let resource = Resource::Known("arn:aws:s3:::bucket/key".to_owned());
    let Some(mut request) = Request::new(principal, "s3:GetObject", resource) else { return };
    request.context = Context::new().with_unknown_rest("fuzzed");
    for policy_type in PolicyType::ALL {
        check(&document, policy_type);
        let policy = Policy::compile("fuzzed", &document, policy_type);
        let view = View::of(&request.context);
        let matches = |policy: &Policy| -> Vec<String> {
            policy.statements_for("s3").map(|statement| format!("{:?}", statement.matches(&request, &view, false))).collect()
        };
        assert_eq!(matches(&policy), matches(&Policy::compile("fuzzed", &document, policy_type)));
    }
});
