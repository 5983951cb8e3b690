//! Who called: organization, trust, boundaries, roles.

use super::*;

#[test]
fn callers_of_the_organization_are_told_from_others() {
    let (inventory, perimeter) = (inventory(), perimeter());
    question(&inventory, &perimeter, "identity", &["aws_service_principals", "organization_principals"]).expect(&[
        ("principal_type=AssumedRole, principal_account_id=222222222222", OUT, "", ""),
        (
            "principal_type=AWSAccount, principal_id=AROAX, principal_account_id=999999999999",
            CROSSES,
            "account 999999999999 is not in the organization",
            "",
        ),
        ("principal_account_id=anonymous", CROSSES, "anonymous", ""),
        ("principal_type=AWSAccount, principal_account_id=ANONYMOUS_PRINCIPAL", CROSSES, "anonymous", ""),
        // Services have no principal id at all, and service events not even a type.
        ("principal_type=AWSService, invoked_by=config.amazonaws.com", OUT, "", ""),
        ("invoked_by=config.amazonaws.com", OUT, "", ""),
        ("principal_type=AWSAccount, principal_id=AROAX", UNKNOWN, "hides the caller's account", "account of the caller"),
        ("user_agent=x", UNKNOWN, "does not tell who called", "identity of the caller; account of the caller"),
    ]);
}

#[test]
fn without_a_list_of_accounts_only_the_own_account_is_certain() {
    let perimeter = perimeter();
    for (inventory, settled_by) in [
        (inventory_without(&["accounts", "organizations"]), "AWS::Organizations::Account inventory"),
        (Inventory::empty(), "AWS::Organizations::Account inventory"),
    ] {
        question(&inventory, &perimeter, "identity", &["organization_principals"]).expect(&[
            ("principal_type=IAMUser, principal_account_id=111111111111", OUT, "", ""),
            (
                "principal_type=IAMUser, principal_account_id=999999999999",
                UNKNOWN,
                "whether account 999999999999 is in the organization",
                settled_by,
            ),
        ]);
        question(&inventory, &perimeter, "resource", &["organization_resources"]).expect(&[
            ("resource_arn=arn:aws:s3:::own-thing, resource_account_id=111111111111", OUT, "", ""),
            (
                "resource_arn=arn:aws:s3:::foreign, resource_account_id=999999999999",
                UNKNOWN,
                "is in the organization is unknown",
                settled_by,
            ),
        ]);
    }
}

#[test]
fn trusted_identities_also_without_an_arn() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let question = question(&inventory, &perimeter, "identity", &["organization_principals", "trusted_identities"]);
    question.expect(&[
        ("principal_type=AWSAccount, principal_id=AROAX, principal_account_id=444444444444", OUT, "", ""),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::555555555555:role/partner/upload, principal_account_id=555555555555", OUT, "", ""),
        // Anchored: neither a longer account part nor another path is trusted.
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::555555555555:role/partners, principal_account_id=555555555555", CROSSES, "", ""),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::999999999999:role/arn:aws:iam::555555555555:role/partner/x, principal_account_id=999999999999", CROSSES, "", ""),
        // A caller from another account shows its unique id only: a pattern on ARNs of its account may or may not fit.
        ("principal_type=AWSAccount, principal_id=AROAPARTNERPARTNER001, principal_account_id=555555555555", UNKNOWN, "hides the caller's ARN", "role AROAPARTNERPARTNER001 in the inventory"),
        ("principal_type=AWSAccount, principal_id=AROASTRANGERSTRANG001, principal_account_id=999999999999", CROSSES, "", ""),
        ("principal_type=AWSAccount, principal_id=AROATRUSTEDTRUSTED001, principal_account_id=999999999999", OUT, "", ""),
        // Trust of one bucket is trust for that bucket.
        ("principal_type=AWSAccount, principal_account_id=777777777777, resource_arn=arn:aws:s3:::own-bucket", OUT, "", ""),
        ("principal_type=AWSAccount, principal_account_id=777777777777, resource_arn=arn:aws:s3:::own-bucket/key", OUT, "", ""),
        ("principal_type=AWSAccount, principal_account_id=777777777777, resource_arn=arn:aws:s3:::own-bucket-2", CROSSES, "", ""),
        ("principal_account_id=anonymous, resource_arn=arn:aws:s3:::own-bucket", CROSSES, "anonymous", ""),
    ]);
}

#[test]
fn trusted_organizations_need_their_accounts() {
    let inventory = inventory();
    let text = "version: 1\nbaseline: {trusted_identities: {organizations: [o-partner0001]}}\n";
    let perimeter = Perimeter::parse(text, "perimeter.yaml").unwrap();
    question(&inventory, &perimeter, "identity", &["organization_principals", "trusted_identities"]).expect(&[
        (
            "principal_type=AWSAccount, principal_account_id=999999999999",
            UNKNOWN,
            "whether account 999999999999 is in the trusted organization o-partner0001 is unknown",
            "accounts of organization o-partner0001",
        ),
        ("principal_account_id=anonymous", CROSSES, "anonymous", ""),
    ]);
    let known = [
        INVENTORY,
        &[("accounts-partners.csv", "account_id,organization_id\n999999999999,o-partner0001\n888888888888,o-other00001\n")],
    ]
    .concat();
    let inventory = Inventory::from_texts(&known).unwrap();
    question(&inventory, &perimeter, "identity", &["organization_principals", "trusted_identities"]).expect(&[
        ("principal_type=AWSAccount, principal_account_id=999999999999", OUT, "", ""),
        ("principal_type=AWSAccount, principal_account_id=888888888888", CROSSES, "", ""),
    ]);
}

#[test]
fn organizational_unit_boundaries() {
    let (inventory, perimeter) = (inventory(), perimeter());
    question(&inventory, &perimeter, "identity", &["same_boundary_principals"]).expect(&[
        ("principal_type=AWSAccount, principal_account_id=111111111111", OUT, "", ""),
        (
            "principal_type=AWSAccount, principal_account_id=222222222222",
            CROSSES,
            "account 222222222222 (dev) is outside the organizational-unit boundary production",
            "",
        ),
        (
            "principal_type=AWSAccount, principal_account_id=333333333333",
            UNKNOWN,
            "the organizational unit of account 333333333333 (shared) is unknown",
            "a complete AWS::Organizations::Tree inventory",
        ),
        ("principal_type=AWSAccount, principal_account_id=999999999999", CROSSES, "not in the organization", ""),
    ]);
    // An account outside every boundary shares none: the filter does not vanish.
    let empty = Perimeter::empty();
    question(&inventory, &empty, "identity", &["same_boundary_principals"]).expect(&[(
        "principal_type=AWSAccount, principal_account_id=222222222222",
        CROSSES,
        "account 111111111111 (prod) lies in no organizational-unit boundary",
        "",
    )]);
    let without_tree = inventory_without(&["organizations-tree"]);
    question(&without_tree, &perimeter, "identity", &["same_boundary_principals"]).expect(&[(
        "principal_type=AWSAccount, principal_account_id=222222222222",
        UNKNOWN,
        "is unknown",
        "AWS::Organizations::Tree inventory",
    )]);
}

#[test]
fn kinds_of_principals() {
    let (inventory, perimeter) = (inventory(), perimeter());
    let linked = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
    for (row, kind, assumable_by) in [
        (
            format!("principal_type=AssumedRole, principal_arn=arn:aws-cn:iam::111111111111:{linked}"),
            "service_linked_role",
            false,
        ),
        (
            format!("principal_type=AssumedRole, principal_arn=arn:aws-us-gov:iam::111111111111:{linked}"),
            "service_linked_role",
            false,
        ),
        // A path that only looks reserved.
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/x/aws-service-role/y".into(), "role", false),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app".into(), "service_role", true),
        ("principal_type=AWSAccount, principal_id=AROAAPPAPPAPPAPPAPP01".into(), "service_role", true),
        // The name was used again by another role: its trust policy is not this one's.
        (
            "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app, principal_id=AROAEARLIEREARLIER001"
                .into(),
            "role",
            false,
        ),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::999999999999:role/people/jane".into(), "human_role", false),
        ("principal_type=IAMUser, principal_arn=arn:aws:iam::111111111111:user/u".into(), "user", false),
        ("principal_type=Root, principal_arn=arn:aws:iam::111111111111:root".into(), "root", false),
        ("principal_type=FederatedUser, principal_arn=arn:aws:sts::111111111111:federated-user/u".into(), "federated", false),
        ("principal_type=AWSAccount, principal_id=AIDAEXAMPLE".into(), "user", false),
        ("principal_id=ANONYMOUS_PRINCIPAL".into(), "anonymous", false),
    ] {
        let table = question(&inventory, &perimeter, "none", &[]).table(&[&row]);
        assert_eq!(table.text("principal_kind", 0), Some(kind), "{row}");
        assert_eq!(table.text("assumable_by", 0).is_some(), assumable_by, "{row}");
    }
    question(&inventory, &perimeter, "network", &["not_service_role"]).expect(&[
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app", CROSSES, "", ""),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/admin", OUT, "", ""),
        ("principal_type=IAMUser, principal_arn=arn:aws:iam::111111111111:user/u", OUT, "", ""),
        ("principal_type=Root, principal_arn=arn:aws:iam::111111111111:root", OUT, "", ""),
        (
            "principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/x",
            UNKNOWN,
            "",
            "role arn:aws:iam::111111111111:role/x in the inventory",
        ),
    ]);
    question(&inventory, &perimeter, "network", &["service_linked_roles"]).expect(&[
        (&format!("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:{linked}"), OUT, "", ""),
        ("principal_type=AssumedRole, principal_arn=arn:aws:iam::111111111111:role/app", CROSSES, "", ""),
        (
            "principal_type=AWSAccount, principal_id=AROAHIDDENHIDDENHID01, principal_account_id=999999999999",
            UNKNOWN,
            "its ARN is hidden",
            "role AROAHIDDENHIDDENHID01 in the inventory",
        ),
        ("principal_type=AWSAccount, principal_id=AROAREADERREADERREA01, principal_account_id=222222222222", CROSSES, "", ""),
    ]);
}
