//! Stories about how records arrive: twice, late, or corrected.

use super::teller::{Origin, Scene, Teller, Who, instance, through};
use crate::sample::operations::{self as operation, BucketRef};
use crate::sample::organization::{DATA_LAKE, HOME_REGION, Organization, Trust};

const JAVA: &str =
    "aws-sdk-java/2.31.8 Linux/6.1.134 OpenJDK_64-Bit_Server_VM/21.0.6 Java/21.0.6 md/io#async cfg/retry-mode#standard";

pub(super) fn tell(teller: &mut Teller, organization: &Organization) {
    let role = teller.role(DATA_LAKE, "/", "ingest", Trust::Service("ec2.amazonaws.com"), Some("data-platform"));
    let Some(vpc) = organization.account(DATA_LAKE).and_then(|account| account.vpc(HOME_REGION)) else { return };
    let scene = Scene {
        account: DATA_LAKE,
        region: HOME_REGION,
        who: Who::Role(role, instance("ingest")),
        origin: through(vpc, "s3", DATA_LAKE, "10.61.5.50"),
        agent: JAVA,
        invoked_by: None,
    };
    twice(teller, &scene);
    corrected(teller, &scene);
}

fn twice(teller: &mut Teller, scene: &Scene) {
    teller.story(
        "delivered-twice",
        "The same records, delivered twice",
        "CloudTrail delivers at least once. The uploads of `ingest` arrive in two files each, some under the same delivery minute,
some five minutes or an hour later; so do some of the records of the leaked key. Every call counts once.",
    );
    let data = BucketRef { name: "palisade-data-lake-data", region: HOME_REGION, owner: Some(DATA_LAKE) };
    for (day, later) in [(2, 0), (5, 300), (9, 3_600)] {
        let range = teller.plant(scene, &[(day, 0, 20)], 15, Some(data.name), &[], |record, random| {
            let key = operation::object_key(random, "ingest");
            operation::s3_object(record, random, "PutObject", data, &key);
        });
        teller.deliver_again(range, later);
    }
}

fn corrected(teller: &mut Teller, scene: &Scene) {
    teller.story(
        "corrected-record",
        "A record that a later one replaces",
        "The first record of a `HeadObject` of `ingest` shows an address that nobody expects, 198.51.100.240. Two hours later CloudTrail
delivers a correction: the same call with an `addendum` that names the first record, and the right address. Only the correction
counts, so nothing is found.",
    );
    let data = BucketRef { name: "palisade-data-lake-data", region: HOME_REGION, owner: Some(DATA_LAKE) };
    let wrong = Scene { origin: Origin::Address("198.51.100.240"), ..scene.clone() };
    let mut original = (String::new(), String::new());
    teller.plant(&wrong, &[(10, 15, 0)], 1, Some(data.name), &[], |record, random| {
        operation::s3_object(record, random, "HeadObject", data, "ingest/marker");
        original = (record.event_id.clone(), record.request_id.clone());
    });
    teller.replaced += 1;
    // The replaced record does not count.
    if let Some(story) = teller.stories.last_mut() {
        story.calls -= 1;
    }
    let (event_id, request_id) = original;
    let right = Scene { origin: Origin::Address("192.0.2.12"), ..scene.clone() };
    let correction = teller.plant(&right, &[(10, 15, 0)], 1, Some(data.name), &[], |record, random| {
        operation::s3_object(record, random, "HeadObject", data, "ingest/marker");
        record.request_id.clone_from(&request_id);
        record.addendum = format!(
            "{{\"reason\":\"UPDATED_DATA\",\"updatedFields\":\"sourceIPAddress\",\"originalRequestID\":\"{request_id}\",\
             \"originalEventID\":\"{event_id}\"}}"
        );
    });
    teller.deliver_late(correction, 7_200);
}
