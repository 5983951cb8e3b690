//! AWS Organizations: accounts, the tree, and the policies with what they are attached to.

use std::path::Path;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{ChildType, PolicyType};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::calls::{CallError, Service};
use super::record::TypeRecord;
use super::writing::{Lines, List, WriteError, document, file_name_part};
use super::{Gathered, Request};
use crate::aws::calls::inventory as calls;
use crate::aws::{Call, Pages, Purpose, Sessions};
use crate::inventory::model::resource_types::{ACCOUNT, POLICY, TREE};

/// AWS Organizations allows few requests per second.
const MOST_REQUESTS: u16 = 8;
/// Requests that are prepared at once; how many run is for the pace to say.
const PREPARED: usize = 16;

/// What other sources need to know of the organization.
#[derive(Debug, Default)]
pub(super) struct Organization {
    pub(super) id: Option<String>,
    pub(super) management_account_id: Option<String>,
    /// Accounts that are neither suspended nor closed; `None` when the list could not be read to the end.
    pub(super) active_accounts: Option<Vec<String>>,
}

struct Reader<'a> {
    service: Service,
    folder: &'a Path,
}

/// One page: rows as AWS sent them, and the token of the next one.
type Page = (Vec<Value>, Option<String>);

async fn connect(request: &Request, sessions: &Sessions) -> Service {
    Service::new(sessions.of(Purpose::Organizations).await, MOST_REQUESTS, request.patience)
}

/// Only the id, for whoever must know which organization the credentials belong to.
pub(super) async fn identify(request: &Request, sessions: &Sessions) -> Result<Option<String>, CallError> {
    let service = connect(request, sessions).await;
    let (output, _) = service
        .call(&calls::DESCRIBE_ORGANIZATION, |config, raw| {
            Client::new(&config).describe_organization().customize().interceptor(raw).send()
        })
        .await?;
    Ok(output.organization().and_then(|organization| organization.id()).map(str::to_owned))
}

/// Reads the organization into the folder.
pub(super) async fn collect(
    request: &Request,
    sessions: &Sessions,
    folder: &Path,
    gathered: &Gathered,
) -> Result<Organization, WriteError> {
    let mut organization = Organization::default();
    let service = connect(request, sessions).await;
    let reader = Reader { service, folder };
    reader.describe(&mut organization, gathered).await?;
    let accounts = reader.accounts(&mut organization, gathered).await?;
    if request.types.contains(TREE) {
        reader.tree(accounts.as_deref(), gathered).await?;
    }
    if request.types.contains(POLICY) {
        reader.policies(gathered).await?;
    }
    if let (true, Some(accounts)) = (request.account_tags, &accounts) {
        reader.tags(accounts, gathered).await?;
    }
    Ok(organization)
}

fn text<'v>(row: &'v Value, key: &str) -> Option<&'v str> {
    row.get(key).and_then(Value::as_str)
}

/// Takes the rows of a list out of an answer.
pub(super) fn rows_of(answer: &mut Value, list: &str) -> Vec<Value> {
    match answer.get_mut(list).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

impl Reader<'_> {
    /// Follows a list to its end. Lists of AWS Organizations are short enough to be held.
    async fn list(&self, call: &'static Call, page: impl AsyncFn(Option<String>) -> Result<Page, CallError>) -> Listed {
        let mut listed = Listed::default();
        let mut pages = Pages::default();
        let mut token = None;
        loop {
            let next = match page(token).await {
                Ok((rows, next)) => {
                    listed.rows.extend(rows);
                    self.service.next(&mut pages, call, next.as_deref())
                }
                Err(error) => Err(error),
            };
            match next {
                Ok(None) => return listed,
                Ok(next) => token = next,
                Err(error) => {
                    listed.broken_off = Some(error);
                    return listed;
                }
            }
        }
    }

    async fn describe(&self, organization: &mut Organization, gathered: &Gathered) -> Result<(), WriteError> {
        let answer = self
            .service
            .call(&calls::DESCRIBE_ORGANIZATION, |config, raw| {
                Client::new(&config).describe_organization().customize().interceptor(raw).send()
            })
            .await;
        match answer {
            Ok((output, raw)) => {
                if let Some(described) = output.organization() {
                    organization.id = described.id().map(str::to_owned);
                    organization.management_account_id = described.master_account_id().map(str::to_owned);
                }
                document(self.folder, "organizations-describe-organization", &raw)
            }
            Err(error) => {
                gathered.error(&error);
                Ok(())
            }
        }
    }

    /// The list of accounts, in the order of AWS. `None` when it broke off.
    async fn accounts(&self, organization: &mut Organization, gathered: &Gathered) -> Result<Option<Vec<Value>>, WriteError> {
        const CALL: &Call = &calls::LIST_ACCOUNTS;
        let page = async |token: Option<String>| -> Result<Page, CallError> {
            let (output, mut raw) = self
                .service
                .call(CALL, |config, raw| {
                    Client::new(&config).list_accounts().set_next_token(token.clone()).customize().interceptor(raw).send()
                })
                .await?;
            Ok((rows_of(&mut raw, "Accounts"), output.next_token().map(str::to_owned)))
        };
        let listed = self.list(CALL, page).await;
        let of_type = write(self.folder, "organizations-list-accounts", "Accounts", &listed, gathered)?;
        let broken_off = listed.broken_off.is_some();
        gathered.of_type(ACCOUNT, of_type);
        if broken_off {
            return Ok(None);
        }
        let active = |row: &&Value| {
            let state = text(row, "State").or_else(|| text(row, "Status"));
            matches!(state, None | Some("ACTIVE"))
        };
        let ids = listed.rows.iter().filter(active).filter_map(|row| text(row, "Id")).map(str::to_owned);
        organization.active_accounts = Some(ids.collect());
        Ok(Some(listed.rows))
    }

    /// Roots, organizational units by parent, and accounts by parent unless the list of accounts tells where each one sits.
    async fn tree(&self, accounts: Option<&[Value]>, gathered: &Gathered) -> Result<(), WriteError> {
        let roots = self
            .list(&calls::LIST_ROOTS, async |token| {
                let (output, mut raw) = self
                    .service
                    .call(&calls::LIST_ROOTS, |config, raw| {
                        Client::new(&config).list_roots().set_next_token(token.clone()).customize().interceptor(raw).send()
                    })
                    .await?;
                Ok((rows_of(&mut raw, "Roots"), output.next_token().map(str::to_owned)))
            })
            .await;
        let mut of_type = write(self.folder, "organizations-list-roots", "Roots", &roots, gathered)?;
        let paths_tell = accounts.is_some_and(|accounts| accounts.iter().all(names_its_path));
        let mut level: Vec<String> = roots.rows.iter().filter_map(|row| text(row, "Id")).map(str::to_owned).collect();
        // Level by level; the parents of one level are asked together. Files are written in the order of the parents.
        while !level.is_empty() {
            let answers: Vec<(String, Listed, Option<Listed>)> = futures::stream::iter(level)
                .map(|parent| async move {
                    let units = self.units_below(&parent).await;
                    let accounts = if paths_tell { None } else { Some(self.accounts_below(&parent).await) };
                    (parent, units, accounts)
                })
                .buffered(PREPARED)
                .collect()
                .await;
            level = Vec::new();
            for (parent, units, accounts) in answers {
                let name = file_name_part(&parent);
                let stem = format!("organizations-list-organizational-units-for-parent-{name}");
                of_type.add(write_some(self.folder, &stem, "OrganizationalUnits", &units, gathered)?);
                level.extend(units.rows.iter().filter_map(|row| text(row, "Id")).map(str::to_owned));
                if let Some(accounts) = accounts {
                    let stem = format!("organizations-list-children-{name}");
                    of_type.add(write_some(self.folder, &stem, "Children", &accounts, gathered)?);
                }
            }
        }
        gathered.of_type(TREE, of_type);
        Ok(())
    }

    async fn units_below(&self, parent: &str) -> Listed {
        const CALL: &Call = &calls::LIST_ORGANIZATIONAL_UNITS_FOR_PARENT;
        self.list(CALL, async |token| {
            let (output, mut raw) = self
                .service
                .call(CALL, |config, raw| {
                    let request = Client::new(&config)
                        .list_organizational_units_for_parent()
                        .parent_id(parent)
                        .set_next_token(token.clone());
                    request.customize().interceptor(raw).send()
                })
                .await?;
            Ok((rows_of(&mut raw, "OrganizationalUnits"), output.next_token().map(str::to_owned)))
        })
        .await
    }

    async fn accounts_below(&self, parent: &str) -> Listed {
        const CALL: &Call = &calls::LIST_CHILDREN;
        self.list(CALL, async |token| {
            let (output, mut raw) = self
                .service
                .call(CALL, |config, raw| {
                    let request = Client::new(&config).list_children().parent_id(parent).child_type(ChildType::Account);
                    request.set_next_token(token.clone()).customize().interceptor(raw).send()
                })
                .await?;
            Ok((rows_of(&mut raw, "Children"), output.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Service and resource control policies, with their documents and targets.
    async fn policies(&self, gathered: &Gathered) -> Result<(), WriteError> {
        let mut of_type = TypeRecord { complete: true, ..TypeRecord::default() };
        let mut ids: Vec<String> = Vec::new();
        for kind in [PolicyType::ServiceControlPolicy, PolicyType::ResourceControlPolicy] {
            const CALL: &Call = &calls::LIST_POLICIES;
            let listed = self
                .list(CALL, async |token| {
                    let (output, mut raw) = self
                        .service
                        .call(CALL, |config, raw| {
                            let request =
                                Client::new(&config).list_policies().filter(kind.clone()).set_next_token(token.clone());
                            request.customize().interceptor(raw).send()
                        })
                        .await?;
                    Ok((rows_of(&mut raw, "Policies"), output.next_token().map(str::to_owned)))
                })
                .await;
            let stem = format!("organizations-list-policies-{}", kind.as_str());
            of_type.add(write(self.folder, &stem, "Policies", &listed, gathered)?);
            ids.extend(listed.rows.iter().filter_map(|row| text(row, "Id")).map(str::to_owned));
        }
        ids.sort_unstable();
        ids.dedup();
        let answers: Vec<_> = futures::stream::iter(ids)
            .map(|id| async move {
                let described = self
                    .service
                    .call(&calls::DESCRIBE_POLICY, |config, raw| {
                        Client::new(&config).describe_policy().policy_id(&id).customize().interceptor(raw).send()
                    })
                    .await;
                let targets = self.targets(&id).await;
                (id, described.map(|(_, raw)| raw), targets)
            })
            .buffered(PREPARED)
            .collect()
            .await;
        for (id, described, targets) in answers {
            let name = file_name_part(&id);
            match described {
                Ok(raw) => document(self.folder, &format!("organizations-describe-policy-{name}"), &raw)?,
                Err(error) => {
                    gathered.error(&error);
                    of_type.lacks(format!("the document of policy {id} could not be read ({error})"));
                }
            }
            let stem = format!("organizations-list-targets-for-policy-{name}");
            // Written even when nothing is attached: that is an answer. When nobody answered, targets stay unknown.
            if targets.broken_off.is_none() || !targets.rows.is_empty() {
                let rows = of_type.rows;
                of_type.add(write(self.folder, &stem, "Targets", &targets, gathered)?);
                of_type.rows = rows;
            } else if let Some(error) = &targets.broken_off {
                gathered.error(error);
                of_type.lacks(format!("what policy {id} is attached to could not be read ({error})"));
            }
        }
        gathered.of_type(POLICY, of_type);
        Ok(())
    }

    async fn targets(&self, policy: &str) -> Listed {
        const CALL: &Call = &calls::LIST_TARGETS_FOR_POLICY;
        self.list(CALL, async |token| {
            let (output, mut raw) = self
                .service
                .call(CALL, |config, raw| {
                    let request =
                        Client::new(&config).list_targets_for_policy().policy_id(policy).set_next_token(token.clone());
                    request.customize().interceptor(raw).send()
                })
                .await?;
            Ok((rows_of(&mut raw, "Targets"), output.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Tags of accounts, one request per account.
    async fn tags(&self, accounts: &[Value], gathered: &Gathered) -> Result<(), WriteError> {
        const CALL: &Call = &calls::LIST_TAGS_FOR_RESOURCE;
        let ids: Vec<String> = accounts.iter().filter_map(|row| text(row, "Id")).map(str::to_owned).collect();
        let mut lines = Lines::create(self.folder, "organizations-account-tags")?;
        let mut answers = futures::stream::iter(ids)
            .map(|id| async move {
                let tags = self
                    .list(CALL, async |token| {
                        let (output, mut raw) = self
                            .service
                            .call(CALL, |config, raw| {
                                let request = Client::new(&config)
                                    .list_tags_for_resource()
                                    .resource_id(&id)
                                    .set_next_token(token.clone());
                                request.customize().interceptor(raw).send()
                            })
                            .await?;
                        Ok((rows_of(&mut raw, "Tags"), output.next_token().map(str::to_owned)))
                    })
                    .await;
                (id, tags)
            })
            .buffered(PREPARED);
        while let Some((id, tags)) = answers.next().await {
            match tags.broken_off {
                Some(error) => gathered.error(&error),
                None => lines.line(&json!({"Account": {"Id": id, "Tags": tags.rows}}))?,
            }
        }
        lines.finish()
    }
}

/// Does the row of an account tell where it sits? `o-…/r-…/ou-…/111122223333/`.
fn names_its_path(row: &Value) -> bool {
    let Some(id) = text(row, "Id") else { return false };
    let paths = row.get("Paths").and_then(Value::as_array);
    paths.into_iter().flatten().filter_map(Value::as_str).any(|path| {
        let mut parts = path.trim_end_matches('/').rsplit('/');
        parts.next() == Some(id) && parts.any(|part| part.starts_with("r-"))
    })
}

/// A list that was followed from page to page.
#[derive(Debug, Default)]
struct Listed {
    rows: Vec<Value>,
    broken_off: Option<CallError>,
}

/// Writes a list, unless the very first page was refused: then no file speaks of it.
fn write(
    folder: &Path,
    stem: &str,
    name: &'static str,
    listed: &Listed,
    gathered: &Gathered,
) -> Result<TypeRecord, WriteError> {
    let mut of_type = TypeRecord { provided: true, complete: true, rows: listed.rows.len() as u64, why: Vec::new() };
    if let Some(error) = &listed.broken_off {
        gathered.error(error);
        of_type.lacks(format!("it could not be read to the end ({error})"));
        of_type.provided = !listed.rows.is_empty();
    }
    if of_type.provided {
        let mut file = List::create(folder, stem, name)?;
        file.rows(&listed.rows)?;
        let why = listed.broken_off.as_ref().map(|error| format!("not followed: {error}"));
        file.finish(why.as_deref())?;
    }
    Ok(of_type)
}

/// The same for one parent of many: a parent without children needs no file.
fn write_some(
    folder: &Path,
    stem: &str,
    name: &'static str,
    listed: &Listed,
    gathered: &Gathered,
) -> Result<TypeRecord, WriteError> {
    if listed.rows.is_empty() && listed.broken_off.is_none() {
        return Ok(TypeRecord { provided: true, complete: true, ..TypeRecord::default() });
    }
    write(folder, stem, name, listed, gathered)
}

impl TypeRecord {
    /// Adds another part of the same type.
    fn add(&mut self, part: TypeRecord) {
        self.provided |= part.provided;
        self.rows += part.rows;
        self.complete &= part.complete;
        part.why.into_iter().for_each(|why| self.lacks(why));
    }
}
