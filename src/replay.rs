//! The replay of recorded calls under other policies: what would be denied, by which statement, and what cannot be told.
//!
//! From a recorded call to the requests that IAM judged, or would judge:
//!
//! 1. [`call`] is a row of `events` or `activity`; those that are alike are one call with a count.
//! 2. [`lineage`] links sessions to the calls that issued them; [`session_policy`] says what narrows a session.
//! 3. [`caller`] says who calls, and whether a service calls for somebody; [`action`] which permissions the call needs;
//!    [`resource`] on what; [`owner`] whose that is; [`context`] what every condition key was.
//! 4. [`facts`] is what is known of AWS's services.
//! 5. [`attach`], [`fill`] and [`candidate`] are what the user wants to try, [`baseline`] what is attached today; [`outcome`] judges a
//!    call by both, [`sweep`] all calls, [`refine`] looks for a change that spares some, and [`words`], [`rows`] and [`explain`] say
//!    what came of it.
//!
//! What a record does not tell is unknown, and says why. An assumption is made only where it is named in the provenance of a key.

pub mod attach;
pub mod baseline;
pub mod call;
pub mod candidate;
pub mod explain;
pub mod facts;
pub mod fill;
pub mod lineage;
pub mod outcome;
#[cfg(not(fuzzing))]
pub mod recorded;
pub mod refine;
#[cfg(not(fuzzing))]
pub mod rows;
pub mod session_policy;
pub mod settle;
#[cfg(not(fuzzing))]
pub mod sweep;
pub mod words;

mod action;
mod caller;
mod context;
mod dependent;
mod federation;
mod owner;
mod resource;
mod s3;
mod scene;
mod tags;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::inventory::Inventory;
use crate::policy::request::Request;

pub use call::{Call, CallError};
pub use context::KeySet;
pub use facts::{FactsError, ServiceFacts};
pub use lineage::{Lineage, Link};

/// What a call is seen against.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub facts: &'a ServiceFacts,
    pub inventory: &'a Inventory,
    pub lineage: &'a Lineage,
    /// The condition keys to fill in; `None`: all of them.
    pub keys: Option<&'a KeySet>,
    /// Say of each key where its value came from.
    pub provenance: bool,
    /// Keys to fill in besides those that AWS's tables list for the action, as some policies ask for them.
    pub named: Option<&'a KeySet>,
    pub assumptions: Assumptions,
}

impl<'a> World<'a> {
    /// Every key, without assumptions.
    pub fn new(facts: &'a ServiceFacts, inventory: &'a Inventory, lineage: &'a Lineage) -> World<'a> {
        World { facts, inventory, lineage, keys: None, provenance: true, named: None, assumptions: Assumptions::default() }
    }

    /// Only the keys that some policies ask for: faster. Keys that are not in `keys` then look absent.
    #[must_use]
    pub fn with_keys(self, keys: &'a KeySet) -> World<'a> {
        World { keys: Some(keys), ..self }
    }

    /// Without a word of where values came from: faster still.
    #[must_use]
    pub fn without_provenance(self) -> World<'a> {
        World { provenance: false, ..self }
    }

    /// Every key, these for certain: a policy may ask for a tag or a claim that no table names.
    #[must_use]
    pub fn naming(self, keys: &'a KeySet) -> World<'a> {
        World { named: Some(keys), ..self }
    }
}

/// What is taken for granted although no record says so. Every use shows in the provenance of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Assumptions {
    /// Calls whose record does not tell came over TLS.
    pub secure_transport: bool,
}

/// One permission that a call needs.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub request: Request,
    /// For each key (in lower case) where its value came from, unless that was not asked for.
    pub provenance: BTreeMap<String, Cow<'static, str>>,
    pub resource_provenance: String,
    /// The ARN of the resource, with `*` for what is not known of it; `None`: nothing is known of it, or the action has no resources.
    pub resource_arn: Option<String>,
    /// How the event became the action.
    pub action_provenance: String,
    /// Is the action one that AWS documents? If not, its name is the name of the event.
    pub action_is_documented: bool,
    /// Why this permission belongs to the call, for one that is not its own.
    pub dependent: Option<String>,
    /// Is the permission surely needed? If not, that it is denied does not prove that the call is.
    pub certain: bool,
}

/// What a call is for IAM.
#[derive(Debug, Clone)]
pub enum Derived {
    /// No policy is asked.
    NotAuthorized { reason: String },
    /// The permissions that it needs, its own first. All must pass.
    Authorizations(Vec<Authorization>),
}

/// What the call was for IAM.
pub fn derive(call: &Call, world: &World<'_>) -> Derived {
    if world.lineage.is_second_record(call) {
        let reason = "the second record of a call: that of the caller's own account is judged".to_owned();
        return Derived::NotAuthorized { reason };
    }
    let scene = scene::Scene::of(call, world);
    let needed = match action::needed(&scene) {
        action::Actions::NotAuthorized(reason) => return Derived::NotAuthorized { reason: reason.to_owned() },
        action::Actions::Needed(needed) => needed,
    };
    let mut authorizations: Vec<Authorization> = Vec::with_capacity(needed.len());
    let shared = context::Shared::of(&scene);
    let mut first: Vec<resource::Resolved> = Vec::new();
    for (number, needed) in needed.iter().enumerate() {
        let targets = resource::targets(&scene, needed, &first);
        if number == 0 {
            first.clone_from(&targets);
        }
        for target in targets {
            authorizations.push(context::authorization(&scene, &shared, needed, target));
        }
    }
    Derived::Authorizations(authorizations)
}
