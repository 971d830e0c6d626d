//! A caller, and the bucket to which his message goes.

use crate::lab::house::{House, house};
use crate::lab::{eventually, installed, seconds};

use swift::{BUCKET, KEY, Swift};

#[path = "../bucket/swift.rs"]
#[allow(clippy::print_stderr, reason = "its log when a test has failed, and what was skipped")]
mod swift;

/// What `swift` waits with.
mod daemon {
    pub(super) fn until(what: &str, so: impl FnMut() -> bool) {
        assert!(
            crate::lab::eventually(crate::lab::seconds(60.0), so),
            "not within a minute: {what}"
        );
    }
}

fn leaves_a_message(house: &House, pitch: u16, is_told: &str) {
    let call = house.speaks();
    house.says(&call, 1, pitch);
    call.presses("#");
    house.hears(&call, "review");
    call.presses("#");
    house.hears(&call, is_told);
    assert!(call.hung_up(seconds(10.0)));
}

#[test]
fn he_hears_saved_when_it_is_in_the_bucket_and_not_before() {
    if !installed() {
        return;
    }
    let Some(mut swift) = Swift::start("caller") else { return };
    let mut house = house("deposit-bucket");
    house.daemon.kill();
    let credentials = house.daemon.dir.join("s3.credentials");
    std::fs::write(credentials, KEY).unwrap();
    house.daemon.set_in("s3", "bucket", &format!("\"{BUCKET}\""));
    house.daemon.set_in("s3", "endpoint", &format!("\"http://{}\"", swift.address));
    house.starts();
    leaves_a_message(&house, 700, "saved");
    house.has_messages(1);
    let content = house.messages()[0].parts[0]["content"].as_str().unwrap().to_owned();
    let object = swift.object(&format!("hallporter/{}/{content}", &content[..2])).unwrap();
    let kept = house.lab.dir.join(format!("spool/files/{}/{content}", &content[..2]));
    assert!(object == std::fs::read(kept).unwrap());
    // He is not told what is not so; and what was promised to nobody is kept all the same.
    swift.down();
    leaves_a_message(&house, 440, "goodbye");
    house.has_messages(2);
    swift.up();
    let both =
        eventually(seconds(40.0), || swift.try_names().is_some_and(|names| names.len() == 2));
    assert!(both, "it does not come there:\n{}", house.daemon.log());
}
