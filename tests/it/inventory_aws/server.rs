//! AWS on loopback, as far as the inventory asks it: AWS Organizations, AWS Config, Account, Access Analyzer and Security Hub, in the
//! shapes of their API references, with faults to order.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub const ORGANIZATION: &str = "o-exampleorgid";
pub const MANAGEMENT: &str = "111111111111";

/// What exists.
#[derive(Clone, Default)]
pub struct World {
    /// `(id, name, parent)`.
    pub accounts: Vec<(String, String, String)>,
    pub suspended: Vec<String>,
    /// Do accounts tell where they sit?
    pub paths: bool,
    /// `(id, name, parent)`; roots have no parent.
    pub units: Vec<(String, String, Option<String>)>,
    /// `(id, name, type, content, targets)`.
    pub policies: Vec<(String, String, String, String, Vec<String>)>,
    /// Rows of AWS Config by type.
    pub resources: BTreeMap<String, Vec<Value>>,
    pub all_regions: bool,
    pub aggregated_regions: Vec<String>,
    pub failed_sources: Vec<(String, String, String)>,
    pub regions: Vec<String>,
    /// Regions with an analyzer of the organization, and its findings.
    pub findings: BTreeMap<String, Vec<Value>>,
    pub security_hub: BTreeMap<String, Vec<Value>>,
    pub organization: String,
}

/// A request as faults see it.
pub struct Asked<'a> {
    pub operation: &'a str,
    pub body: &'a Value,
    /// How often exactly this was asked before.
    pub repeated: usize,
    /// Requests before this one.
    pub before: usize,
}

pub enum Fault {
    /// An error of the service.
    Error(u16, &'static str),
    /// The connection ends in the middle of the answer.
    Cut,
    Slow(Duration),
    /// This in place of the answer.
    Answer(Value),
}

type Faults = dyn Fn(&Asked<'_>) -> Option<Fault> + Send + Sync;

/// A server that stops answering when it is dropped.
pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    world: World,
    faults: Box<Faults>,
    /// Operation and body of every request.
    asked: Mutex<Vec<(String, Value)>>,
    repeated: Mutex<HashMap<String, usize>>,
}

impl Server {
    pub fn start(world: World) -> Server {
        Server::with_faults(world, |_| None)
    }

    pub fn with_faults(world: World, faults: impl Fn(&Asked<'_>) -> Option<Fault> + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { world, faults: Box::new(faults), asked: Mutex::default(), repeated: Mutex::default() });
        let weak = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(shared) = weak.upgrade() else { return };
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Server { url, shared }
    }

    /// Operations that were asked, in order.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.asked().iter().filter(|(name, _)| name == operation).count()
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    // A client that goes away ends the thread.
    let _ = answer_all(stream, shared);
}

fn answer_all(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
        let (status, error, answer, cut) = answer(shared, &target, &headers, body);
        let answer = answer.to_string();
        let kind = error.map(|code| format!("x-amzn-errortype: {code}\r\n")).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n{kind}content-length: {}\r\n\r\n",
            answer.len()
        );
        let mut out = stream;
        if cut {
            out.write_all(format!("{head}{}", &answer[..answer.len() / 2]).as_bytes())?;
            return stream.shutdown(std::net::Shutdown::Both);
        }
        out.write_all(format!("{head}{answer}").as_bytes())?;
    }
}

/// `AWSOrganizationsV20161128.ListAccounts`, or the path of a service that has paths.
fn operation(target: &str, headers: &HashMap<String, String>) -> String {
    if let Some(target) = headers.get("x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    match target.split(['?', '/']).nth(1).unwrap_or_default() {
        "listRegions" => "ListRegions",
        "analyzer" => "ListAnalyzers",
        "findingv2" if target.split(['?', '/']).nth(2).is_some_and(|id| !id.is_empty()) => "GetFindingV2",
        "findingv2" => "ListFindingsV2",
        "findings" => "GetFindings",
        other => other,
    }
    .to_owned()
}

/// The region that a request was signed for.
fn region(headers: &HashMap<String, String>) -> String {
    let credential = headers.get("authorization").and_then(|text| text.split("Credential=").nth(1)).unwrap_or_default();
    credential.split('/').nth(2).unwrap_or_default().to_owned()
}

type Answered = (u16, Option<&'static str>, Value, bool);

fn answer(shared: &Shared, target: &str, headers: &HashMap<String, String>, body: Value) -> Answered {
    let operation = operation(target, headers);
    let before = shared.asked.lock().unwrap().len();
    shared.asked.lock().unwrap().push((operation.clone(), body.clone()));
    let key = format!("{operation} {target} {} {body}", region(headers));
    let repeated = {
        let mut all = shared.repeated.lock().unwrap();
        let times = all.entry(key).or_default();
        *times += 1;
        *times - 1
    };
    let mut cut = false;
    match (shared.faults)(&Asked { operation: &operation, body: &body, repeated, before }) {
        Some(Fault::Error(status, code)) => {
            return (status, Some(code), json!({"__type": code, "message": format!("{code} to order")}), false);
        }
        Some(Fault::Answer(answer)) => return (200, None, answer, false),
        Some(Fault::Cut) => cut = true,
        Some(Fault::Slow(time)) => std::thread::sleep(time),
        None => {}
    }
    match shared.world.answer(&operation, target, &region(headers), &body) {
        Ok(answer) => (200, None, answer, cut),
        Err(code) => (400, Some(code), json!({"__type": code, "message": format!("{operation} {target} {body}")}), false),
    }
}

/// One page of a list; `key` is the name of the list, tokens count rows.
fn page(key: &str, rows: &[Value], size: usize, token: Option<&Value>, token_key: &str) -> Value {
    let from = token.and_then(Value::as_str).and_then(|token| token.strip_prefix("row-")).map_or(0, |row| row.parse().unwrap());
    let to = (from + size).min(rows.len());
    let mut page = json!({ key: rows[from..to] });
    if to < rows.len() {
        page[token_key] = json!(format!("row-{to}"));
    }
    page
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(found, _)| found)
}

impl World {
    fn arn(&self, what: &str) -> String {
        format!("arn:aws:organizations::{MANAGEMENT}:{what}")
    }

    /// From the root down to the parent.
    fn above(&self, parent: &str) -> Vec<String> {
        let mut path = vec![parent.to_owned()];
        while let Some(up) = self.units.iter().find(|unit| Some(&unit.0) == path.first()).and_then(|unit| unit.2.clone()) {
            path.insert(0, up);
        }
        path
    }

    fn account(&self, (id, name, parent): &(String, String, String)) -> Value {
        let state = if self.suspended.contains(id) { "SUSPENDED" } else { "ACTIVE" };
        let mut account = json!({
            "Id": id, "Name": name, "Arn": self.arn(&format!("account/{}/{id}", self.organization)), "Email": format!("{id}@example.com"),
            "State": state, "JoinedMethod": "CREATED", "JoinedTimestamp": 1_700_000_000.5,
        });
        if self.paths {
            account["Paths"] = json!([format!("{}/{}/{id}/", self.organization, self.above(parent).join("/"))]);
        }
        account
    }

    fn answer(&self, operation: &str, target: &str, region: &str, body: &Value) -> Result<Value, &'static str> {
        let text = |key: &str| body[key].as_str().unwrap_or_default();
        let organizations = |key: &str, rows: Vec<Value>| page(key, &rows, 20, body.get("NextToken"), "NextToken");
        let unit = |(id, name, _): &(String, String, Option<String>)| json!({"Id": id, "Name": name, "Arn": self.arn(&format!("ou/{}/{id}", self.organization))});
        Ok(match operation {
            "DescribeOrganization" => json!({"Organization": {
                "Id": self.organization, "MasterAccountId": MANAGEMENT, "FeatureSet": "ALL",
                "Arn": self.arn(&format!("organization/{}", self.organization)),
            }}),
            "ListAccounts" => organizations("Accounts", self.accounts.iter().map(|account| self.account(account)).collect()),
            "ListRoots" => organizations("Roots", self.units.iter().filter(|unit| unit.2.is_none()).map(unit).collect()),
            "ListOrganizationalUnitsForParent" => {
                let below = self.units.iter().filter(|unit| unit.2.as_deref() == Some(text("ParentId")));
                organizations("OrganizationalUnits", below.map(unit).collect())
            }
            "ListChildren" => {
                let below = self.accounts.iter().filter(|account| account.2 == text("ParentId"));
                organizations("Children", below.map(|account| json!({"Id": account.0, "Type": "ACCOUNT"})).collect())
            }
            "ListPolicies" => {
                let wanted = self.policies.iter().filter(|policy| policy.2 == text("Filter"));
                organizations(
                    "Policies",
                    wanted
                        .map(|policy| json!({"Id": policy.0, "Name": policy.1, "Type": policy.2, "AwsManaged": false}))
                        .collect(),
                )
            }
            "DescribePolicy" => {
                let policy =
                    self.policies.iter().find(|policy| policy.0 == text("PolicyId")).ok_or("PolicyNotFoundException")?;
                json!({"Policy": {"Content": policy.3, "PolicySummary": {"Id": policy.0, "Name": policy.1, "Type": policy.2, "AwsManaged": false}}})
            }
            "ListTargetsForPolicy" => {
                let policy =
                    self.policies.iter().find(|policy| policy.0 == text("PolicyId")).ok_or("PolicyNotFoundException")?;
                organizations(
                    "Targets",
                    policy.4.iter().map(|target| json!({"TargetId": target, "Name": "n", "Type": "ACCOUNT"})).collect(),
                )
            }
            "ListTagsForResource" => json!({"Tags": [{"Key": "owner", "Value": format!("team-{}", text("ResourceId"))}]}),
            "ListRegions" => {
                let rows: Vec<Value> = self
                    .regions
                    .iter()
                    .map(|name| json!({"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"}))
                    .collect();
                page("Regions", &rows, 2, body.get("NextToken"), "NextToken")
            }
            "DescribeConfigurationAggregators" => json!({"ConfigurationAggregators": [{
                "ConfigurationAggregatorName": "organization",
                "OrganizationAggregationSource": {"RoleArn": "arn:aws:iam::111111111111:role/aggregate", "AllAwsRegions": self.all_regions, "AwsRegions": self.aggregated_regions},
            }]}),
            "DescribeConfigurationAggregatorSourcesStatus" => {
                let failed = self.failed_sources.iter().map(|(account, region, why)| {
                    json!({"SourceId": account, "SourceType": "ACCOUNT", "AwsRegion": region, "LastUpdateStatus": "FAILED", "LastErrorMessage": why})
                });
                json!({"AggregatedSourceStatusList": failed.collect::<Vec<_>>()})
            }
            "GetAggregateDiscoveredResourceCounts" => self.counts(body),
            "SelectAggregateResourceConfig" => self.select(body),
            "ListAnalyzers" => {
                let there = self.findings.contains_key(region);
                let analyzers: Vec<Value> = there.then(|| json!({
                    "arn": format!("arn:aws:access-analyzer:{region}:{MANAGEMENT}:analyzer/organization"), "name": "organization",
                    "type": "ORGANIZATION", "status": "ACTIVE", "createdAt": "2026-01-01T00:00:00Z",
                })).into_iter().collect();
                json!({ "analyzers": analyzers })
            }
            "ListFindingsV2" => {
                let rows: Vec<Value> = self
                    .findings
                    .get(region)
                    .into_iter()
                    .flatten()
                    .cloned()
                    .map(|mut finding| {
                        finding.as_object_mut().unwrap().remove("findingDetails");
                        finding
                    })
                    .collect();
                page("findings", &rows, 2, body.get("nextToken"), "nextToken")
            }
            "GetFindingV2" => {
                let id = target.split(['/', '?']).nth(2).unwrap_or_default();
                self.findings
                    .get(region)
                    .into_iter()
                    .flatten()
                    .find(|finding| finding["id"] == id)
                    .cloned()
                    .ok_or("ResourceNotFoundException")?
            }
            "GetFindings" => {
                let rows = self.security_hub.get(region).cloned().unwrap_or_default();
                page("Findings", &rows, 1, body.get("NextToken"), "NextToken")
            }
            _ => return Err("UnknownOperationException"),
        })
    }

    fn select(&self, body: &Value) -> Value {
        let text = body["Expression"].as_str().unwrap();
        assert!(text.len() <= 4096, "{}", text.len());
        let resource_type = between(text, "resourceType = '", "'").unwrap();
        let one = between(text, "accountId = '", "'");
        let several = between(text, "accountId IN (", ")");
        let region = between(text, "awsRegion = '", "'");
        let rows = self.resources.get(resource_type).into_iter().flatten().filter(|row| {
            let account = row["accountId"].as_str().unwrap();
            one.is_none_or(|one| one == account)
                && several.is_none_or(|list| list.contains(account))
                && region.is_none_or(|region| row["awsRegion"] == region)
        });
        let rows: Vec<Value> = rows.map(|row| Value::from(row.to_string())).collect();
        page("Results", &rows, 100, body.get("NextToken"), "NextToken")
    }

    fn counts(&self, body: &Value) -> Value {
        let filters = &body["Filters"];
        let wanted = |key: &str, value: &str| filters[key].as_str().is_none_or(|filter| filter == value);
        let group = if body["GroupByKey"] == "AWS_REGION" { "awsRegion" } else { "accountId" };
        let mut groups: BTreeMap<&str, u64> = BTreeMap::new();
        for (resource_type, rows) in &self.resources {
            for row in rows
                .iter()
                .filter(|row| wanted("ResourceType", resource_type) && wanted("AccountId", row["accountId"].as_str().unwrap()))
            {
                *groups.entry(row[group].as_str().unwrap()).or_default() += 1;
            }
        }
        let total: u64 = groups.values().sum();
        let rows: Vec<Value> =
            groups.into_iter().map(|(name, count)| json!({"GroupName": name, "ResourceCount": count})).collect();
        let mut answer = page("GroupedResourceCounts", &rows, 100, body.get("NextToken"), "NextToken");
        answer["TotalDiscoveredResources"] = json!(total);
        answer
    }
}
