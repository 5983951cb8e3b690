//! How many distinct contexts are judged per second by all policies of a folder, attached at once as service control policies.
//!
//! `throughput FOLDER COUNT [CASES OUT.jsonl]`: also writes the first CASES contexts, for the peers.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_policy_bench::Random;
use palisade_policy_bench::policy::compiled::{Policy, PolicyType};
use palisade_policy_bench::policy::context::{Context, ContextValue, View};
use palisade_policy_bench::policy::document::Document;
use palisade_policy_bench::policy::layers::{Level, Policies};
use palisade_policy_bench::policy::request::{Principal, Request, Resource};
use palisade_policy_bench::policy::truth::Truth;
use serde_json::{Map, Value, json};

const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
/// Values in place of what the published policies leave to their reader.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("<my-org-id>", "o-aaaaaaaaaa"),
    ("<my-vpc>", "vpc-00000001"),
    ("<my-corporate-cidr>", "198.51.0.0/17"),
];

const CALLS: &[(&str, &str)] = &[
    ("s3:GetObject", "arn:aws:s3:::bucket-{n}/key"),
    ("s3:PutObject", "arn:aws:s3:::bucket-{n}/key"),
    ("s3:ListBucket", "arn:aws:s3:::bucket-{n}"),
    ("ec2:DescribeInstances", "*"),
    ("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/i-{n}"),
    ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/{n}"),
    ("sts:AssumeRole", "arn:aws:iam::444455556666:role/role-{n}"),
    ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:queue-{n}"),
    ("lambda:CreateFunction", "arn:aws:lambda:eu-west-1:111122223333:function:f{n}"),
    ("iam:CreateUser", "arn:aws:iam::111122223333:user/u{n}"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/t{n}"),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:s{n}-abcdef"),
];

/// One context: who, what, and each key with its value.
fn context(random: &mut Random, number: u64) -> (String, &'static str, String, Map<String, Value>) {
    let (action, resource) = CALLS[random.below(CALLS.len())];
    let role = random.below(5_000);
    let mut keys = Map::new();
    let mut set = |key: &str, value: Value| {
        keys.insert(key.to_owned(), value);
    };
    set("aws:PrincipalArn", json!(format!("arn:aws:iam::111122223333:role/app-{role}")));
    set("aws:PrincipalAccount", json!("111122223333"));
    set("aws:PrincipalOrgID", json!("o-aaaaaaaaaa"));
    set("aws:PrincipalIsAWSService", json!("false"));
    set("aws:PrincipalType", json!("AssumedRole"));
    set("aws:userid", json!(format!("AROAEXAMPLE{role:010}:session-{number}")));
    set("aws:TokenIssueTime", json!("2026-11-01T08:00:00Z"));
    set("aws:RequestedRegion", json!(random.pick(&["eu-west-1", "us-east-1"])));
    set("aws:SecureTransport", json!("true"));
    set("aws:CurrentTime", json!("2026-11-01T09:00:00Z"));
    set("aws:UserAgent", json!("aws-sdk-java/2.29"));
    set("aws:ViaAWSService", json!(if random.below(8) == 0 { "true" } else { "false" }));
    set("aws:ResourceAccount", json!(random.pick(&["111122223333", "444455556666"])));
    set("aws:ResourceOrgID", json!(random.pick(&["o-aaaaaaaaaa", "o-aaaaaaaaaa", "o-bbbbbbbbbb"])));
    if random.below(2) == 0 {
        set("aws:SourceVpc", json!(format!("vpc-{:08x}", random.below(40))));
        set("aws:SourceVpce", json!(format!("vpce-{:08x}", random.below(80))));
        set("aws:VpcSourceIp", json!(format!("10.0.{}.{}", random.below(256), random.below(256))));
    } else {
        set("aws:SourceIp", json!(format!("198.51.{}.{}", random.below(256), random.below(256))));
    }
    if random.below(3) == 0 {
        set("aws:PrincipalTag/team", json!(random.pick(&["red", "blue"])));
    }
    let principal = format!("arn:aws:sts::111122223333:assumed-role/app-{role}/session-{number}");
    (principal, action, resource.replace("{n}", &number.to_string()), keys)
}

fn request(principal: &str, action: &str, resource: String, keys: &Map<String, Value>) -> Option<Request> {
    let mut request = Request::new(Principal::from_name(principal)?, action, Resource::Known(resource))?;
    let mut context = Context::new();
    for (key, value) in keys {
        context.set(key, ContextValue::Present(vec![value.as_str()?.to_owned()]));
    }
    request.context = context;
    Some(request)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_default();
    let count: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let cases: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut files: Vec<_> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut policies = Vec::new();
    let mut texts = Vec::new();
    let own = files.iter().filter_map(|path| Some((path.display().to_string(), std::fs::read_to_string(path).ok()?)));
    for (name, text) in own.chain([("FullAWSAccess".to_owned(), ALLOW_ALL.to_owned())]) {
        let text = PLACEHOLDERS.iter().fold(text, |text, (placeholder, value)| text.replace(placeholder, value));
        match Document::parse(&name, &text) {
            Ok(document) => {
                policies.push(Arc::new(Policy::compile(&name, &document, PolicyType::ServiceControl)));
                texts.push(serde_json::from_str::<Value>(&text).unwrap_or_default());
            }
            Err(error) => println!("{error}"),
        }
    }
    println!("{} policies", policies.len() - 1);
    let policies = Policies { service_control: Some(vec![Level { name: None, policies }]), ..Policies::default() };

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut random = Random(0x2026_1123);
    let mut out = arguments.next().and_then(|path| std::fs::File::create(path).ok());
    let (mut denied, mut judging, mut alone) = (0_u64, Duration::ZERO, Duration::ZERO);
    let mut number = 0;
    while number < count {
        // By hundred thousand, so that a million contexts need not be held at once.
        let batch: Vec<Request> = (0..100_000.min(count - number))
            .filter_map(|_| {
                let (principal, action, resource, keys) = context(&mut random, number);
                if number < cases && let Some(out) = &mut out {
                    let case = json!({"id": number, "policies": texts, "principal": principal, "action": action, "resource": resource, "context": keys});
                    let _ = writeln!(out, "{case}");
                }
                number += 1;
                request(&principal, action, resource, &keys)
            })
            .collect();
        let judge = |part: &[Request]| {
            part.iter().filter(|request| policies.decide(request, &View::of(&request.context)).denied() == Truth::True).count() as u64
        };
        let started = Instant::now();
        denied += std::thread::scope(|scope| {
            let parts: Vec<_> = batch.chunks(batch.len().div_ceil(threads)).map(|part| scope.spawn(move || judge(part))).collect();
            parts.into_iter().filter_map(|part| part.join().ok()).sum::<u64>()
        });
        judging += started.elapsed();
        if number <= 100_000 {
            let started = Instant::now();
            judge(&batch);
            alone = started.elapsed();
        }
    }
    println!("{count} contexts, {denied} denied, {threads} threads: {judging:.2?}, {:.0} per second", count as f64 / judging.as_secs_f64());
    println!("one thread: {:.0} per second", 100_000_f64.min(count as f64) / alone.as_secs_f64());
}
