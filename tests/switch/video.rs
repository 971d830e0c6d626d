//! A caller leaves a video: the ways to it, one failing into the next, and switching.

use std::path::PathBuf;

use serde_json::Value;

use crate::lab::house::{House, house};
use crate::lab::phone::Dialled;
use crate::lab::{Call, Codec, Manners, Says, Takes, VideoOffered, installed, seconds, wav};
use crate::live::kamailio::Setup;
use crate::proxy::{Street, street, street_with};

/// Whether these tests can run: they look into films with ffprobe.
pub(crate) fn ready() -> bool {
    installed() && crate::live::installed() && crate::live::program("ffprobe").is_some()
}

/// A house whose daemon tries these ways.
pub(crate) fn with_ways(name: &str, ways: &str) -> Street {
    with_ways_and(name, ways, |setup| setup)
}

/// The same behind a Kamailio that is set up further.
pub(crate) fn with_ways_and(
    name: &str,
    ways: &str,
    further: impl FnOnce(Setup) -> Setup,
) -> Street {
    let mut house = house(name);
    house.daemon.terminate();
    house.daemon.set("video", ways);
    house.daemon.set("link_base", &format!("\"http://{}\"", house.daemon.listen));
    house.starts();
    let street = street_with(house, further);
    street.bob.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    street
}

pub(crate) fn shows(street: &Street, video: VideoOffered) {
    street.house.phone.behaves(Manners { video, ..Manners::default() });
}

/// The file of a part.
fn file(house: &House, part: &Value) -> PathBuf {
    let content = part["content"].as_str().unwrap();
    house.lab.dir.join("spool/files").join(&content[..2]).join(content)
}

#[track_caller]
pub(crate) fn is_film(house: &House, part: &Value, length_s: f64) {
    assert_eq!(part["medium"], "video", "{part}");
    assert_eq!(part["media_type"], "video/mp4", "{part}");
    wav::has_picture_and_sound(&file(house, part), length_s);
}

/// Waits for a recording, and speaks into it.
#[track_caller]
pub(crate) fn films(house: &House, call: &Call, part: u16) {
    house.begins(part);
    call.says(Says::Tone(440));
    call.has_said(seconds(5.0));
}

#[track_caller]
pub(crate) fn sends(house: &House, call: &Call) {
    call.presses("#");
    house.hears(call, "review");
    call.presses("#");
    house.hears(call, "saved");
}

#[test]
fn a_call_with_video_leaves_a_film_and_switches_both_ways() {
    if !ready() {
        return;
    }
    let house = house("video-inline");
    let phone = &house.phone;
    let call = phone.video_call("bob", house.switch.sip, Codec::H264);
    house.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("2");
    house.hears(&call, "video_now");
    films(&house, &call, 1);
    // To sound, and back to the picture.
    call.presses("*");
    house.says(&call, 2, 700);
    call.presses("*");
    films(&house, &call, 3);
    sends(&house, &call);
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    assert_eq!(parts.len(), 3, "{parts:?}");
    is_film(&house, &parts[0], 2.0);
    house.is_tone(&parts[1], 700, 2.0);
    is_film(&house, &parts[2], 2.0);
    // And one that is hung up in the middle.
    let call = phone.video_call("bob", house.switch.sip, Codec::Vp8);
    house.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("2");
    films(&house, &call, 1);
    call.bye();
    house.has_messages(2);
    is_film(&house, &house.messages()[1].parts[0], 2.0);
}

#[test]
fn video_is_offered_in_the_call() {
    if !ready() {
        return;
    }
    let street = with_ways("video-reinvite", r#"["inline", "reinvite"]"#);
    let house = &street.house;
    shows(&street, VideoOffered::Shows(Codec::Vp8));
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("2");
    films(house, &call, 1);
    sends(house, &call);
    house.has_messages(1);
    is_film(house, &house.messages()[0].parts[0], 2.0);
    // Declined, refused, not answered at all: sound can still be left. (Without HP_SWITCHES a
    // device that says nothing loses the call: Kamailio's 408 ends the dialog, RFC 5057 §5.1.)
    let failing = [VideoOffered::Declines, VideoOffered::Refuses, VideoOffered::Ignores];
    for (count, video) in (2..).zip(failing) {
        shows(&street, video);
        house.daemon.carries("alice", 0);
        let call = street.call();
        street.answers(&call);
        house.hears(&call, "offer_video");
        call.presses("2");
        house.hears(&call, "video_failed");
        house.says(&call, 1, 700);
        call.bye();
        house.has_messages(count);
        house.is_tone(&house.messages()[count - 1].parts[0], 700, 2.0);
    }
}

#[test]
fn the_device_is_called_with_video() {
    if !ready() {
        return;
    }
    let street = with_ways("video-callback", r#"["callback"]"#);
    let house = &street.house;
    shows(&street, VideoOffered::Shows(Codec::H264));
    let call = street.call();
    street.answers(&call);
    // What is said before is kept.
    house.hears(&call, "offer_video");
    call.presses("1");
    house.says(&call, 1, 700);
    call.presses("*");
    house.hears(&call, "video_hang_up");
    assert!(call.hung_up(seconds(10.0)));
    let called = house.phone.comes(0, seconds(10.0));
    films(house, &called, 2);
    sends(house, &called);
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    assert_eq!(parts.len(), 2);
    house.is_tone(&parts[0], 700, 2.0);
    is_film(house, &parts[1], 2.0);
    // A device that does not answer: what was said is delivered all the same.
    house.phone.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    house.daemon.carries("alice", 0);
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("1");
    house.says(&call, 1, 700);
    call.presses("*");
    house.has_messages(2);
    assert_eq!(house.messages()[1].parts.len(), 1);
}

#[test]
fn a_wish_in_the_call_switches() {
    if !ready() {
        return;
    }
    let house = house("video-wish");
    let dialled = house.phone.dialled("bob", house.switch.sip);
    let call = house.phone.dial(Dialled { video: Some(Codec::H264), ..dialled });
    house.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("1");
    house.says(&call, 1, 700);
    assert_eq!(call.asks("INFO", "text/plain", "video"), 200);
    films(&house, &call, 2);
    assert_eq!(call.asks("MESSAGE", "text/plain", "audio"), 202);
    house.says(&call, 3, 700);
    call.bye();
    house.has_messages(1);
    let parts = &house.messages()[0].parts;
    house.is_tone(&parts[0], 700, 2.0);
    is_film(&house, &parts[1], 2.0);
    house.is_tone(&parts[2], 700, 2.0);
}

/// A street whose daemon sends links, and who calls there hears that nobody answers.
fn with_links(name: &str) -> Street {
    let mut house = house(name);
    house.daemon.terminate();
    house.daemon.set("video", r#"["link"]"#);
    house.daemon.set("link_base", &format!("\"http://{}\"", house.daemon.listen));
    house.starts();
    let street = street(house);
    street.bob.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    street
}

/// The link that the device was sent; the caller has been told of it, and his call was ended.
#[track_caller]
fn link(house: &House, call: &Call) -> String {
    let text = house.phone.text("Your video message: ", seconds(10.0));
    let text = text.unwrap_or_else(|| panic!("no link comes:\n{}", house.daemon.log()));
    house.hears(call, "video_link");
    assert!(call.hung_up(seconds(10.0)));
    text.split("Your video message: ").nth(1).unwrap().trim().to_owned()
}

/// Uploads a film of 4 s by a link; gives the status of the answer.
fn puts(house: &House, url: &str) -> String {
    let film = house.lab.dir.join("film.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=15:duration=4"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=4", "-c:v", "libx264"])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&film)
        .status();
    assert!(made.unwrap().success());
    let mut curl = std::process::Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-T"]).arg(&film);
    curl.args(["-H", "Content-Type: video/mp4", url]);
    String::from_utf8(curl.output().unwrap().stdout).unwrap()
}

#[test]
fn a_link_takes_a_video_once() {
    if !ready() {
        return;
    }
    let street = with_links("video-link");
    let house = &street.house;
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("2");
    let url = link(house, &call);
    assert!(matches!(&*puts(house, &url), "200" | "201"), "{}", house.daemon.log());
    house.has_messages(1);
    is_film(house, &house.messages()[0].parts[0], 3.0);
    assert_eq!(puts(house, &url), "410", "it was used");
    assert_eq!(house.messages().len(), 1);
}

#[test]
fn what_was_said_before_a_link_is_a_message_at_once() {
    if !ready() {
        return;
    }
    let mut street = with_links("video-link-after");
    let house = &street.house;
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "offer_video");
    call.presses("1");
    house.says(&call, 1, 700);
    call.presses("*");
    let url = link(house, &call);
    house.has_messages(1);
    house.is_tone(&house.messages()[0].parts[0], 700, 2.0);
    // The link outlives the daemon.
    street.house.daemon.terminate();
    street.house.starts();
    let house = &street.house;
    assert!(matches!(&*puts(house, &url), "200" | "201"), "{}", house.daemon.log());
    house.has_messages(2);
    let parts = &house.messages()[1].parts;
    assert_eq!(parts.len(), 1, "{parts:?}");
    is_film(house, &parts[0], 3.0);
    house.is_over(2);
}
