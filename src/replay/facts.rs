//! Facts about AWS services: which actions, resource types and condition keys there are, and which operations need what.
//!
//! One compressed file is embedded (`config/service-facts.txt.gz`); `tools/service_facts.py` writes it and describes its format.
//! A service is read when it is first asked for.

mod parse;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::policy::check::Services;
use crate::policy::global_keys::KeyType;
use crate::policy::request::ActionNames;

/// The format that this version reads.
pub const FORMAT: &str = "palisade-service-facts\t1";

static COMPRESSED: &[u8] = include_bytes!("../../config/service-facts.txt.gz");
static EMBEDDED: LazyLock<ServiceFacts> =
    LazyLock::new(|| ServiceFacts::from_bytes(COMPRESSED).unwrap_or_else(|_| ServiceFacts::nothing()));

/// Why a file of service facts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("service facts {}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("service facts {}: {problem}", path.display())]
    Invalid { path: PathBuf, problem: String },
}

/// The facts of a run: those that Palisade was built with, or those of a file.
#[derive(Debug)]
pub enum FactsInUse {
    Embedded,
    Loaded(Box<ServiceFacts>),
}

impl FactsInUse {
    /// The facts of a file; without one the embedded facts.
    ///
    /// # Errors
    /// As [`ServiceFacts::load`].
    pub fn of(file: Option<&Path>) -> Result<FactsInUse, FactsError> {
        match file {
            Some(path) => ServiceFacts::load(path).map(|facts| FactsInUse::Loaded(Box::new(facts))),
            None => Ok(FactsInUse::Embedded),
        }
    }

    pub fn get(&self) -> &ServiceFacts {
        match self {
            FactsInUse::Embedded => ServiceFacts::embedded(),
            FactsInUse::Loaded(facts) => facts,
        }
    }
}

/// Where a part of the facts comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsSource {
    pub file: String,
    /// Of the file that was distilled.
    pub sha256: String,
    /// Origin and licence.
    pub origin: String,
}

/// What is known of AWS's services.
#[derive(Debug)]
pub struct ServiceFacts {
    /// The day of the Service Authorization Reference that the facts were taken from.
    pub date: String,
    pub sources: Vec<FactsSource>,
    /// Of the text of the facts, uncompressed: 64 hexadecimal digits.
    pub sha256: String,
    text: String,
    rcp: Vec<String>,
    prefix_of_label: HashMap<String, String>,
    vpce_keys: HashMap<String, Vec<String>>,
    fas: Vec<(String, Vec<String>)>,
    s3: HashMap<String, Vec<String>>,
    retired: HashMap<String, Vec<String>>,
    service_of_prefix: HashMap<String, usize>,
    services: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    prefix: String,
    start: usize,
    end: usize,
    service: OnceLock<Service>,
}

/// One service.
#[derive(Debug, Default)]
pub struct Service {
    pub prefix: String,
    pub keys: Vec<Key>,
    pub resource_types: Vec<ResourceType>,
    pub actions: Vec<Action>,
    action_of_name: HashMap<String, usize>,
    operations: HashMap<String, Vec<Needs>>,
    parameters: HashMap<String, Vec<(String, String)>>,
    roles: HashMap<String, Vec<String>>,
    /// For each key: does some action or type of resource list it? AWS's tables name keys that they list nowhere.
    is_listed: Vec<bool>,
    names: OnceLock<Arc<ActionNames>>,
    names_of_reads: OnceLock<Arc<ActionNames>>,
}

/// A condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As AWS writes it: `ec2:InstanceType`, `aws:RequestTag/${TagKey}`.
    pub name: String,
    /// In lower case; for a family of keys what stands before the name of the tag, `aws:requesttag/`.
    pub lower: String,
    /// Does the name end in something that the request fills in?
    pub is_family: bool,
    pub kind: KeyKind,
    pub multivalued: bool,
}

/// The type of a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Text,
    Arn,
    Bool,
    Number,
    Date,
    Address,
}

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    pub name: String,
    /// `arn:${Partition}:s3:::${BucketName}`.
    pub template: String,
    /// Numbers of keys.
    pub keys: Vec<u16>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub name: String,
    /// `R`ead, `L`ist, `W`rite, `T`agging, `P`ermissions management.
    pub access: char,
    pub resource_types: Vec<ActionResource>,
    /// Numbers of keys that do not depend on the type of the resource.
    pub keys: Vec<u16>,
    /// Other actions that it may need.
    pub dependent: Vec<String>,
}

/// A type of resource that an action works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionResource {
    /// Number of the resource type.
    pub resource_type: u16,
    pub required: bool,
    pub keys: Vec<u16>,
}

/// An action that an operation of another name needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    pub action: String,
    /// Only for some requests.
    pub sometimes: bool,
}

impl ServiceFacts {
    /// The facts that Palisade was built with.
    pub fn embedded() -> &'static ServiceFacts {
        &EMBEDDED
    }

    /// Newer facts, from a file that `tools/service_facts.py` wrote, compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read or is something else.
    pub fn load(path: &Path) -> Result<ServiceFacts, FactsError> {
        let bytes = std::fs::read(path).map_err(|source| FactsError::Unreadable { path: path.to_owned(), source })?;
        ServiceFacts::from_bytes(&bytes).map_err(|problem| FactsError::Invalid { path: path.to_owned(), problem })
    }

    fn from_bytes(bytes: &[u8]) -> Result<ServiceFacts, String> {
        /// Far more than all of AWS needs: a file must not be able to fill the memory.
        const LARGEST: u64 = 64 << 20;
        use std::io::Read as _;
        let mut text = String::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut decoder = GzDecoder::new(bytes).take(LARGEST);
            decoder.read_to_string(&mut text).map_err(|error| format!("cannot be decompressed: {error}"))?;
        } else {
            String::from_utf8_lossy(bytes).into_owned().clone_into(&mut text);
        }
        parse::facts(text)
    }

    fn nothing() -> ServiceFacts {
        ServiceFacts {
            date: String::new(),
            sources: Vec::new(),
            sha256: String::new(),
            text: String::new(),
            rcp: Vec::new(),
            prefix_of_label: HashMap::new(),
            vpce_keys: HashMap::new(),
            fas: Vec::new(),
            s3: HashMap::new(),
            retired: HashMap::new(),
            service_of_prefix: HashMap::new(),
            services: Vec::new(),
        }
    }

    /// The service of a prefix in lower case.
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        let section = self.services.get(*self.service_of_prefix.get(prefix)?)?;
        Some(
            section
                .service
                .get_or_init(|| parse::service(&section.prefix, self.text.get(section.start..section.end).unwrap_or_default())),
        )
    }

    /// Prefixes of all services, sorted.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|section| section.prefix.as_str())
    }

    /// An action by prefix and name, both in lower case.
    pub fn action(&self, prefix: &str, name: &str) -> Option<(&Service, &Action)> {
        let service = self.service(prefix)?;
        Some((service, service.action(name)?))
    }

    /// The prefix of an event source, given without `.amazonaws.com`.
    pub fn prefix<'a>(&'a self, label: &'a str) -> &'a str {
        if let Some(prefix) = self.prefix_of_label.get(label) {
            return prefix;
        }
        // `models.lex`, `catalog.marketplace`: the service comes last, or the words are joined otherwise.
        match label.rsplit_once('.') {
            Some((_, last)) if !self.service_of_prefix.contains_key(label) => {
                let joined = self.prefix_of_label.get(&label.replace('.', "-")).map(String::as_str);
                joined.or(self.service_of_prefix.contains_key(last).then_some(last)).unwrap_or(label)
            }
            _ => label,
        }
    }

    /// Services that resource control policies support.
    pub fn rcp_services(&self) -> &[String] {
        &self.rcp
    }

    /// The services that fill a key of `aws:Vpce…`, `aws:SourceVpcArn`, by its name in lower case. `None`: every service.
    pub fn services_with_key(&self, key: &str) -> Option<&[String]> {
        self.vpce_keys.get(key).map(Vec::as_slice)
    }

    /// Did a service have the action that AWS's reference has no longer?
    pub fn was_action(&self, prefix: &str, name: &str) -> bool {
        self.retired.get(prefix).is_some_and(|names| names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The actions that an S3 operation may need.
    pub fn s3_operation(&self, operation: &str) -> Option<&[String]> {
        self.s3.get(operation).map(Vec::as_slice)
    }

    /// Services (prefixes) that call this operation (`kms:Decrypt`) with their caller's credentials.
    pub fn forward_callers(&self, operation: &str) -> Vec<&str> {
        let calls = self.fas.iter().filter(|(_, calls)| calls.iter().any(|call| call.eq_ignore_ascii_case(operation)));
        let mut services: Vec<&str> = calls.filter_map(|(own, _)| own.split(':').next()).collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

impl Services for ServiceFacts {
    fn as_of(&self) -> &str {
        &self.date
    }

    fn prefixes(&self) -> Vec<&str> {
        ServiceFacts::prefixes(self).collect()
    }

    fn actions(&self, prefix: &str) -> Option<Vec<&str>> {
        Some(self.service(prefix)?.actions.iter().map(|action| action.name.as_str()).collect())
    }

    fn keys(&self, prefix: &str) -> Vec<&str> {
        self.service(prefix).map(|service| service.keys.iter().map(|key| key.name.as_str()).collect()).unwrap_or_default()
    }

    fn has_key(&self, prefix: &str, action: &str, key: &str) -> bool {
        let Some((service, action)) = self.action(prefix, action) else { return true };
        service.leaves_open(key)
            || service.lists(&action.keys, key)
            || action.resource_types.iter().any(|own| {
                service.lists(&own.keys, key)
                    || service.resource_type(own.resource_type).is_some_and(|resource| service.lists(&resource.keys, key))
            })
    }

    fn key_type(&self, prefix: &str, key: &str) -> Option<(KeyType, bool)> {
        let key = self.service(prefix)?.find_key(key)?;
        let value_type = match key.kind {
            KeyKind::Text => KeyType::String,
            KeyKind::Arn => KeyType::Arn,
            KeyKind::Bool => KeyType::Bool,
            KeyKind::Number => KeyType::Numeric,
            KeyKind::Date => KeyType::Date,
            KeyKind::Address => KeyType::IpAddress,
        };
        Some((value_type, key.multivalued))
    }

    fn resources(&self, prefix: &str, action: &str) -> Vec<&str> {
        let Some((service, action)) = self.action(prefix, action) else { return Vec::new() };
        let types = action.resource_types.iter().filter_map(|own| service.resource_type(own.resource_type));
        types.map(|resource| resource.template.as_str()).collect()
    }
}

impl Service {
    /// An action by its name in lower case.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(*self.action_of_name.get(name)?)
    }

    /// The actions that an operation may need of which no table tells; `reads`: CloudTrail says that it only reads.
    pub fn names(&self, reads: bool) -> Arc<ActionNames> {
        let names = if reads { &self.names_of_reads } else { &self.names };
        let made = names.get_or_init(|| {
            let (ruled_out, may_be): (Vec<&Action>, Vec<&Action>) =
                self.actions.iter().partition(|action| reads && action.surely_writes());
            let lower = |actions: Vec<&Action>| actions.into_iter().map(|action| action.name.to_ascii_lowercase()).collect();
            Arc::new(ActionNames { may_be: lower(may_be), ruled_out: lower(ruled_out) })
        });
        Arc::clone(made)
    }

    /// The actions that an operation needs, if they are not those of its name: none, if no policy is asked. The operation in lower
    /// case.
    pub fn operation(&self, operation: &str) -> Option<&[Needs]> {
        self.operations.get(operation).map(Vec::as_slice)
    }

    /// The parameter that fills a variable of an ARN template.
    pub fn parameter(&self, operation: &str, variable: &str) -> Option<&str> {
        let pairs = self.parameters.get(operation)?;
        pairs.iter().find(|(own, _)| own.eq_ignore_ascii_case(variable)).map(|(_, parameter)| parameter.as_str())
    }

    /// Parameters that hold the ARN of a role that is passed. `None`: no role is known to be passed.
    pub fn role_parameters(&self, operation: &str) -> Option<&[String]> {
        self.roles.get(operation).map(Vec::as_slice)
    }

    /// The resource type of an action.
    pub fn resource_type(&self, number: u16) -> Option<&ResourceType> {
        self.resource_types.get(usize::from(number))
    }

    /// A condition key by its number.
    pub fn key(&self, number: u16) -> Option<&Key> {
        self.keys.get(usize::from(number))
    }

    /// Is the key (in lower case) one of these?
    pub fn lists(&self, numbers: &[u16], key: &str) -> bool {
        numbers.iter().filter_map(|number| self.key(*number)).any(|own| own.is(key))
    }

    /// Is it a key of the service of which AWS does not tell which actions have it?
    pub fn leaves_open(&self, key: &str) -> bool {
        let own = self.keys.iter().zip(&self.is_listed).filter(|(own, _)| own.is(key));
        let mut found = own.peekable();
        found.peek().is_some() && found.all(|(_, is_listed)| !is_listed)
    }

    /// The key of that name in lower case.
    pub fn find_key(&self, key: &str) -> Option<&Key> {
        self.keys.iter().find(|own| own.is(key))
    }
}

impl Action {
    /// Can no operation that only reads need the action? The level alone does not tell: CloudTrail calls `sts:AssumeRole` and
    /// `kms:Decrypt` reads, and the reference has levels that are wrong.
    fn surely_writes(&self) -> bool {
        const VERBS: [&str; 10] = ["Create", "Delete", "Update", "Put", "Modify", "Remove", "Tag", "Untag", "Attach", "Detach"];
        !matches!(self.access, 'R' | 'L') && VERBS.iter().any(|verb| self.name.starts_with(verb))
    }
}

impl Key {
    /// Is it this key? The name is in lower case.
    pub fn is(&self, key: &str) -> bool {
        if self.is_family { key.len() > self.lower.len() && key.starts_with(&self.lower) } else { self.lower == key }
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
