//! Messages, links and switches.

use super::*;

/// The least with which messages are taken, and more lines of `[messages]`.
fn taking(lines: &str) -> String {
    format!(
        "[messages]\nspool = \"spool\"\nprompts = \"prompts\"\n{lines}\n[[freeswitch]]\nname = \"fs1\"\n"
    )
}

/// Keys and sentences of what is doubtful, the proxies aside.
fn doubts(text: &str) -> Vec<String> {
    let (_, warnings) = parse(text).unwrap();
    let told = warnings.iter().filter(|warning| warning.key != "kamailio.proxy");
    told.map(ToString::to_string).collect()
}

#[test]
fn little_is_enough_to_take_messages() {
    let (config, _) = parse(&taking("")).unwrap();
    let messages = config.messages.unwrap();
    assert_eq!(messages.spool, Path::new("/etc/hallporter/spool"));
    assert_eq!(messages.prompts, Path::new("/etc/hallporter/prompts"));
    assert_eq!((messages.language.as_str(), messages.switch_key), ("en", '*'));
    assert_eq!(
        (messages.min_length, messages.silence),
        (Duration::from_secs(2), Duration::from_secs(5))
    );
    assert_eq!((messages.disk_free_min_mib, messages.upload_max_mib), (500, 200));
    assert_eq!(messages.video, [VideoWay::Inline, VideoWay::Reinvite, VideoWay::Callback]);
    assert_eq!(
        (messages.ffmpeg.as_deref(), messages.ring),
        (Some("ffmpeg"), Duration::from_secs(25))
    );
    assert_eq!((messages.links, messages.webhook), (None, None));
    let [switch] = &config.switches[..] else { panic!() };
    assert_eq!(
        (switch.event_socket.as_str(), switch.sip.as_str()),
        ("127.0.0.1:8021", "127.0.0.1:5080")
    );
    assert_eq!(
        (switch.profile.as_str(), switch.password.expose()),
        ("hallporter", "freeswitch----------")
    );
    assert_eq!(doubts(&taking("")), [""; 0]);
}

#[test]
fn all_of_it_is_taken() {
    let text = r#"
        [messages]
        spool = "/var/spool/hallporter"
        prompts = "/usr/share/hallporter/prompts"
        language = "de"
        min_length = "500ms"
        silence = "0s"
        disk_free_min_mib = 0
        video = ["link", "inline"]
        switch_key = "9"
        ffmpeg = ""
        ring = "1m"
        link_base = "https://m.example.com:8443/porter/"
        link_valid = "2h"
        link_key_file = "secret/k"
        upload_max_mib = 50
        webhook = "http://127.0.0.1:9/hook"
        webhook_token_file = "hook.token"
        [[freeswitch]]
        name = "fs1"
        [[freeswitch]]
        name = "fs2"
        event_socket = "[::1]:8022"
        password_file = "fs2.password"
        sip = "fs2.example.com:5090"
        profile = "internal"
    "#;
    let (config, _) = parse(text).unwrap();
    let messages = config.messages.unwrap();
    assert_eq!(
        (messages.video, messages.ffmpeg, messages.switch_key),
        (vec![VideoWay::Link, VideoWay::Inline], None, '9')
    );
    assert_eq!(
        (messages.silence, messages.min_length),
        (Duration::ZERO, Duration::from_millis(500))
    );
    let links = messages.links.unwrap();
    assert_eq!(
        (links.base.as_str(), links.valid),
        ("https://m.example.com:8443/porter", Duration::from_secs(7200))
    );
    assert_eq!(links.key.expose(), "k-------------------");
    let webhook = messages.webhook.unwrap();
    assert_eq!(
        (webhook.url.as_str(), webhook.token.unwrap().expose()),
        ("http://127.0.0.1:9/hook", "hook----------------")
    );
    let names: Vec<_> = config.switches.iter().map(|switch| switch.name.as_str()).collect();
    assert_eq!(names, ["fs1", "fs2"]);
    assert_eq!(config.switches[1].event_socket, "[::1]:8022");
    assert_eq!(doubts(text), [""; 0]);
}

#[test]
fn wrong_settings_of_messages_are_told_by_line() {
    for (lines, told) in [
        ("language = \"../en\"", "line 4: messages.language"),
        ("min_length = \"2m\"", "take 0s to 1m"),
        ("silence = \"1500ms\"", "whole seconds: FreeSWITCH counts it in seconds"),
        ("ring = \"1s\"", "take 5s to 2m"),
        ("disk_free_min_mib = -1", "line 4: messages.disk_free_min_mib"),
        ("video = [\"inlien\"]", "did you mean \"inline\"?"),
        ("video = [\"inline\", \"inline\"]", "stands there twice"),
        ("video = \"inline\"", "a list"),
        ("video = [\"inline\",\"reinvite\",\"callback\",\"link\",\"link\"]", "more than 4"),
        ("switch_key = \"#\"", "# ends a message"),
        ("switch_key = \"**\"", "write \"*\" or a digit"),
        ("switch_key = \"\"", "write \"*\" or a digit"),
        (
            "link_base = \"m.example.com\"",
            "line 4: messages.link_base: \"m.example.com\" is no URL",
        ),
        ("link_base = \"https://a:b@h\"", "user or password"),
        ("link_base = \"https://h/?x=1\"", "only the part before /u/"),
        ("link_base = \"https://h\"\nlink_key_file = \"\"", "name the file that holds the key"),
        ("link_valid = \"1s\"", "take 1m to 30d"),
        ("upload_max_mib = 0", "take 1 to 100000"),
        ("webhook = \"ftp://h\"", "line 4: messages.webhook"),
        ("spoool = \"x\"", "did you mean spool?"),
    ] {
        let found = mistakes(&taking(lines));
        assert!(found.len() == 1 && found[0].contains(told), "{lines}\n{found:?}");
    }
    for (path, told) in [
        ("/var/my spool", "can't stand in a command to FreeSWITCH"),
        ("/var/spool;rm", "can't stand"),
        ("/var/spool'x", "can't stand"),
        ("/var/${x}", "can't stand"),
        ("../spool", "without \"..\""),
        ("/var/spöl", "can't stand"),
    ] {
        let text =
            format!("[messages]\nspool = \"{path}\"\nprompts = \"p\"\n[[freeswitch]]\nname=\"a\"");
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].starts_with("line 2: messages.spool: "), "{found:?}");
        assert!(found[0].contains(told), "{found:?}");
    }
    let found = mistakes("[messages]\nspool = \"spool\"\n[[freeswitch]]\nname = \"a\"");
    assert_eq!(
        found,
        [
            "line 2: messages.prompts: is missing where there is a spool: add a line such as prompts = \"prompts\""
        ]
    );
}

#[test]
fn wrong_switches_are_told_by_line() {
    for (lines, told) in [
        (
            "event_socket = \"h\"",
            "line 2: freeswitch[0].event_socket: \"h\" is no host with a port",
        ),
        ("name = \"a\"", "not TOML"),
        ("sip = \"sip:h:5080\"", "write host:port, such as \"127.0.0.1:5080\""),
        ("sip = \"h:5080;x\"", "is no host with a port"),
        ("sip = \"h:0\"", "is no host with a port"),
        ("profile = \"a b\"", "1 to 64 letters"),
        ("profile = \"a/b\"", "1 to 64 letters"),
        ("password_file = \"\"", "name the file that holds the password"),
        ("pasword_file = \"x\"", "did you mean password_file?"),
    ] {
        let found = mistakes(&format!("[[freeswitch]]\n{lines}\nname = \"fs1\""));
        assert!(found.len() == 1 && found[0].contains(told), "{lines}\n{found:?}");
    }
    for (text, told) in [
        ("[[freeswitch]]\nsip = \"h:5\"", "add a line such as name = \"fs1\""),
        ("[freeswitch]\nname = \"a\"", "two brackets"),
        ("freeswitch = 1", "two brackets"),
        ("freeswitch = [{name=\"a\"},{name=\"a\",event_socket=\"h:1\"}]", "another switch's name"),
        ("freeswitch = [{name=\"a\"},{name=\"b\"}]", "another switch has this address"),
        ("[kamailio.freeswitch]\nname = \"a\"", "there is no such section"),
    ] {
        let found = mistakes(text);
        assert!(found.len() == 1 && found[0].contains(told), "{text}\n{found:?}");
    }
    let many: String = (0..17)
        .map(|at| format!("[[freeswitch]]\nname = \"fs{at}\"\nevent_socket = \"h:{}\"\n", at + 1))
        .collect();
    assert_eq!(mistakes(&many), ["line 49: freeswitch: there are more than 16 switches"]);
}

#[test]
fn secrets_lie_in_files_of_their_own() {
    let only = |name: &'static str, text: &'static str| {
        move |path: &Path| match path.file_name().unwrap() == name {
            true if text.is_empty() => Err(io::ErrorKind::NotFound.into()),
            true => Ok(TokenFile { text: text.into(), open_to_others: false }),
            false => tokens(path),
        }
    };
    let text =
        taking("link_base = \"https://h\"\nwebhook = \"https://h\"\nwebhook_token_file = \"hook\"");
    for (name, content, key, told) in [
        (
            "link.key",
            "",
            "messages.link_key_file",
            "key file /etc/hallporter/link.key does not exist",
        ),
        ("link.key", "short", "messages.link_key_file", "5 characters"),
        (
            "hook",
            "",
            "messages.webhook_token_file",
            "token file /etc/hallporter/hook does not exist",
        ),
        ("hook", "a b", "messages.webhook_token_file", "3 characters"),
        (
            "freeswitch.password",
            "",
            "freeswitch[0].password_file",
            "password file /etc/hallporter/freeswitch.password does not exist",
        ),
        ("freeswitch.password", "a\n\nexit", "freeswitch[0].password_file", "without spaces"),
        ("freeswitch.password", " ", "freeswitch[0].password_file", "is empty"),
    ] {
        let found = Config::parse(&text, Path::new(BASE), &only(name, content)).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key, key);
        assert!(found[0].what.contains(told), "{}", found[0]);
    }
    // What is not used is not read.
    assert!(Config::parse(&taking(""), Path::new(BASE), &only("link.key", "")).is_ok());
    let known = only("freeswitch.password", "ClueCon\n");
    let (_, warnings) = Config::parse(&text, Path::new(BASE), &known).unwrap();
    let told = warnings.iter().find(|warning| warning.key == "freeswitch[0].password_file");
    assert!(told.unwrap().what.contains("every FreeSWITCH comes with"), "{warnings:?}");
}

#[test]
fn what_will_not_work_as_meant_is_doubted() {
    let switch = "[[freeswitch]]\nname = \"fs1\"\n";
    for (text, told) in [
        (
            "[messages]\nspool = \"s\"\nprompts = \"p\"".to_owned(),
            "line 2: messages.spool: there is no [[freeswitch]]",
        ),
        (switch.to_owned(), "line 2: freeswitch[0].name: no messages are taken on it"),
        (taking("video = [\"link\"]"), "line 4: messages.video: \"link\" is never tried"),
        (
            taking("link_base = \"http://m.example.com\""),
            "line 4: messages.link_base: what goes there crosses",
        ),
        (
            taking("webhook = \"http://10.0.0.1/x\""),
            "line 4: messages.webhook: what goes there crosses",
        ),
        (taking("webhook_token_file = \"x\""), "line 4: messages.webhook_token_file: is not used"),
        (
            "[messages]\nlink_base = \"https://h\"".to_owned(),
            "line 2: messages.link_base: no links are sent",
        ),
    ] {
        let found = doubts(&text);
        assert!(found.len() == 1 && found[0].starts_with(told), "{text}\n{found:?}");
    }
    assert_eq!(doubts(&taking("webhook = \"http://127.0.0.1/x\"")), [""; 0]);
}

#[test]
fn whoever_sends_pushes_is_told_with_a_token() {
    let text =
        "[push]\nwebhook = \"https://h/p\"\nwebhook_token_file = \"hook.token\"\nwait = \"9s\"";
    let push = parse(text).unwrap().0.push.unwrap();
    let token = push.webhook.token.as_ref().map(Secret::expose);
    assert_eq!((push.webhook.url.as_str(), token), ("https://h/p", Some("hook----------------")));
    assert_eq!(push.wait, Duration::from_secs(9));
    assert_eq!(parse("[push]").unwrap().0.push, None);
    for (text, told) in [
        ("[push]\nwait = \"9s\"", "line 2: push.wait: is not used without push.webhook"),
        (
            "[push]\nwebhook_token_file = \"x\"",
            "line 2: push.webhook_token_file: is not used without push.webhook",
        ),
        (
            "[push]\nwebhook = \"http://10.0.0.1/x\"",
            "line 2: push.webhook: what goes there crosses",
        ),
    ] {
        let found = doubts(text);
        assert!(found.len() == 1 && found[0].contains(told), "{text}\n{found:?}");
    }
}

#[test]
fn what_is_missing_around_is_seen() {
    let dir = std::env::temp_dir().join(format!("hallporter-look-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let program = dir.join("ffmpeg");
    let text = format!(
        "[messages]\nspool = \"spool\"\nprompts = \"prompts\"\nlanguage = \"de\"\nffmpeg = {:?}\n[[freeswitch]]\nname = \"a\"",
        program.to_str().unwrap()
    );
    let (config, _) = Config::parse(&text, &dir, &tokens).unwrap();
    let told = || {
        let warnings = look_around(&config);
        warnings.into_iter().map(|warning| (warning.key, warning.what)).collect::<Vec<_>>()
    };
    let keys = || told().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(), ["messages.spool", "messages.prompts", "messages.ffmpeg"]);
    assert!(told()[0].1.contains("does not exist: make it"), "{:?}", told());
    std::fs::write(dir.join("spool"), "").unwrap();
    assert!(told()[0].1.contains("no directory"), "{:?}", told());
    std::fs::remove_file(dir.join("spool")).unwrap();
    std::fs::create_dir(dir.join("spool")).unwrap();
    for place in ["prompts/en", "prompts/de"] {
        std::fs::create_dir_all(dir.join(place)).unwrap();
    }
    assert!(told()[0].1.contains("holds no .wav file"), "{:?}", told());
    for sound in ["en/busy.wav", "en/review.wav", "en/README", "de/busy.wav", "de/mehr.wav"] {
        std::fs::write(dir.join("prompts").join(sound), "").unwrap();
    }
    assert!(
        told()[0].1.contains("lacks 1 of the sounds that en has, such as review.wav"),
        "{:?}",
        told()
    );
    std::fs::write(dir.join("prompts/de/review.wav"), "").unwrap();
    std::fs::write(&program, "").unwrap();
    assert_eq!(keys(), ["messages.ffmpeg"], "a file is no program yet");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    assert_eq!(told(), []);
    assert_eq!(std::fs::read_dir(dir.join("spool")).unwrap().count(), 0, "nothing is left there");
    assert_eq!(find_program(program.to_str().unwrap()), Some(program));
    assert_eq!(find_program("no-such-program-as-this"), None);
    std::fs::remove_dir_all(&dir).unwrap();
}
