//! Tables of CloudTrail on a Trino server, in the layouts that people have, over records in files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use palisade::engine::trino::client::{Client, Connection, Credential};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers;

/// Columns as the documentation of CloudTrail has them for Athena today, in Trino's types.
pub const NESTED: &str = "\
    eventversion varchar, \
    useridentity row(type varchar, principalid varchar, arn varchar, accountid varchar, invokedby varchar, accesskeyid varchar, \
      username varchar, onbehalfof row(userid varchar, identitystorearn varchar), invokedbydelegate row(accountid varchar), \
      inscopeof row(sourcearn varchar, sourceaccount varchar, issuertype varchar, credentialsissuedto varchar), \
      sessioncontext row(attributes row(mfaauthenticated varchar, creationdate varchar), \
        sessionissuer row(type varchar, principalid varchar, arn varchar, accountid varchar, username varchar), \
        ec2roledelivery varchar, sourceidentity varchar, assumedroot varchar, signinsessionarn varchar, \
        webidfederationdata row(federatedprovider varchar, attributes map(varchar, varchar)))), \
    eventtime varchar, eventsource varchar, eventname varchar, awsregion varchar, sourceipaddress varchar, useragent varchar, \
    errorcode varchar, errormessage varchar, requestparameters varchar, responseelements varchar, additionaleventdata varchar, \
    requestid varchar, eventid varchar, readonly varchar, \
    resources array(row(arn varchar, arnprefix varchar, accountid varchar, type varchar)), \
    eventtype varchar, apiversion varchar, managementevent varchar, recipientaccountid varchar, serviceeventdetails varchar, \
    sharedeventid varchar, vpcendpointid varchar, vpcendpointaccountid varchar, eventcategory varchar, \
    addendum row(reason varchar, updatedfields varchar, originalrequestid varchar, originaleventid varchar), \
    eventcontext varchar, sessioncredentialfromconsole varchar, edgedevicedetails varchar, \
    tlsdetails row(tlsversion varchar, ciphersuite varchar, clientprovidedhostheader varchar)";

/// The same as text throughout: exports whose nested parts are JSON.
pub const FLAT: &str = "\
    eventtime varchar, eventid varchar, useridentity varchar, eventsource varchar, eventname varchar, awsregion varchar, \
    sourceipaddress varchar, useragent varchar, errorcode varchar, errormessage varchar, requestparameters varchar, \
    responseelements varchar, additionaleventdata varchar, readonly varchar, resources varchar, eventtype varchar, \
    managementevent varchar, recipientaccountid varchar, sharedeventid varchar, vpcendpointid varchar, vpcendpointaccountid varchar, \
    eventcategory varchar, addendum varchar, eventcontext varchar, sessioncredentialfromconsole varchar, tlsdetails varchar";

/// Whole records beside the columns, as event data stores keep them.
pub const WITH_RECORD: &str = "eventjson varchar";

/// Members that tables keep as JSON text.
const AS_TEXT: [&str; 6] = [
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "eventContext",
    "edgeDeviceDetails",
];

/// A schema of its own on the server, dropped at the end, with its files.
pub struct Place {
    pub client: Client,
    pub schema: String,
    pub url: String,
    pub folder: TempDir,
}

impl Place {
    /// `None` without a server.
    pub async fn new(prefix: &str) -> Option<Place> {
        let url = servers::address(servers::Server::Trino)?;
        let schema = servers::unique(prefix);
        let client = Client::new(connection(&url, &schema)).unwrap();
        let place = Place { client, schema, url, folder: TempDir::new().unwrap() };
        place.run(&format!("CREATE SCHEMA hive.{}", place.schema)).await;
        Some(place)
    }

    pub fn connection(&self) -> Connection {
        connection(&self.url, &self.schema)
    }

    pub async fn run(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.client.rows_of_text(sql, &[]).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    pub fn location(&self, path: &str) -> String {
        format!("local://{}/{path}", self.folder.path().display())
    }

    /// Drops all tables and the schema.
    pub async fn drop(self) {
        for row in self.run(&format!("SHOW TABLES FROM hive.{}", self.schema)).await {
            let table = row[0].as_deref().unwrap();
            self.run(&format!("DROP TABLE hive.{}.\"{table}\"", self.schema)).await;
        }
        self.run(&format!("DROP SCHEMA hive.{}", self.schema)).await;
    }

    /// A table over `AWSLogs/<organization>/<account>/<kind>/<region>/<day>`, as a blog of AWS projects it: the account must be named.
    pub async fn account_region_date(&self, name: &str, columns: &str, root: &str, kind: &str, regions: &BTreeSet<String>) {
        let location = self.location(root);
        self.run(&format!(
            "CREATE TABLE hive.{}.{name} ({columns}, \
               p_account varchar WITH (partition_projection_type = 'INJECTED'), \
               p_region varchar WITH (partition_projection_type = 'ENUM', partition_projection_values = ARRAY[{}]), \
               p_date varchar WITH (partition_projection_type = 'DATE', partition_projection_format = 'yyyy/MM/dd', \
                 partition_projection_range = ARRAY['2026/10/01', '2026/12/31'], partition_projection_interval = 1, \
                 partition_projection_interval_unit = 'DAYS')) \
             WITH (format = 'OPENX_JSON', external_location = '{location}', \
               partitioned_by = ARRAY['p_account', 'p_region', 'p_date'], partition_projection_enabled = true, \
               partition_projection_location_template = '{location}/${{p_account}}/{kind}/${{p_region}}/${{p_date}}')",
            self.schema,
            regions.iter().map(|region| format!("'{region}'")).collect::<Vec<_>>().join(", ")
        ))
        .await;
    }

    /// A table over one account and region, as the documentation of AWS projects it.
    pub async fn timestamp(&self, name: &str, columns: &str, folder: &str) {
        let location = self.location(folder);
        self.run(&format!(
            "CREATE TABLE hive.{}.{name} ({columns}, \
               \"timestamp\" varchar WITH (partition_projection_type = 'DATE', partition_projection_format = 'yyyy/MM/dd', \
                 partition_projection_range = ARRAY['2026/10/01', '2026/12/31'], partition_projection_interval = 1, \
                 partition_projection_interval_unit = 'DAYS')) \
             WITH (format = 'OPENX_JSON', external_location = '{location}', partitioned_by = ARRAY['timestamp'], \
               partition_projection_enabled = true, partition_projection_location_template = '{location}/${{timestamp}}')",
            self.schema
        ))
        .await;
    }

    /// A table over one account whose partitions were added by hand.
    pub async fn year_month_day(&self, name: &str, columns: &str, folder: &str) {
        self.run(&format!(
            "CREATE TABLE hive.{}.{name} ({columns}, region varchar, year varchar, month varchar, day varchar) \
             WITH (format = 'OPENX_JSON', external_location = '{}', partitioned_by = ARRAY['region', 'year', 'month', 'day'])",
            self.schema,
            self.location(folder)
        ))
        .await;
        let root = self.folder.path().join(folder);
        for day in folders(&root, 4) {
            let parts: Vec<&str> = day.split('/').collect();
            let values: Vec<String> = parts.iter().map(|part| format!("'{part}'")).collect();
            self.run(&format!(
                "CALL hive.system.register_partition('{}', '{name}', ARRAY['region', 'year', 'month', 'day'], ARRAY[{}], '{}')",
                self.schema,
                values.join(", "),
                self.location(&format!("{folder}/{day}"))
            ))
            .await;
        }
    }

    /// A table over one folder, without partitions.
    pub async fn folder(&self, name: &str, columns: &str, folder: &str) {
        self.run(&format!(
            "CREATE TABLE hive.{}.{name} ({columns}) WITH (format = 'OPENX_JSON', external_location = '{}')",
            self.schema,
            self.location(folder)
        ))
        .await;
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn connection(url: &str, schema: &str) -> Connection {
    Connection {
        url: url.to_owned(),
        user: "test".to_owned(),
        credential: Credential::None,
        catalog: "hive".to_owned(),
        schema: schema.to_owned(),
        ca_file: None,
    }
}

/// The paths of the folders `depth` levels below, relative.
pub fn folders(root: &Path, depth: usize) -> Vec<String> {
    let mut level = vec![PathBuf::new()];
    for _ in 0..depth {
        level = level
            .iter()
            .flat_map(|parent| {
                std::fs::read_dir(root.join(parent)).unwrap().map(|entry| parent.join(entry.unwrap().file_name()))
            })
            .collect();
    }
    let mut paths: Vec<String> = level.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    paths.sort();
    paths
}

/// A record as a line of a table: names in lower case, what tables keep as text as text.
pub fn line(record: &Value) -> String {
    let members = record.as_object().unwrap().iter().map(|(name, value)| {
        let as_text = AS_TEXT.contains(&name.as_str()) && !value.is_null() && !value.is_string();
        (name.to_lowercase(), if as_text { Value::String(value.to_string()) } else { value.clone() })
    });
    let mut line: serde_json::Map<String, Value> = members.collect();
    line.insert("eventjson".to_owned(), json!(record.to_string()));
    format!("{}\n", Value::Object(line))
}

/// A record with everything nested as JSON text.
pub fn flat_line(record: &Value) -> String {
    let members = record.as_object().unwrap().iter().map(|(name, value)| {
        let as_text = value.is_object() || value.is_array();
        (name.to_lowercase(), if as_text { Value::String(value.to_string()) } else { value.clone() })
    });
    format!("{}\n", Value::Object(members.collect()))
}

/// The accounts, kinds and regions of the sample organization.
pub struct Sample {
    pub accounts: BTreeSet<String>,
    pub regions: BTreeSet<String>,
    /// `account/kind/region`
    pub folders: BTreeSet<String>,
}

/// Writes the sample organization's records into the place: `trail/<account>/<kind>/<region>/<y>/<m>/<d>`, and the same by category below
/// `split/<category>`.
pub fn sample(place: &Place) -> Sample {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail/AWSLogs/o-palisade01");
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut sample = Sample { accounts: BTreeSet::new(), regions: BTreeSet::new(), folders: BTreeSet::new() };
    for day in folders(&root, 6) {
        let parts: Vec<&str> = day.split('/').collect();
        let (account, kind, region) = (parts[0], parts[1], parts[2]);
        if !["CloudTrail", "CloudTrail-NetworkActivity"].contains(&kind) {
            continue;
        }
        sample.accounts.insert(account.to_owned());
        sample.regions.insert(region.to_owned());
        sample.folders.insert(format!("{account}/{kind}/{region}"));
        let mut paths: Vec<PathBuf> = std::fs::read_dir(root.join(&day)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let mut text = String::new();
            MultiGzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
            let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for record in file["Records"].as_array().unwrap() {
                let category = record["eventCategory"].as_str().unwrap_or("Management");
                let line = line(record);
                files.entry(format!("trail/{day}")).or_default().push_str(&line);
                files.entry(format!("split/{category}/{day}")).or_default().push_str(&line);
            }
        }
    }
    for (folder, text) in files {
        place.write(&format!("{folder}/records.json"), &text);
    }
    sample
}
