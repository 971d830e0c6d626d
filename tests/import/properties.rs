//! What holds of everything that is imported.

use proptest::prelude::*;

use super::*;

/// A tree as the test means it.
#[derive(Clone, Debug)]
enum Tree {
    Nothing,
    Reject(u16),
    Proxy {
        device: &'static str,
        busy: Option<Box<Self>>,
        no_answer: Option<Box<Self>>,
        failure: Option<Box<Self>>,
    },
    Switch {
        branches: Vec<(&'static str, Self)>,
        otherwise: Option<Box<Self>>,
    },
    Registered {
        found: Box<Self>,
        gone: Option<Box<Self>>,
    },
    /// The registered phones, and how it goes on when they fail.
    Phones {
        no_answer: Option<Box<Self>>,
        failure: Option<Box<Self>>,
    },
}

const DEVICES: &[&str] = &["desk", "soft", "mobile", "home"];
/// Whom a branch is for: a number or a prefix.
const WHO: &[&str] = &["+4930*", "+49*", "+4930123", "+33*", "+15550100"];
const CALLERS: &[&str] =
    &["+4930123", "+4930124", "+4940123", "+33123", "+15550100", "bob@example.com"];
const CAUSES: &[(&str, usize)] =
    &[("busy", 0), ("no_answer", 1), ("declined", 2), ("unreachable", 2)];

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Nothing),
        (400..700u16).prop_map(Tree::Reject),
        proptest::sample::select(DEVICES).prop_map(|device| Tree::Proxy {
            device,
            busy: None,
            no_answer: None,
            failure: None
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let maybe = || proptest::option::of(inner.clone().prop_map(Box::new));
        prop_oneof![
            2 => (proptest::sample::select(DEVICES), maybe(), maybe(), maybe(), any::<bool>()).prop_map(
                |(device, busy, no_answer, failure, same)| match same {
                    true => Tree::Proxy { device, busy: busy.clone(), no_answer: busy.clone(), failure: busy },
                    false => Tree::Proxy { device, busy, no_answer, failure },
                }
            ),
            3 => (proptest::collection::vec((proptest::sample::select(WHO), inner.clone()), 1..4), maybe())
                .prop_map(|(branches, otherwise)| Tree::Switch { branches, otherwise }),
            1 => (inner.clone().prop_map(Box::new), maybe())
                .prop_map(|(found, gone)| Tree::Registered { found, gone }),
            1 => (maybe(), maybe()).prop_map(|(no_answer, failure)| Tree::Phones { no_answer, failure }),
        ]
    })
}

impl Tree {
    fn xml(&self) -> String {
        let output = |name: &str, tree: &Option<Box<Self>>| match tree {
            Some(tree) => format!("<{name}>{}</{name}>\n", tree.xml()),
            None => String::new(),
        };
        match self {
            Self::Nothing => String::new(),
            Self::Reject(code) => format!("<reject status=\"{code}\"/>"),
            Self::Proxy { device, busy, no_answer, failure } => format!(
                "<location url=\"sip:{device}@example.com\" clear=\"yes\"><proxy>\n{}{}{}</proxy></location>",
                output("busy", busy),
                output("noanswer", no_answer),
                output("failure", failure)
            ),
            Self::Switch { branches, otherwise } => {
                let branch = |(who, tree): &(&str, Self)| {
                    let matching = match who.strip_suffix('*') {
                        Some(prefix) => format!("subdomain-of=\"{prefix}\""),
                        None => format!("is=\"{who}\""),
                    };
                    format!("<address {matching}>{}</address>\n", tree.xml())
                };
                let branches: String = branches.iter().map(branch).collect();
                let otherwise = output("otherwise", otherwise);
                format!(
                    "<address-switch field=\"origin\" subfield=\"tel\">\n{branches}{otherwise}</address-switch>"
                )
            }
            Self::Phones { no_answer, failure } => format!(
                "<lookup source=\"registration\" clear=\"yes\"><success><proxy>\n{}{}</proxy></success></lookup>",
                output("noanswer", no_answer),
                output("failure", failure)
            ),
            Self::Registered { found, gone } => format!(
                "<lookup source=\"registration\" clear=\"yes\">\n<success>{}</success>{}</lookup>",
                found.xml(),
                output("notfound", gone)
            ),
        }
    }

    /// What happens, read off the tree itself: `rang` is whether something has rung, `locations`
    /// what is looked up so far.
    fn walk(
        &self,
        from: &str,
        way: usize,
        gone: bool,
        rang: bool,
        looked_up: bool,
        told: &mut Vec<String>,
    ) {
        match self {
            Self::Nothing => match (rang, looked_up) {
                (true, _) => {}
                (false, true) if gone => {}
                (false, true) => told.push("registered".to_owned()),
                (false, false) => {
                    if !gone {
                        told.push("registered".to_owned());
                    }
                    told.push("mailbox".to_owned());
                }
            },
            Self::Reject(code) => told.push(format!("refuse {code}")),
            Self::Proxy { device, busy, no_answer, failure } => {
                told.push((*device).to_owned());
                if let Some(next) = [busy, no_answer, failure][way] {
                    next.walk(from, way, gone, true, false, told);
                }
            }
            Self::Switch { branches, otherwise } => {
                let is = |who: &&str| match who.strip_suffix('*') {
                    Some(prefix) => from.starts_with(prefix),
                    None => from == *who,
                };
                match (branches.iter().find(|(who, _)| is(who)), otherwise) {
                    (Some((_, tree)), _) => tree.walk(from, way, gone, rang, looked_up, told),
                    (None, Some(tree)) => tree.walk(from, way, gone, rang, looked_up, told),
                    (None, None) => Self::Nothing.walk(from, way, gone, rang, looked_up, told),
                }
            }
            Self::Phones { no_answer, failure } => {
                let next = match (gone, way) {
                    (true, _) => failure,
                    (false, 0) => &None,
                    (false, 1) => no_answer,
                    (false, _) => failure,
                };
                if !gone {
                    told.push("registered".to_owned());
                }
                if let Some(next) = next {
                    next.walk(from, way, gone, true, false, told);
                }
            }
            Self::Registered { found, gone: not_found } => match (gone, not_found) {
                (true, Some(tree)) => tree.walk(from, way, gone, rang, looked_up, told),
                _ => found.walk(from, way, gone, rang, true, told),
            },
        }
    }
}

fn around() -> Around {
    let devices = DEVICES.iter().chain(&["registered"]).map(|name| {
        let target = Target::Uri(SipUri::parse(&format!("sip:{name}@10.0.0.7")).unwrap());
        Device::new(DeviceName::parse(name).unwrap(), target, 1, 20)
    });
    Around {
        devices: devices.collect(),
        zone: Zone::utc(),
        numbering: Numbering::default(),
        mailbox: true,
        greetings: vec![],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_global_rejects: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A script of which nothing is in the list does as rules just what it does as a tree.
    #[test]
    fn rules_do_what_the_tree_does(tree in tree()) {
        let script = format!("<cpl><incoming>{}</incoming></cpl>", tree.xml());
        let made = match read_cpl(&script, &wanted()) {
            Ok(made) => made,
            Err(Unreadable::TooMuch(_)) => return Err(TestCaseError::reject("too much")),
            Err(error) => panic!("{error}\n{script}"),
        };
        prop_assert!(RuleFile::read(&made.text).is_ok(), "{}", made.text);
        prop_assume!(made.not_carried.is_empty());
        let mut examples = String::new();
        for from in CALLERS {
            for (cause, way) in CAUSES {
                for gone in [false, true] {
                    let mut expected = Vec::new();
                    tree.walk(from, *way, gone, false, false, &mut expected);
                    // One that rings on is shown once.
                    expected.dedup();
                    let unregistered = if gone { "unregistered = [\"registered\"]\n" } else { "" };
                    let _ = write!(examples, "[[example]]\nfrom = \"{from}\"\nafter = \"{cause}\"\n{unregistered}expect = {expected:?}\n");
                }
            }
        }
        // A device that an example names has to be in the rules.
        let known = made.devices.iter().any(|device| device.name.as_str() == "registered");
        let examples = if known { examples } else { examples.replace("unregistered = [\"registered\"]\n", "") };
        let all = format!("{}\n{examples}", made.text);
        let (rules, examples) = read(&all).unwrap_or_else(|m| panic!("{m:#?}\n{all}"));
        for example in &examples {
            let trial = try_example(&rules, example, &around());
            let mut got = trial.got.clone();
            got.dedup();
            // With nowhere to go, nobody rings, whether or not a rule says so.
            if example.expect.is_empty() && got == ["refuse 480"] {
                got.clear();
            }
            prop_assert_eq!(&got, &example.expect, "{}\n{}\n{}", trial.lines.join("\n"), script, made.text);
        }
    }

    /// Whatever a script says: what comes out is read as rules, and every entry has a place.
    #[test]
    fn what_comes_out_is_read(text in "(<cpl>|<incoming>|</incoming>|</cpl>|<time-switch( tzid=\"(Europe/Berlin|UTC|\\PC{0,5})\")?>|<time dtstart=\"20[0-9]{2}0[1-9][0-3][0-9](T[012][0-9][0-5][0-9]00Z?)?\" (duration=\"P([0-9]D)?T?[0-9]{1,2}H\"|dtend=\"20260[1-9]10T120000\")( freq=\"(daily|weekly|monthly|yearly|hourly)\")?( by(month|day|monthday|hour)=\"(MO|-?[0-9]{1,2})(,SU|,[0-9])?\")?( until=\"2027[01][0-9]01\")?>|</time>|</time-switch>|<address-switch field=\"(origin|destination)\"( subfield=\"(host|tel|user)\")?>|<address (is|subdomain-of)=\"\\PC{0,12}\">|</address>|<otherwise>|</otherwise>|</address-switch>|<location url=\"(sip:[a-z@.;'*$&()]{1,12}|\\PC{0,12})\">|</location>|<proxy( timeout=\"[0-9]{1,3}\")?>|<busy>|</busy>|<noanswer>|</noanswer>|</proxy>|<reject (status=\"[0-9]{3}\" reason=\"\\PC{0,9}\")/>|<sub ref=\"a\"/>|\\PC){0,40}") {
        let read = |text: &str| match read_cpl(text, &wanted()) {
            Ok(made) => {
                assert!(RuleFile::read(&made.text).is_ok(), "{}", made.text);
                assert!(made.not_carried.iter().all(|entry| entry.line > 0 && entry.column > 0));
                assert!(made.devices.iter().all(|device| !device.command.contains('\n')));
            }
            Err(Unreadable::Source(faults)) => {
                assert!(!faults.is_empty() && faults.iter().all(|fault| fault.line > 0 && fault.column > 0));
            }
            Err(Unreadable::TooMuch(_)) => {}
            Err(error @ Unreadable::Own(_)) => panic!("{error}"),
        };
        read(&text);
    }

    /// One time of every kind, and one address, wherever they stand.
    #[test]
    fn every_time_is_read(
        start in "20[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9](T[012][0-9][0-5][0-9](00|30)Z?)?",
        end in "(duration=\"P[0-9]?[DW]?(T[0-9]{1,3}[HM])?\"|dtend=\"20[0-9]{2}0[1-9]10(T120000)?\")",
        freq in "( freq=\"(daily|weekly|monthly|yearly|hourly)\")?",
        by in "( byday=\"(MO|SU,TU|-1FR)\")?( bymonth=\"(1|2,12)\")?( bymonthday=\"(1|31|-1|29)\")?( byhour=\"[0-9](,2[0-9])?\")?",
        until in "( (until=\"20[0-9]{2}(0[1-9]|1[0-2])01(T120000)?Z?\"|count=\"[0-9]{1,3}\"))?",
        address in "(is|contains|subdomain-of)=\"(sips?:|tel:)?[-+a-zA-Z0-9.@:;*]{0,14}\"",
        subfield in "( subfield=\"(host|tel|user|port|display)\")?",
        location in "(sip:|tel:)?[-+a-zA-Z0-9.@:;*]{0,14}",
    ) {
        let script = format!(
            "<cpl><incoming><time-switch><time dtstart=\"{start}\" {end}{freq}{by}{until}>\
             <time-switch tzid=\"Europe/Berlin\"><time dtstart=\"20260101T220000\" duration=\"PT8H\" freq=\"weekly\" byday=\"FR\">\
             <address-switch field=\"origin\"{subfield}><address {address}>\
             <location url=\"{location}\"><proxy/></location></address></address-switch></time></time-switch></time>\
             <otherwise><time-switch><time dtstart=\"{start}\" {end}{freq}{by}{until}><reject status=\"busy\"/></time></time-switch></otherwise>\
             </time-switch></incoming></cpl>"
        );
        match read_cpl(&script, &wanted()) {
            Ok(made) => prop_assert!(RuleFile::read(&made.text).is_ok()),
            Err(error) => prop_assert!(matches!(error, Unreadable::TooMuch(_)), "{}\n{}", error, script),
        }
    }

    /// The same of the tables of a FusionPBX.
    #[test]
    fn whatever_tables_say_is_read(
        strategy in "(simultaneous|sequence|enterprise|rollover|random|\\PC{0,5})",
        app in "(transfer|hangup|voicemail||lua)",
        data in "(\\*99600|700|\\+49301|\\PC{0,8})( XML x)?",
        name in "\\PC{0,12}",
        members in proptest::collection::vec(("(10[0-9]|\\+4930[0-9]{3}|[a-z]@h.example|\\PC{0,6})", "[0-9]{0,3}", "[0-9]{0,3}", "[012]?"), 0..45),
        forwards in proptest::collection::vec("(10[0-9]|\\+4930[0-9]{3}|\\PC{0,6})?", 4),
        on in proptest::collection::vec("(t|f|true|0|)", 5),
    ) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let groups = format!("ring_group_uuid,ring_group_name,ring_group_extension,ring_group_strategy,ring_group_timeout_app,ring_group_timeout_data\ng,{},600,{},{app},{}\n", quoted(&name), quoted(&strategy), quoted(&data));
        let row = |(number, delay, timeout, prompt): &(String, String, String, String)| format!("g,{},{delay},{timeout},{prompt},f,{},{delay},{timeout}\n", quoted(number), quoted(number));
        let rows: String = members.iter().map(row).collect();
        let members = format!("ring_group_uuid,destination_number,destination_delay,destination_timeout,destination_prompt,follow_me_uuid,follow_me_destination,follow_me_delay,follow_me_timeout\n{rows}");
        let columns = ["all", "busy", "no_answer", "user_not_registered"];
        let header: String = columns.iter().map(|c| format!(",forward_{c}_enabled,forward_{c}_destination")).collect();
        let values: String = on.iter().zip(&forwards).map(|(on, to)| format!(",{on},{}", quoted(to))).collect();
        let extensions = format!("extension_uuid,extension,follow_me_uuid,follow_me_enabled{header}\ne,101,f,{}{values}\n", on[4]);
        let files: Vec<Export> = [groups, members, extensions].into_iter().map(|text| Export { name: "x".to_owned(), text }).collect();
        match read_fusionpbx(&files, &Wanted::default()) {
            Ok(made) => for one in &made.imports {
                prop_assert!(RuleFile::read(&one.text).is_ok(), "{}", one.text);
            },
            Err(error) => prop_assert!(!matches!(error, Unreadable::Own(_)), "{}", error),
        }
    }
}
