//! Many at once, and phones that others have made.

use std::path::Path;

use crate::lab::baresip::Baresip;
use crate::lab::crowd::Crowd;
use crate::lab::switch::beat;
use crate::lab::{Lab, Switch, becomes, eventually, installed, seconds, wav};

#[test]
fn many_callers_speak_at_once() {
    const CALLERS: usize = 20;
    if !installed() {
        return;
    }
    let lab = Lab::new("switch-crowd");
    let switch = Switch::start(&lab);
    let esl = switch.esl();
    esl.subscribe("CHANNEL_PARK RECORD_STOP");
    beat(&esl, 0);
    let crowd = Crowd::speaks(&lab, "alice", switch.sip, u32::try_from(CALLERS).unwrap(), 20);
    let parked = || {
        let mut legs = esl.all("CHANNEL_PARK", "Unique-ID");
        legs.sort();
        legs.dedup();
        legs
    };
    let mut taken: Vec<String> = Vec::new();
    let all = eventually(seconds(20.0), || {
        for leg in parked() {
            if taken.contains(&leg) {
                continue;
            }
            assert_eq!(esl.api(&format!("sched_del {leg}")), "+OK Deleted: 1", "{leg}");
            esl.execute(&leg, "answer", "");
            let file = switch.dir.join("rec").join(format!("{leg}.wav"));
            esl.execute(&leg, "record", &format!("{} 30 200 0", file.display()));
            taken.push(leg);
        }
        taken.len() == CALLERS
    });
    assert!(all, "{} of {CALLERS} came", taken.len());
    crowd.succeeds();
    becomes(&CALLERS, seconds(5.0), || esl.all("RECORD_STOP", "Unique-ID").len());
    for leg in taken {
        let file = switch.dir.join("rec").join(format!("{leg}.wav"));
        let samples = wav::samples(&file);
        assert!(samples.len() > 8000 * 2, "{}: {} samples", file.display(), samples.len());
        assert!(wav::strength(&samples[8000..16_000], 440.0) > 5000.0, "{}", file.display());
    }
}

#[test]
fn a_phone_with_a_camera_is_seen() {
    if !installed() || !Baresip::is_there() {
        return;
    }
    let lab = Lab::new("switch-baresip");
    let switch = Switch::start(&lab);
    let esl = switch.esl();
    esl.subscribe("CHANNEL_PARK RECORD_START RECORD_STOP CHANNEL_EXECUTE_COMPLETE");
    beat(&esl, 0);
    let mut phone = Baresip::dials(&lab, "alice", switch.sip);
    let leg = switch.leg(&esl, "alice");
    assert_eq!(esl.api(&format!("sched_del {leg}")), "+OK Deleted: 1");
    assert_eq!(esl.sees("CHANNEL_PARK", &leg).get("variable_video_possible"), "true");
    esl.execute(&leg, "answer", "");
    let file = switch.dir.join("rec/camera.mkv").display().to_string();
    esl.execute(&leg, "record", &format!("{file} 5 200 0"));
    let started = esl.event(seconds(15.0), |event| event.is("RECORD_START", &leg));
    assert!(started.is_some(), "{}\n{}", phone.log(), switch.log());
    esl.sees("RECORD_STOP", &leg);
    esl.sees("CHANNEL_EXECUTE_COMPLETE", &leg);
    wav::has_picture_and_sound(Path::new(&file), 3.0);
    assert!(phone.runs(), "{}", phone.log());
}
