//! The codes of findings in policies: what each means, what to do about it, and the page that says so. They are stable: pipelines and
//! editors may rely on them. `docs/policy-check.md` is made of this table.

use std::fmt::Write as _;

use super::diagnostic::Severity::{self, Error, Note, Warning};

/// A code of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    /// How bad its findings can be.
    pub severities: &'static [Severity],
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
    /// The page of AWS's documentation that says so.
    pub page: &'static str,
}

const fn code(
    name: &'static str,
    severities: &'static [Severity],
    meaning: &'static str,
    advice: &'static str,
    page: &'static str,
) -> Code {
    Code { name, severities, meaning, advice, page }
}

const GRAMMAR: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html";
const OPERATORS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html";
const KEYS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html";
const SETS: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html";
const LOGIC: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html";
const ACTION: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html";
const RESOURCE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html";
const PRINCIPAL: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";
const NOT_PRINCIPAL: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html";
const VARIABLES: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html";
const VERSION: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html";
const SID: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html";
const ARNS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html";
const QUOTAS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
const CHECKS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html";
const RCP: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html";
const RCP_SERVICES: &str = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html";
const ENDPOINT: &str = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html";
const SERVICES: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html";
const SOURCE_IP: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip";

/// Every code, in alphabetical order.
pub const CODES: [Code; 65] = [
    code(
        "action-without-resource",
        &[Warning],
        "An action that is about no resource stands in a statement about some: only `*` matches it.",
        "Put it into a statement of its own with `\"Resource\": \"*\"`.",
        SERVICES,
    ),
    code("byte-order-mark", &[Warning], "The file starts with a byte order mark.", "Save it as UTF-8 without one.", GRAMMAR),
    code(
        "condition-always-true",
        &[Warning],
        "The actions do not have the key, so it is absent, and the operator is true of an absent key.",
        "Remove the condition, or name the actions that have the key.",
        SERVICES,
    ),
    code(
        "condition-never-true",
        &[Warning],
        "No request can meet the condition, or two conditions on one key exclude each other: the statement never applies.",
        "Correct the key, or remove one of the conditions.",
        LOGIC,
    ),
    code(
        "conflicting-elements",
        &[Error],
        "An element stands beside its `Not…` form.",
        "Keep one of them, or write two statements.",
        GRAMMAR,
    ),
    code(
        "denies-when-absent",
        &[Note],
        "A negated operator is true of an absent key, so that a Deny also applies to calls that do not have it, such as those of AWS services. `IfExists` changes nothing.",
        "Spare them by a condition on `aws:ViaAWSService`, `aws:PrincipalIsAWSService` or `Null`, unless they are meant.",
        OPERATORS,
    ),
    code(
        "duplicate-element",
        &[Error],
        "An element, operator or key occurs twice in one block.",
        "Put the values into one list.",
        GRAMMAR,
    ),
    code(
        "duplicate-sid",
        &[Error, Warning],
        "Two statements have the same `Sid`. IAM refuses it; elsewhere messages do not tell which one denied.",
        "Give each a name of its own.",
        SID,
    ),
    code(
        "empty-list",
        &[Warning],
        "An element or a condition key has no value.",
        "Name values, or remove the element.",
        CHECKS,
    ),
    code("empty-sid", &[Note], "A `Sid` is empty.", "Give the statement a name, or remove the element.", SID),
    code(
        "endpoint-condition",
        &[Error, Warning],
        "A VPC endpoint policy has a condition that AWS does not take there.",
        "Write the values in full.",
        ENDPOINT,
    ),
    code(
        "every-address",
        &[Warning],
        "A network is every address there is, so the condition tells none apart.",
        "Name the networks that are meant.",
        OPERATORS,
    ),
    code(
        "example-value",
        &[Note],
        "An account, organization or bucket of AWS's documentation stands in the policy. Told once a file.",
        "If it came from an example, put your own in its place.",
        ARNS,
    ),
    code(
        "for-all-values-when-absent",
        &[Note],
        "`ForAllValues:` is also true when the key is absent or has no value.",
        "Add `\"Null\": {\"key\": \"false\"}` if that is not meant.",
        SETS,
    ),
    code("id-not-allowed", &[Error], "`Id` stands in a policy that is not attached to a resource.", "Remove it.", GRAMMAR),
    code(
        "incomplete-arn",
        &[Error, Warning],
        "A resource has fewer than the six parts of an ARN.",
        "Write all six parts.",
        RESOURCE,
    ),
    code("invalid-action", &[Error], "An action is not `service:Name`.", "Write service and name.", ACTION),
    code("invalid-arn", &[Error], "A resource is neither an ARN nor `*`.", "Write an ARN.", RESOURCE),
    code(
        "invalid-arn-part",
        &[Warning],
        "The partition, service, Region or account of an ARN is none that there can be.",
        "Correct the part that the message names.",
        ARNS,
    ),
    code("invalid-case", &[Error], "A policy case is not written as its format says.", "See docs/policy-case.md.", GRAMMAR),
    code("invalid-effect", &[Error], "The effect is neither `Allow` nor `Deny`.", "Write one of them, in this case.", GRAMMAR),
    code("invalid-json", &[Error], "The file is not JSON.", "Correct it at the place that is shown.", GRAMMAR),
    code(
        "invalid-principal",
        &[Error],
        "A principal is none of the documented forms.",
        "Write an account, an ARN, a service or `*`.",
        PRINCIPAL,
    ),
    code("invalid-sid", &[Error], "A `Sid` has characters that IAM does not take.", "Use letters and digits only.", SID),
    code(
        "invalid-value",
        &[Error],
        "A condition value is not what its operator reads: no number, date, network, ARN, `true` or `false`.",
        "Correct the value, or use the operator for what it is.",
        OPERATORS,
    ),
    code(
        "invalid-variable",
        &[Error],
        "A policy variable is not well-formed.",
        "Write `${key}` or `${key, 'default'}`.",
        VARIABLES,
    ),
    code(
        "invalid-version",
        &[Error],
        "The version is unknown, or not allowed for the type of the policy.",
        "Write `2012-10-17`.",
        VERSION,
    ),
    code(
        "ip-host-bits",
        &[Note],
        "An address has bits behind its prefix, which are ignored.",
        "Write the address of the network.",
        CHECKS,
    ),
    code("missing-element", &[Error], "A required element is missing.", "Add it.", GRAMMAR),
    code(
        "missing-version",
        &[Warning],
        "Without a version the policy is read as of 2008.",
        "Write `\"Version\": \"2012-10-17\"`.",
        VERSION,
    ),
    code(
        "multivalued-key-without-set-operator",
        &[Warning],
        "AWS does not say what a multivalued key does without a set operator.",
        "Write `ForAnyValue:` or `ForAllValues:` before the operator.",
        SETS,
    ),
    code(
        "not-principal-allow",
        &[Error],
        "`NotPrincipal` with `Allow` is not supported.",
        "Name whom is allowed.",
        NOT_PRINCIPAL,
    ),
    code(
        "not-principal-deny",
        &[Warning],
        "`NotPrincipal` with `Deny` also denies everybody who has a permissions boundary.",
        "Write `\"Principal\": \"*\"` and a condition on `aws:PrincipalArn`.",
        NOT_PRINCIPAL,
    ),
    code(
        "null-with-set-operator",
        &[Warning],
        "`Null` with a set operator is always true, or always false.",
        "Write `Null` alone.",
        CHECKS,
    ),
    code(
        "placeholder",
        &[Error, Warning],
        "A placeholder is not filled in: `<my-org-id>`, `{{org}}`, `${OrgId}`; or, as a warning, what looks like one: `vpc-xxxxxxxx`, `ACCOUNT_ID`, `your-bucket`.",
        "Put your own value there; `--set my-org-id=…` fills in those in angle brackets.",
        VARIABLES,
    ),
    code(
        "policy-too-large",
        &[Error, Warning],
        "The policy has more characters than AWS takes; as a warning, it fits without blanks.",
        "Split it, or remove blanks.",
        QUOTAS,
    ),
    code(
        "principal-missing",
        &[Error],
        "A policy of a resource or an endpoint does not say whom it is about.",
        "Add `Principal`.",
        PRINCIPAL,
    ),
    code(
        "principal-not-allowed",
        &[Error],
        "The type of the policy has no principals, or not in this form.",
        "Use a condition on `aws:PrincipalArn`.",
        PRINCIPAL,
    ),
    code(
        "private-source-ip",
        &[Warning, Note],
        "`aws:SourceIp` is compared with private, loopback or link-local addresses, which it never has: over the internet it is public, through a VPC endpoint it is absent. A note, if only some values are private.",
        "Write `aws:VpcSourceIp`, or public addresses.",
        SOURCE_IP,
    ),
    code("rcp-action-wildcard", &[Error], "A resource control policy names the action `*`.", "Name the services.", RCP),
    code("rcp-allow", &[Error], "A resource control policy can only deny.", "Write `Deny`.", RCP),
    code("rcp-not-action", &[Error], "A resource control policy has `NotAction`.", "List the actions.", RCP),
    code(
        "rcp-principal",
        &[Error],
        "The principal of a resource control policy is not `*`.",
        "Write `\"Principal\": \"*\"` and a condition.",
        RCP,
    ),
    code(
        "rcp-unsupported-service",
        &[Warning],
        "Resource control policies do not support the service.",
        "Use a service control policy, or a policy of the resource.",
        RCP_SERVICES,
    ),
    code("redundant-statement", &[Note], "Another statement says all that this one says.", "Remove it.", CHECKS),
    code("redundant-value", &[Note], "An entry of a list is there twice, or another one covers it.", "Remove it.", CHECKS),
    code(
        "resource-type-mismatch",
        &[Warning],
        "No action of the statement has such a resource, or the action has none of the resources of the statement: an object where a bucket is needed, the ARN of another service.",
        "Write the ARN of what the action works on.",
        SERVICES,
    ),
    code(
        "set-operator-on-single-valued-key",
        &[Warning],
        "`ForAllValues:` on a key with one value is also true when it is absent.",
        "Remove the prefix.",
        SETS,
    ),
    code(
        "type-mismatch",
        &[Warning],
        "An operator does not fit the type of the key's values.",
        "Write the operator for that type.",
        OPERATORS,
    ),
    code(
        "unknown-action",
        &[Warning],
        "AWS documents no such action, or no such service.",
        "Correct the name; a newer one may be right.",
        SERVICES,
    ),
    code(
        "unknown-condition-key",
        &[Warning],
        "AWS documents no such key.",
        "Correct the name; a newer one may be right.",
        KEYS,
    ),
    code("unknown-element", &[Error], "The language has no such element.", "Correct its name.", GRAMMAR),
    code("unknown-operator", &[Error], "AWS has no such operator.", "Correct its name.", OPERATORS),
    code(
        "unknown-variable",
        &[Warning],
        "A policy variable names a key that there is not, or one with several values.",
        "Correct its name.",
        VARIABLES,
    ),
    code(
        "value-form",
        &[Warning],
        "A value does not have the form of what the key holds (`o-…`, 12 digits, `vpc-…`, a path that ends in `/`), so that it never matches.",
        "Write it in the form that the message shows.",
        KEYS,
    ),
    code(
        "variable-before-resource",
        &[Warning],
        "A policy variable stands before the fifth colon of an ARN.",
        "Write a wildcard there, and a condition.",
        VARIABLES,
    ),
    code(
        "variable-in-version-2008",
        &[Warning],
        "`${` is a literal text in a policy of version 2008.",
        "Write `\"Version\": \"2012-10-17\"`.",
        VARIABLES,
    ),
    code(
        "variable-not-allowed",
        &[Error],
        "A policy variable stands in an action or a principal.",
        "Write it out, or use a condition.",
        VARIABLES,
    ),
    code(
        "wildcard-in-account",
        &[Error],
        "The account of an ARN in a VPC endpoint policy is neither an id nor a wildcard alone.",
        "Write one or the other.",
        ENDPOINT,
    ),
    code("wildcard-in-arn-service", &[Error], "The service of an ARN has a wildcard.", "Name the service.", RESOURCE),
    code(
        "wildcard-in-id",
        &[Error, Warning],
        "A wildcard in a key whose values are ids that AWS assigns. A VPC endpoint policy is refused.",
        "List the ids in full.",
        KEYS,
    ),
    code(
        "wildcard-in-principal",
        &[Error],
        "A principal has a wildcard in it.",
        "Write `*` and a condition on `aws:PrincipalArn`.",
        PRINCIPAL,
    ),
    code(
        "wildcard-in-service",
        &[Error],
        "The service of an action has a wildcard.",
        "Name the service, or write `*` alone.",
        ACTION,
    ),
    code(
        "wildcard-without-like",
        &[Warning],
        "The operator takes `*` and `?` literally.",
        "Write `StringLike` or `StringNotLike`.",
        OPERATORS,
    ),
    code("wrong-type", &[Error], "A value has the wrong JSON type.", "Write the type that the message names.", GRAMMAR),
];

/// The code of that name.
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

/// `docs/policy-check.md`.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n| code | severity | meaning | what to do |\n|---|---|---|---|\n");
    for code in CODES {
        let severities: Vec<&str> = code.severities.iter().map(|severity| severity.as_str()).collect();
        let _ = writeln!(
            page,
            "| [`{}`]({}) | {} | {} | {} |",
            code.name,
            code.page,
            severities.join(" or "),
            code.meaning,
            code.advice
        );
    }
    page
}

const INTRODUCTION: &str = "\
# What `palisade policy check` finds

<!-- Made of the table of codes by the tests: change it there (src/policy/codes.rs). -->

`palisade policy check FILE…` reads policies as AWS does, and says what AWS would refuse, what does not do what it says, and what is
worth knowing, with file, line, column and statement. `--type` says what the policies are; without it the name and content of a file
decide. `--set my-org-id=o-a1b2c3d4e5` fills in placeholders first, so that values are checked where they go.

| severity | meaning | exit code |
|---|---|---|
| error | AWS refuses the policy, or a placeholder is left in it | 2 |
| warning | AWS takes it, but it does not do what it says | 0, or 3 with `--fail-on warning` |
| note | it does what it says; something about it is worth knowing | 0, or 3 with `--fail-on note` |

`--least warning` leaves notes out, `--least error` also warnings. `--format json` gives the findings with their codes and the pages of
AWS's documentation; `--format sarif` gives them as code scanning services and editors read them. `palisade whatif` and
`palisade policy evaluate` tell errors and warnings, and leave notes to this command. `whatif` refuses a policy with errors, except
one that is only too large.

Whether an action, a key or the resource of an action exists is judged by the service facts that Palisade was built with, or by those
of `--service-facts`: a name that is newer than they are may be right. Codes are stable. Each names the page that says so.
";
