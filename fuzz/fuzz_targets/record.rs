//! Any bytes as CloudTrail records, one in a line: the way of each to the requests that IAM judged, what policies say of it, and how
//! that is explained. Nothing may panic, and what the replay of many calls relies on must hold: filling in only the keys that the
//! policies read changes no value and no verdict.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use palisade_fuzz::inventory::Inventory;
use palisade_fuzz::policy::diagnostic::Source;
use palisade_fuzz::replay::candidate::{Asked, Plan, plan};
use palisade_fuzz::replay::explain::{as_text, explain};
use palisade_fuzz::replay::outcome::{Judge, keys_that_decide};
use palisade_fuzz::replay::words::words;
use palisade_fuzz::replay::{Call, Derived, KeySet, Lineage, ServiceFacts, World, derive};
use serde_json::{Map, Value};

/// Records of one input; more only take time.
const RECORDS: usize = 6;

/// What exists, and what is tried there.
struct Organization {
    inventory: Inventory,
    plan: Plan,
    /// The keys that the policies read.
    keys: KeySet,
}

impl Organization {
    fn new(inventory: Inventory, attach: &[&str]) -> Organization {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/policies");
        let names = attach.iter().filter_map(|attached| attached.split_once('@')).map(|(name, _)| name);
        let policies = names.map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).expect("a policy of the samples");
            Source::new(name, &text)
        });
        let asked = Asked {
            policies: policies.collect(),
            attach: attach.iter().map(|attached| (*attached).to_owned()).collect(),
            set: ["my-org-id=o-palisade01", "my-vpc=vpc-0a1b2c3d", "my-corporate-cidr=203.0.113.0/24"].map(str::to_owned).to_vec(),
            ..Asked::default()
        };
        let asked = unused_left_out(asked);
        let plan = plan(&asked, &inventory).expect("the policies of the samples fit the organization of the samples");
        let keys = keys_that_decide(&plan);
        Organization { inventory, plan, keys }
    }
}

/// Only values of placeholders that the policies have.
fn unused_left_out(mut asked: Asked) -> Asked {
    let has = |set: &String| {
        let name = set.split_once('=').map_or(set.as_str(), |(name, _)| name);
        asked.policies.iter().any(|policy| policy.text().contains(&format!("<{name}>")))
    };
    asked.set = asked.set.iter().filter(|set| has(set)).cloned().collect();
    asked
}

/// The organization of the samples, and one of which nothing is known but that it is there.
static ORGANIZATIONS: LazyLock<[Organization; 2]> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/inventory");
    [
        Organization::new(
            Inventory::load(&folder).expect("the inventory of the samples"),
            &[
                "resource_perimeter_scp.json@root",
                "identity_perimeter_rcp.json@root",
                "network_perimeter_sourcevpc_scp.json@root",
                "s3_endpoint_policy.json@vpce-033ffa73dc8c2e85e",
            ],
        ),
        Organization::new(Inventory::empty(), &["resource_perimeter_scp.json@root", "identity_perimeter_rcp.json@root"]),
    ]
});

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|byte| *byte == b'\n').take(RECORDS);
    let calls: Vec<Call> = lines.filter_map(|line| Call::from_record(line).ok()).collect();
    if calls.is_empty() {
        return;
    }
    let lineage = Lineage::of(calls.iter());
    for organization in ORGANIZATIONS.iter() {
        let world = World::new(ServiceFacts::embedded(), &organization.inventory, &lineage).naming(&organization.keys);
        let narrow = world.with_keys(&organization.keys);
        let mut judge = Judge::new(&organization.plan, &organization.inventory);
        for call in &calls {
            same_values(&derive(call, &world), &derive(call, &narrow), &organization.keys);
            let all = judge.judge(call, &world);
            let few = judge.judge(call, &narrow);
            for ((all, few), scenario) in all.iter().zip(&few).zip(&organization.plan.scenarios) {
                assert_eq!(all.outcome, few.outcome, "{}", scenario.name);
                words(all, call, scenario, &lineage);
                as_text(&explain(all, call, scenario, &lineage, &organization.inventory));
            }
        }
    }
});

/// The same requests, and for every key that was asked for the same value.
fn same_values(all: &Derived, few: &Derived, keys: &KeySet) {
    match (all, few) {
        (Derived::NotAuthorized { .. }, Derived::NotAuthorized { .. }) => {}
        (Derived::Authorizations(all), Derived::Authorizations(few)) => {
            assert!(!all.is_empty(), "a call without a request");
            assert_eq!(all.len(), few.len());
            for (all, few) in all.iter().zip(few) {
                assert_eq!(all.resource_arn, few.resource_arn);
                assert_eq!(format!("{:?}", all.request.resource), format!("{:?}", few.request.resource));
                for (key, _) in keys.iter() {
                    let (all, few) = (all.request.context.get(key), few.request.context.get(key));
                    assert_eq!(format!("{all:?}"), format!("{few:?}"), "{key}");
                }
            }
        }
        _ => panic!("one is authorized and the other is not"),
    }
}

/// What records hold, and what they should not.
const WORDS: [&str; 56] = [
    "s3.amazonaws.com", "sts.amazonaws.com", "kms.amazonaws.com", "ec2.amazonaws.com", "lambda.amazonaws.com", "iam.amazonaws.com",
    "dynamodb.amazonaws.com", "monitoring.amazonaws.com", "sns.amazonaws.com", "secretsmanager.amazonaws.com", "GetObject",
    "PutObject", "CopyObject", "AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetFederationToken", "RunInstances",
    "CreateTags", "Decrypt", "ReEncrypt", "CreateFunction20150331", "PutItem", "TransactWriteItems", "AssumedRole", "IAMUser",
    "Root", "AWSService", "AWSAccount", "FederatedUser", "WebIdentityUser", "SAMLUser", "Unknown", "IdentityCenterUser",
    "111122223333", "150000000015", "HIDDEN_DUE_TO_SECURITY_REASONS", "***", "AWS Internal", "10.0.0.1", "2001:db8::1",
    "vpce-033ffa73dc8c2e85e", "arn:aws:s3:::bucket/key", "arn:aws:iam::150000000015:role/a/b", "arn:aws:sts::150000000015:assumed-role/b/c",
    "arn:aws:kms:eu-central-1:111122223333:key/*", "arn:aws:", "AccessDenied", "2026-10-20T08:00:00Z", "-1", "18446744073709551616",
    "true", "", "*", "${aws:userid}", "\u{202e}é\u{0}",
];
/// Members of records.
const NAMES: [&str; 44] = [
    "eventSource", "eventName", "eventTime", "eventType", "eventCategory", "eventVersion", "awsRegion", "recipientAccountId", "userIdentity",
    "type", "principalId", "arn", "accountId", "accessKeyId", "invokedBy", "sessionContext", "sessionIssuer", "webIdFederationData",
    "attributes", "mfaAuthenticated", "creationDate", "sourceIdentity", "onBehalfOf", "userId", "inScopeOf", "requestParameters",
    "bucketName", "key", "roleArn", "roleSessionName", "tags", "policy", "policyArns", "transitiveTagKeys", "responseElements", "credentials",
    "resources", "ARN", "vpcEndpointId", "sourceIPAddress", "errorCode", "additionalEventData", "tlsDetails", "Items",
];

/// Small random numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.roll(words.len())]
    }

    fn value(&mut self) -> Value {
        match self.roll(9) {
            0 => Value::Null,
            1 => Value::Bool(self.roll(2) == 0),
            2 => Value::from(self.roll(1 << 40) as i64 - (1 << 20)),
            3 => Value::Array(vec![self.pick(&WORDS).into(), self.pick(&WORDS).into()]),
            4 => {
                let mut object = Map::new();
                object.insert(self.pick(&NAMES).to_owned(), self.pick(&WORDS).into());
                Value::Object(object)
            }
            _ => self.pick(&WORDS).into(),
        }
    }

    /// Changes something somewhere.
    fn change(&mut self, value: &mut Value) {
        match value {
            Value::Object(object) => {
                let names: Vec<String> = object.keys().cloned().collect();
                let own = names.get(self.roll(names.len())).cloned();
                match (self.roll(12), own) {
                    (0, Some(own)) => {
                        object.remove(&own);
                    }
                    (1, _) | (_, None) => {
                        object.insert(self.pick(&NAMES).to_owned(), self.value());
                    }
                    (2, Some(own)) => {
                        // A value in another place.
                        if let Some(taken) = object.get(&own).cloned() {
                            object.insert(self.pick(&NAMES).to_owned(), taken);
                        }
                    }
                    (_, Some(own)) => {
                        if let Some(inner) = object.get_mut(&own) {
                            self.change(inner);
                        }
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let place = self.roll(items.len());
                match self.roll(6) {
                    0 => {
                        items.remove(place);
                    }
                    1 if items.len() < 20 => items.push(items[place].clone()),
                    _ => self.change(&mut items[place]),
                }
            }
            Value::String(text) if self.roll(3) > 0 => match self.roll(4) {
                0 => text.push_str(self.pick(&WORDS)),
                1 => text.insert_str(0, self.pick(&WORDS)),
                2 => {
                    let keep = self.roll(text.chars().count() + 1);
                    *text = text.chars().take(keep).collect();
                }
                _ => self.pick(&WORDS).clone_into(text),
            },
            _ => *value = self.value(),
        }
    }
}

// Most bytes are no record: half of the inputs are changed as what they mean.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed));
    if dice.roll(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut lines: Vec<Vec<u8>> = data[..size].split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let place = dice.roll(lines.len());
    let Ok(mut value) = serde_json::from_slice::<Value>(&lines[place]) else { return fuzzer_mutate(data, size, max_size) };
    for _ in 0..=dice.roll(4) {
        dice.change(&mut value);
    }
    lines[place] = value.to_string().into_bytes();
    let changed = lines.join(&b'\n');
    if changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
