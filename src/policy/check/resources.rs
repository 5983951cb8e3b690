//! Resources that no action of the statement has, and actions that no resource of the statement fits.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use std::collections::BTreeSet;

use super::placeholders;
use super::services::Services;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Effect, Statement, Text};
use crate::policy::pattern::{ActionPattern, Glob, Token, bind_to_arn_parts, tokens};

/// Resources that AWS's own examples name and its tables do not list: service of the ARN, and how its last part begins.
const UNLISTED: [(&str, &str); 1] = [("cloudformation", "transform/")];

/// Services that were renamed: their actions and ARNs are found under both names.
const RENAMED: [&str; 2] = ["codeconnections", "codestar-connections"];

/// What the actions of a statement work on.
#[derive(Default)]
struct Actions<'a> {
    /// Those that are named in full.
    exact: Vec<Action<'a>>,
    /// The ARNs of all of them, each once.
    templates: BTreeSet<&'a str>,
    /// Actions as they are written.
    written: Vec<&'a str>,
}

/// An action with the ARNs that its resources have; none: it is about no resource.
struct Action<'a> {
    written: &'a Text,
    prefix: String,
    templates: Vec<&'a str>,
}

/// A resource of the statement.
struct Item<'a> {
    text: &'a Text,
    /// Without variables, which may be anything.
    plain: String,
    glob: Glob,
}

pub(super) fn check(statement: &Statement, services: &dyn Services) -> Vec<Finding> {
    let Some(resource) = statement.resource.as_ref().filter(|resource| !resource.negated && !statement.action.negated) else {
        return Vec::new();
    };
    let is_open = |text: &Text| placeholders::is_in(&text.text) || text.text.matches(':').count() < 5;
    if resource.items.is_empty() || resource.items.iter().any(is_open) {
        return Vec::new();
    }
    let items: Vec<Item<'_>> = resource.items.iter().map(item).collect();
    let Some(actions) = actions(statement, services) else { return Vec::new() };
    let shapes: Vec<(&str, Glob)> = actions.templates.iter().map(|template| (*template, shape(template))).collect();
    let foreign: Vec<bool> =
        items.iter().map(|item| !shapes.iter().any(|(template, shape)| item.fits(template, shape))).collect();
    let mut findings = Vec::new();
    if !shapes.is_empty() {
        let told = items.iter().zip(&foreign).filter(|(item, foreign)| **foreign && !item.is_unlisted(&actions));
        findings.extend(told.map(|(item, _)| foreign_resource(item, &actions)));
    }
    // Where no resource fits any action, the resources were told already.
    let all_foreign = foreign.iter().all(|foreign| *foreign);
    if !all_foreign {
        let idle = actions.exact.iter().filter(|action| !action.templates.is_empty() && !action.fits(&items));
        findings.extend(idle.map(|action| idle_action(action, statement.effect)));
    }
    findings.extend(without_resource(&actions, &items, statement.effect));
    findings
}

/// `None`: the statement is about actions that nobody knows, or about all of them.
fn actions<'a>(statement: &'a Statement, services: &'a dyn Services) -> Option<Actions<'a>> {
    let mut found = Actions::default();
    for written in &statement.action.items {
        let pattern = ActionPattern::parse(&written.text)?;
        let prefix = pattern.service.as_deref()?;
        let is_exact = !written.text.contains(['*', '?']);
        let mut is_known = false;
        for name in services.actions(prefix)? {
            let lower = name.to_ascii_lowercase();
            if !pattern.matches(prefix, &lower) {
                continue;
            }
            is_known = true;
            let templates = services.resources(prefix, &lower);
            found.templates.extend(&templates);
            if is_exact {
                found.exact.push(Action { written, prefix: prefix.to_owned(), templates });
            }
        }
        if !is_known {
            return None;
        }
        found.written.push(&written.text);
    }
    Some(found)
}

fn item(text: &Text) -> Item<'_> {
    let mut plain = String::new();
    let mut rest = text.text.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        plain.push_str(before);
        plain.push('*');
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    let mut tokens = tokens(&plain);
    bind_to_arn_parts(&mut tokens);
    Item { text, plain, glob: Glob::from_tokens(tokens) }
}

impl Item<'_> {
    fn part(&self, number: usize) -> &str {
        self.plain.splitn(6, ':').nth(number).unwrap_or_default()
    }

    fn fits(&self, template: &str, shape: &Glob) -> bool {
        // The name of a bucket has no slash: what has one is an object.
        if template.ends_with(":s3:::${BucketName}") && self.part(5).contains('/') {
            return false;
        }
        self.glob.meets(shape)
    }

    fn is_unlisted(&self, actions: &Actions<'_>) -> bool {
        let renamed = RENAMED.contains(&self.part(2))
            && actions.templates.iter().any(|template| RENAMED.iter().any(|own| template.split(':').nth(2) == Some(own)));
        renamed || UNLISTED.iter().any(|(service, start)| self.part(2) == *service && self.part(5).starts_with(start))
    }

    /// Everything of a type: `cluster/*`, `log-group:*`, `*`. What a service asks for where no resource is named is of that form, so
    /// that such a pattern may well match.
    fn is_all_of(&self, prefix: &str) -> bool {
        let mut parts = self.part(5).split(['/', ':']);
        let first = parts.next().unwrap_or_default();
        let mut rest = parts.peekable();
        let is_wide = if rest.peek().is_none() { first == "*" } else { prefix != "s3" && rest.all(|part| part == "*") };
        is_wide && (self.part(2) == prefix || self.part(2) == "*")
    }
}

impl Action<'_> {
    fn fits(&self, items: &[Item<'_>]) -> bool {
        self.templates.iter().any(|template| {
            let shape = shape(template);
            items.iter().any(|item| item.fits(template, &shape))
        })
    }
}

/// The ARNs of a type of resources. Names may hold anything, colons and slashes included: an alias, a version, a path.
fn shape(template: &str) -> Glob {
    let mut made: Vec<Token> = Vec::new();
    let mut rest = template;
    let mut colons = 0;
    while let Some((before, after)) = rest.split_once("${") {
        colons += before.matches(':').count();
        made.extend(before.chars().map(Token::Char));
        made.push(if colons < 5 { Token::AnyInPart } else { Token::Any });
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    made.extend(rest.chars().map(Token::Char));
    Glob::from_tokens(made)
}

fn foreign_resource(item: &Item<'_>, actions: &Actions<'_>) -> Finding {
    let text = &item.text.text;
    let message = match actions.written.as_slice() {
        [name] => format!("`{name}` has no resource like \"{text}\": the statement matches nothing there"),
        _ => format!("no action of the statement has a resource like \"{text}\": it matches nothing"),
    };
    let finding = Finding::warning("resource-type-mismatch", item.text.span.clone(), message);
    let (region, account, name) = (item.part(3), item.part(4), item.part(5));
    if item.part(2) == "s3"
        && !(region.is_empty() && account.is_empty())
        && actions.templates.iter().any(|template| template.contains(":s3:::"))
        && !["accesspoint/", "job/", "access-grants/", "storage-lens"].iter().any(|start| name.starts_with(start))
    {
        return finding.help(format!("ARNs of buckets and objects have neither Region nor account: \"arn:aws:s3:::{name}\""));
    }
    match of_few(actions.templates.iter().copied()) {
        Some(help) => finding.help(help),
        None => finding,
    }
}

fn never(effect: Effect) -> &'static str {
    if effect == Effect::Allow { "never allowed" } else { "never denied" }
}

fn idle_action(action: &Action<'_>, effect: Effect) -> Finding {
    let written = &action.written.text;
    let message = format!("`{written}` has no resource like those of the statement: here it is {}", never(effect));
    let finding = Finding::warning("resource-type-mismatch", action.written.span.clone(), message);
    match of_few(action.templates.iter().copied()) {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// Actions that are about no resource, in a statement about some. One finding a statement.
fn without_resource(actions: &Actions<'_>, items: &[Item<'_>], effect: Effect) -> Option<Finding> {
    let found: Vec<&Action<'_>> = actions
        .exact
        .iter()
        .filter(|action| action.templates.is_empty() && !items.iter().any(|item| item.is_all_of(&action.prefix)))
        .collect();
    let first = *found.first()?;
    let names: Vec<String> = found.iter().take(3).map(|action| format!("`{}`", action.written.text)).collect();
    let more = if found.len() > names.len() { format!(" and {} more", found.len() - names.len()) } else { String::new() };
    let (are, them, they) = if found.len() == 1 { ("is", "it", "it is") } else { ("are", "them", "they are") };
    let message = format!(
        "{}{more} {are} about no resource, so only \"*\" matches {them}: here {they} {}",
        names.join(", "),
        never(effect)
    );
    let finding = Finding::warning("action-without-resource", first.written.span.clone(), message);
    Some(finding.help(format!("put {them} into a statement with \"Resource\": \"*\"")))
}

/// Which resources there are, if they are few.
fn of_few<'a>(templates: impl Iterator<Item = &'a str>) -> Option<String> {
    let templates: Vec<String> = templates.map(readable).collect();
    (!templates.is_empty() && templates.len() <= 3).then(|| format!("its resources are {}", templates.join(" or ")))
}

/// `arn:aws:s3:::BucketName/ObjectName`
fn readable(template: &str) -> String {
    template.replace("${Partition}", "aws").replace("${", "").replace('}', "")
}
