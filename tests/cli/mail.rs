//! Mailboxes, messages, deposits and notices: what is asked, what is shown, which files are made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::fake::Fake;
use super::nouns::{ask, page};
use super::{directory, ends, err, hallporter, out, run};

fn mailbox(name: &str) -> Value {
    json!({
        "name": name, "account": "alice", "enabled": true, "language": "de", "video": true,
        "callback": "pause", "callback_scope": "callee", "callback_keep": true,
        "messages_max": 100, "space_max_mib": 500, "length_max_s": 180, "keep_days": 30,
    })
}

fn file(name: &str) -> Value {
    json!({"content": name.repeat(64), "media_type": "audio/wav", "bytes": 4, "length_ms": 6_100})
}

/// A message with so many parts, joined or not.
fn message(parts: usize, joined: Option<&str>) -> Value {
    let part = |number: usize| {
        let mut part = file("a");
        part["number"] = json!(number);
        part["medium"] = json!(if number == 1 { "audio" } else { "video" });
        part["media_type"] = json!(if number == 1 { "audio/wav" } else { "video/x-matroska" });
        part
    };
    let parts: Vec<_> = (1..=parts).map(part).collect();
    let mut message = json!({
        "id": "m7-12c", "mailbox": "alice", "account": "alice", "from": "+15550100",
        "from_uri": "sip:+15550100@h", "from_display": "evil\u{1b}[2J", "call_id": "abc@10.0.0.1",
        "cause": "no_answer", "parts": parts, "length_ms": 66_000, "urgent": true, "state": "new",
        "began_ms": 0, "left_ms": 1_795_492_177_123_i64, "changed_ms": 0,
    });
    if let Some(media_type) = joined {
        message["joined"] = file("b");
        message["joined"]["media_type"] = json!(media_type);
    }
    message
}

#[test]
fn mailboxes() {
    let added = [("POST /v1/mailboxes", 201, mailbox("alice"))];
    let line = "mailbox add alice --account alice --language de --no-video --callback discard \
                --callback-scope anyone --discard-on-callback --max-messages 7 --max-space-mib 9 \
                --max-length 2m --keep 14d --disabled";
    let (text, _, body) = ask("mailbox-add", line, &added);
    assert_eq!(text, "mailbox alice added to alice\n");
    let expected = json!({
        "name": "alice", "account": "alice", "language": "de", "enabled": false, "video": false,
        "callback": "discard", "callback_scope": "anyone", "callback_keep": false,
        "messages_max": 7, "space_max_mib": 9, "length_max_s": 120, "keep_days": 14,
    });
    assert_eq!(body, expected);
    let (_, _, body) = ask("mailbox-add-plain", "mailbox add alice --account alice", &added);
    assert_eq!(body, json!({"name": "alice", "account": "alice"}));
    let listed = [("GET /v1/mailboxes?account=alice&limit=1000", 200, page(&[mailbox("alice")]))];
    let (text, _, _) = ask("mailbox-list", "mailbox list --account alice", &listed);
    let expected = "\
mailbox  account  language  greeting  video  call-back  messages  longest  kept  enabled
alice    alice    de        usual     yes    pause           100       3m   30d  yes
";
    assert_eq!(text, expected);
    let mut held = mailbox("alice");
    held["held"] = json!({"messages": 3, "bytes": 2_700_000});
    let shown = [("GET /v1/mailboxes/alice", 200, held.clone())];
    let (text, _, _) = ask("mailbox-show", "mailbox show alice", &shown);
    assert!(text.contains("on a call-back         pause\n"), "{text}");
    assert!(text.contains("messages               3 of 100\n"), "{text}");
    assert!(text.contains("space                  2.5 of 500 MiB\n"), "{text}");
    let (text, _, _) = ask("mailbox-show-json", "mailbox show alice --json", &shown);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), held);
    let removed = [("DELETE /v1/mailboxes/alice", 204, json!(null))];
    assert_eq!(ask("mailbox-rm", "mailbox rm alice", &removed).0, "mailbox alice removed\n");
}

#[test]
fn changes_of_mailboxes_and_greetings() {
    let changed = [
        ("PATCH /v1/mailboxes/alice", 200, mailbox("alice")),
        ("PUT /v1/mailboxes/alice/greeting", 200, mailbox("alice")),
        ("DELETE /v1/mailboxes/alice/greeting", 204, json!(null)),
        ("GET /v1/mailboxes/alice", 200, mailbox("alice")),
    ];
    let line = "mailbox set alice --no-language --video --keep-on-callback --enabled";
    let (text, _, body) = ask("mailbox-set", line, &changed);
    assert_eq!(text, "mailbox alice changed\n");
    let expected = json!({"language": null, "video": true, "callback_keep": true, "enabled": true});
    assert_eq!(body, expected);

    let dir = directory("mailbox-greeting");
    let fake = Fake::start(&changed);
    fake.configure(&dir);
    std::fs::write(dir.join("hello.wav"), b"RIFF\x00\xff").unwrap();
    ends(&dir, "mailbox set alice --greeting hello.wav --keep 7d", 0);
    ends(&dir, "mailbox set alice --no-greeting", 0);
    let asked = fake.asked();
    let lines: Vec<_> = asked.iter().map(|one| one.line.as_str()).collect();
    let expected = [
        "PUT /v1/mailboxes/alice/greeting",
        "PATCH /v1/mailboxes/alice",
        "DELETE /v1/mailboxes/alice/greeting",
        "GET /v1/mailboxes/alice",
    ];
    assert_eq!(lines, expected);
    assert_eq!(asked[0].bytes, b"RIFF\x00\xff");
    let named = [
        ("PUT /v1/mailboxes/alice/greetings/closed", 200, mailbox("alice")),
        ("PUT /v1/mailboxes/alice/greetings/away", 200, mailbox("alice")),
        ("DELETE /v1/mailboxes/alice/greetings/night", 204, json!(null)),
        ("GET /v1/mailboxes/alice", 200, mailbox("alice")),
    ];
    let fake = Fake::start(&named);
    fake.configure(&dir);
    let line = "mailbox set alice --named-greeting closed=hello.wav --named-greeting away=hello.wav \
                --no-named-greeting night";
    ends(&dir, line, 0);
    let lines: Vec<_> = fake.asked().into_iter().map(|one| one.line).collect();
    assert_eq!(lines, named.each_ref().map(|(line, ..)| *line));
    ends(&dir, "mailbox set alice --named-greeting hello.wav", 2);
    ends(&dir, "mailbox set alice --named-greeting a/b=hello.wav", 2);
    let mut greeted = mailbox("alice");
    greeted["greetings"] = json!({"closed": "ab".repeat(32), "away": "cd".repeat(32)});
    let shown = [("GET /v1/mailboxes/alice", 200, greeted)];
    let (text, _, _) = ask("mailbox-show-greetings", "mailbox show alice", &shown);
    assert!(text.contains("greetings by name      away, closed\n"), "{text}");
    let gone = ends(&dir, "mailbox set alice --greeting gone.wav", 1);
    assert!(err(&gone).contains("gone.wav can't be read"), "{}", err(&gone));
    std::fs::File::create(dir.join("long")).unwrap().set_len((32 << 20) + 1).unwrap();
    let long = ends(&dir, "mailbox set alice --greeting long", 1);
    assert!(err(&long).contains("larger than 32 MiB"), "{}", err(&long));
}

#[test]
fn messages() {
    let asked = "GET /v1/messages?mailbox=alice&state=new&limit=1000";
    let listed = [(asked, 200, page(&[message(2, Some("video/mp4"))]))];
    let line = "message list --mailbox alice --state new";
    let (text, _, _) = ask("message-list", line, &listed);
    let expected = "\
message  state        mailbox  from       by            length  because    left
m7-12c   new, urgent  alice    +15550100  audio, video    1:06  no answer  2026-11-24 03:49:37Z
";
    assert_eq!(text, expected);
    let (text, _, _) = ask("message-list-json", &format!("{line} --json"), &listed);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()[0]["id"], "m7-12c");
    let none = [("GET /v1/messages?account=bob&limit=1000", 200, page(&[]))];
    assert_eq!(ask("message-none", "message list --account bob", &none).0, "no messages\n");
    let shown = [("GET /v1/messages/m7-12c", 200, message(2, None))];
    let (text, _, _) = ask("message-show", "message show m7-12c", &shown);
    assert!(text.contains("evil\\u{1b}[2J") && !text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("part  by     length  bytes  type\n"), "{text}");
    assert!(!text.contains("node"), "{text}");
    for (safe, listed, said) in [(true, "", "1, 3\n"), (false, ", at one node", "1, 3 (no second")]
    {
        let mut one = message(2, None);
        (one["safe"], one["nodes"]) = (json!(safe), json!([1, 3]));
        let shown = [("GET /v1/messages/m7-12c", 200, one.clone())];
        let (text, _, _) = ask("message-show-cluster", "message show m7-12c", &shown);
        assert!(text.contains(&format!("lies at node      {said}")), "{text}");
        let list = [("GET /v1/messages?limit=1000", 200, page(&[one]))];
        let (text, _, _) = ask("message-list-cluster", "message list", &list);
        assert!(text.contains(&format!("new, urgent{listed}  alice")), "{text}");
    }
    let set = [("PATCH /v1/messages/m7-12c", 200, message(1, None))];
    let (text, _, body) = ask("message-set", "message set m7-12c --state new", &set);
    assert_eq!((text.as_str(), body), ("message m7-12c is new now\n", json!({"state": "new"})));
    let removed = [("DELETE /v1/messages/m7-12c", 204, json!(null))];
    assert_eq!(ask("message-rm", "message rm m7-12c", &removed).0, "message m7-12c deleted\n");
}

#[test]
fn recordings_are_saved_and_nothing_is_overwritten() {
    let dir = directory("message-get");
    let sound = b"RIFF\x00\xff\x1b[2J";
    let fake = Fake::with_files(
        &[("GET /v1/messages/m7-12c", 200, message(2, Some("video/mp4")))],
        &[
            ("GET /v1/messages/m7-12c/file", sound),
            ("GET /v1/messages/m7-12c/parts/2", b"part two"),
        ],
    );
    fake.configure(&dir);
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let saved = ends(&dir, "message get m7-12c", 0);
    assert_eq!(out(&saved), "message m7-12c saved as m7-12c.mp4, 10 bytes\n");
    assert_eq!(read("m7-12c.mp4"), sound);
    let again = ends(&dir, "message get m7-12c", 1);
    assert!(err(&again).contains("m7-12c.mp4 exists already"), "{}", err(&again));
    ends(&dir, "message get m7-12c --part 2", 0);
    assert_eq!(read("m7-12c-2.mkv"), b"part two");
    let json = ends(&dir, "message get m7-12c -o x.bin --json", 0);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json, json!({"id": "m7-12c", "file": "x.bin", "bytes": 10}));
    assert_eq!(ends(&dir, "message get m7-12c -o -", 0).stdout, sound);
    let none = ends(&dir, "message get m7-12c --part 3", 1);
    assert!(err(&none).contains("has no part 3: it has 1, 2"), "{}", err(&none));
    let nowhere = ends(&dir, "message get m7-12c -o no/where", 1);
    assert!(err(&nowhere).contains("no/where can't be written"), "{}", err(&nowhere));
    // The daemon has the part in its list, and does not give it.
    ends(&dir, "message get m7-12c --part 1 -o one.wav", 1);
    assert!(!dir.join("one.wav").exists(), "nothing half saved is left");
}

#[test]
fn parts_that_were_not_joined_are_named() {
    let dir = directory("message-get-parts");
    let fake = Fake::start(&[("GET /v1/messages/m7-12c", 200, message(2, None))]);
    fake.configure(&dir);
    let output = ends(&dir, "message get m7-12c", 1);
    assert!(err(&output).contains("--part 1, --part 2"), "{}", err(&output));
}

/// A player that writes down what it was given, and what was in it.
fn player(dir: &Path, name: &str, code: i32) {
    let path = dir.join("bin").join(name);
    std::fs::create_dir_all(dir.join("bin")).unwrap();
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\nwords=\"$*\"\necho \"{name} ${{words%/*}} $(/bin/cat \"$last\")\" >> played\n\
         /bin/ls -l \"$last\" | /usr/bin/cut -c1-10 >> played\necho \"$last\" > last\nexit {code}\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn messages_are_played_with_what_is_there() {
    for (name, players, view, want) in [
        (
            "both",
            &["ffplay", "aplay"][..],
            message(1, None),
            &["ffplay -autoexit -loglevel error -nodisp"][..],
        ),
        ("sound", &["aplay"], message(1, None), &["aplay -q"]),
        (
            "film",
            &["ffplay"],
            message(2, Some("video/mp4")),
            &["ffplay -autoexit -loglevel error "],
        ),
        ("parts", &["ffplay"], message(2, None), &["-nodisp", "ffplay -autoexit -loglevel error "]),
        ("none", &[], message(1, None), &[]),
        ("no-film", &["aplay"], message(2, Some("video/mp4")), &[]),
    ] {
        let dir = directory(&format!("message-play-{name}"));
        let fake = Fake::with_files(
            &[("GET /v1/messages/m7-12c", 200, view)],
            &[
                ("GET /v1/messages/m7-12c/file", b"recording"),
                ("GET /v1/messages/m7-12c/parts/1", b"recording"),
                ("GET /v1/messages/m7-12c/parts/2", b"recording"),
            ],
        );
        fake.configure(&dir);
        std::fs::create_dir_all(dir.join("bin")).unwrap();
        players.iter().for_each(|program| player(&dir, program, 0));
        let mut command = hallporter(&dir);
        command.args(["message", "play", "m7-12c"]).env("PATH", dir.join("bin"));
        let output = command.env("TMPDIR", &dir).output().unwrap();
        let played = std::fs::read_to_string(dir.join("played")).unwrap_or_default();
        assert_eq!(output.status.code(), Some(i32::from(want.is_empty())), "{name} {output:?}");
        assert!(want.iter().all(|part| played.contains(part)), "{name}: {played}");
        assert_eq!(played.matches("recording\n-rw-------").count(), want.len(), "{name}: {played}");
        if want.is_empty() {
            let told = err(&output);
            assert!(told.contains("install ffmpeg") && told.contains("message get"), "{told}");
        } else {
            let last = std::fs::read_to_string(dir.join("last")).unwrap();
            assert!(!Path::new(last.trim()).exists(), "{last} is left");
        }
    }
}

#[test]
fn a_player_that_fails_is_told_of() {
    let dir = directory("message-play-fails");
    let fake = Fake::with_files(
        &[("GET /v1/messages/m7-12c", 200, message(1, None))],
        &[("GET /v1/messages/m7-12c/file", b"recording")],
    );
    fake.configure(&dir);
    player(&dir, "ffplay", 3);
    let mut command = hallporter(&dir);
    command.args(["message", "play", "m7-12c"]).env("PATH", dir.join("bin"));
    let output = command.env("TMPDIR", &dir).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("could not play it"), "{}", err(&output));
    let last = std::fs::read_to_string(dir.join("last")).unwrap();
    assert!(!Path::new(last.trim()).exists(), "{last} is left");
}

#[test]
fn deposits_and_notices() {
    let deposit = json!({
        "id": "m7-1", "mailbox": "alice", "account": "alice", "from": "+15550100", "call_id": "a",
        "cause": "at_cap", "switch": "fs1", "state": "recording", "medium": "audio", "parts": 1,
        "length_ms": 7_000, "began_ms": 0,
    });
    let listed = [("GET /v1/deposits?limit=1000", 200, page(&[deposit]))];
    let (text, _, _) = ask("deposit-list", "deposit list", &listed);
    let expected = "\
deposit  state      mailbox  from       by     length  because  since                 switch
m7-1     recording  alice    +15550100  audio    0:07  at cap   1970-01-01 00:00:00Z  fs1
";
    assert_eq!(text, expected);
    let switched = [("POST /v1/deposits/m7-1/medium", 204, json!(null))];
    let (text, _, body) = ask("deposit-switch", "deposit switch m7-1 video", &switched);
    assert!(text.starts_with("deposit m7-1: video was asked for"), "{text}");
    assert_eq!(body, json!({"medium": "video"}));
    let ended = [("POST /v1/deposits/m7-1/end", 204, json!(null))];
    let (text, _, _) = ask("deposit-end", "deposit end m7-1", &ended);
    assert_eq!(text, "deposit m7-1 ends; what was said is kept\n");

    let notice = json!({
        "id": "message.left:m7-1", "kind": "message.left", "message": "m7-1", "state": "given_up",
        "attempts": 12, "at_ms": 0, "next_ms": 5, "trouble": "it answered 500", "body": {},
    });
    let listed = [("GET /v1/notices?state=given_up&limit=1000", 200, page(&[notice]))];
    let (text, _, _) = ask("notice-list", "notice list --state given-up", &listed);
    let expected = "\
notice             state     since                 tries  next  trouble
message.left:m7-1  given up  1970-01-01 00:00:00Z     12  -     it answered 500
";
    assert_eq!(text, expected);
    let tried = [("POST /v1/notices/message.left:m7-1/retry", 204, json!(null))];
    let (text, _, _) = ask("notice-retry", "notice retry message.left:m7-1", &tried);
    assert_eq!(text, "notice message.left:m7-1 is tried again\n");

    for (line, answers, said) in [
        ("deposit switch m7-1 video", &switched, json!({"id": "m7-1", "asked_for": "video"})),
        ("deposit end m7-1", &ended, json!({"id": "m7-1", "ends": true})),
        (
            "notice retry message.left:m7-1",
            &tried,
            json!({"id": "message.left:m7-1", "tried_again": true}),
        ),
    ] {
        let (text, _, _) = ask("deposit-json", &format!("{line} --json"), answers);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), said, "{line}");
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_asked() {
    let dir = directory("mail-usage");
    for (line, part) in [
        ("mailbox add alice", "--account"),
        ("mailbox add ../x --account alice", "1 to 64 letters"),
        ("mailbox add alice --account alice --max-length 1s", "5s to 1h"),
        ("mailbox add alice --account alice --keep 12h", "whole days"),
        ("mailbox add alice --account alice --video --no-video", "cannot be used"),
        ("mailbox add alice --account alice --callback wait", "pause, save, discard, ignore"),
        ("mailbox add alice --account alice --greeting x.wav", "--greeting"),
        ("mailbox set alice", "--greeting"),
        ("mailbox set alice --greeting x --no-greeting", "cannot be used"),
        ("message show 7", "m7-12c"),
        ("message get ../../etc/passwd", "m7-12c"),
        ("message set m7-1 --state deleted", "new, heard, saved"),
        ("message set m7-1", "--state"),
        ("deposit switch m7-1 text", "audio, video"),
        ("deposit end 1", "m7-12c"),
        ("notice retry ..", "message.left"),
        ("notice list --state over", "given-up"),
    ] {
        let output = run(&dir, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(err(&output).contains(part), "{line}: {}", err(&output));
    }
}

#[test]
fn check_looks_for_what_the_settings_speak_of() {
    let dir = directory("mail-check");
    ends(&dir, "init --dir d", 0);
    let file = dir.join("d/hallporter.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("#spool = ", "spool = ").replace("#prompts = ", "prompts = ");
    let text = text
        .replace("#[[freeswitch]]", "[[freeswitch]]")
        .replace("#name = \"fs1\"", "name = \"fs1\"");
    std::fs::write(&file, text).unwrap();
    let told = ends(&dir, "check -c d/hallporter.toml", 0);
    for part in
        ["warning: messages.spool: ", "does not exist: make it", "warning: messages.prompts: "]
    {
        assert!(out(&told).contains(part), "{}", out(&told));
    }
    assert!(out(&told).contains("no mistakes"), "{}", out(&told));
    std::fs::create_dir(dir.join("d/spool")).unwrap();
    let told = ends(&dir, "check -c d/hallporter.toml", 0);
    assert!(!out(&told).contains("messages.spool"), "{}", out(&told));
}
