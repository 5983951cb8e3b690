//! The queries that come with the program, as text: path in the repository, statement, test cases.

macro_rules! built_in {
    ($($path:literal),* $(,)?) => {
        &[$((
            concat!("queries/", $path, ".sql"),
            include_str!(concat!("../../queries/", $path, ".sql")),
            include_str!(concat!("../../queries/", $path, ".test.yaml")),
        )),*]
    };
}

/// A file below `queries/` that is not listed here is not part of the program; a test compares the two.
pub(super) const BUILT_IN: &[(&str, &str, &str)] = built_in![
    "common/common_from_public_cidr_ipv4",
    "common/common_identity_perimeter_org_boundary",
    "common/common_network_perimeter_ipv4",
    "common/common_only_denied",
    "common/common_service_linked_roles",
    "common/common_service_role_from_aws",
    "common/common_through_vpc_endpoint",
    "activity/activity_outside_calls",
    "activity/activity_recorded_resources",
    "findings/findings_iam_aa_external_access_org_boundary",
    "findings/findings_sh_external_access_org_boundary",
    "findings/s3_external_access_org_boundary",
    "referential/referential_glue_job",
    "referential/referential_lambda_function",
    "referential/referential_sagemaker_notebook",
    "referential/referential_scp",
    "referential/referential_service_role",
    "referential/referential_vpce",
    "s3/s3_bucket_policy_identity_perimeter_org_boundary",
    "s3/s3_bucket_policy_identity_perimeter_ou_boundary",
    "s3/s3_bucket_policy_network_perimeter_ipv4",
    "s3/s3_scp_network_perimeter_ipv4",
    "s3/s3_scp_resource_perimeter",
    "s3/s3_vpce_policy_resource_perimeter_account_to_not_mine",
    "s3/s3_vpce_policy_resource_perimeter_org_to_not_mine",
];
