//! Cases as rules.

use crate::import::List;
use crate::import::Place;
use crate::import::sheet::{Conditions, Draft, End, Stage};

use super::flat::{Case, Finish, Straight};

/// What stages ring one after the other, and how it ends.
struct Line {
    stages: Vec<Stage>,
    finish: Finish,
}

/// The rules, in the order of the cases.
pub(super) fn rules(cases: Vec<Case>, list: &mut List) -> Vec<Draft> {
    cases.into_iter().flat_map(|case| one(case, list)).collect()
}

fn one(case: Case, list: &mut List) -> Vec<Draft> {
    let Case { when, mut straight, path, name, at } = case;
    let mut stages: Vec<Stage> = Vec::new();
    loop {
        match straight {
            Straight::End(finish) => {
                let end = end(&finish, !stages.is_empty(), at, list);
                let name = if name.is_empty() { "incoming".to_owned() } else { name };
                return vec![Draft { comments: path, name, when, stages, end, goes_on: false }];
            }
            Straight::Ring { stages: more, busy, no_answer, failed } => {
                stages.extend(more);
                // What follows a refusal for all phones (603) has to say that it does.
                let over = matches!(*failed, Straight::End(_));
                if over && busy == no_answer && no_answer == failed {
                    straight = *busy;
                } else {
                    let ways = [*busy, *no_answer, *failed];
                    let head = Draft {
                        comments: path,
                        name: if name.is_empty() { "incoming".to_owned() } else { name },
                        when,
                        stages,
                        end: End::Open,
                        goes_on: true,
                    };
                    return apart(head, ways, at, list);
                }
            }
        }
    }
}

/// A call that goes on in one way or another, as what rang has failed.
fn apart(mut head: Draft, ways: [Straight; 3], at: Place, list: &mut List) -> Vec<Draft> {
    const CAUSES: [&[&str]; 3] = [&["busy"], &["no_answer"], &["unreachable", "declined"]];
    let lines = ways.map(|way| line(way, at, list));
    let finish = common(&lines, at, list);
    let mut behind: Vec<(Vec<&'static str>, &[Stage])> = Vec::new();
    for (line, causes) in lines.iter().zip(CAUSES) {
        if line.stages.is_empty() {
            continue;
        }
        match behind.iter_mut().find(|(_, stages)| *stages == line.stages) {
            Some((known, _)) => known.extend(causes),
            None => behind.push((causes.to_vec(), &line.stages)),
        }
    }
    if lines[1].stages != lines[2].stages {
        let instead =
            "answers that rules know no word for (such as 488) count as no answer, not as failure";
        list.add(at, "proxy, noanswer and failure", instead);
    }
    if behind.len() > 1 {
        let instead = "what rings after one cause is asked about again: when it fails for the other cause, what is for that rings as well";
        list.add(at, "proxy, different outputs that ring", instead);
    }
    let end = end(&finish, true, at, list);
    let (name, when) = (head.name.clone(), head.when.clone());
    let mut after: Vec<Draft> = Vec::new();
    for (causes, stages) in behind {
        let always = causes.len() == 4;
        let suffix = if always { "then".to_owned() } else { causes.join(" or ") };
        if stages.len() > 1 && !always {
            let instead = "a phone that refuses for all (603) is the last that rings";
            list.add(at, "proxy behind an output of a proxy", instead);
        }
        // A rule rings as a whole, so what follows in any case is a rule for each stage.
        let parts: Vec<&[Stage]> = if always { stages.chunks(1).collect() } else { vec![stages] };
        after.extend(parts.into_iter().map(|stages| Draft {
            comments: Vec::new(),
            name: format!("{name}, {suffix}"),
            when: Conditions { after: causes.clone(), ..when.clone() },
            stages: stages.to_vec(),
            end: End::Open,
            goes_on: false,
        }));
    }
    if after.is_empty() {
        head.goes_on = false;
        head.end = end;
        return vec![head];
    }
    let last = Draft {
        comments: Vec::new(),
        name: format!("{name}, in the end"),
        when,
        stages: Vec::new(),
        end,
        goes_on: false,
    };
    [head].into_iter().chain(after).chain([last]).collect()
}

/// A way without forks: where it forks again, what follows nobody answering.
fn line(mut way: Straight, at: Place, list: &mut List) -> Line {
    let mut stages = Vec::new();
    loop {
        match way {
            Straight::End(finish) => return Line { stages, finish },
            Straight::Ring { stages: more, busy, no_answer, failed } => {
                stages.extend(more);
                if busy != no_answer || no_answer != failed {
                    let instead = "rules go by how something has failed once; however it fails then, what follows nobody answering comes next";
                    list.add(
                        at,
                        "proxy behind an output of a proxy, with different outputs",
                        instead,
                    );
                }
                way = *no_answer;
            }
        }
    }
}

/// How it ends, whatever happened before: rules know one end for all.
fn common(lines: &[Line; 3], at: Place, list: &mut List) -> Finish {
    let [busy, no_answer, failed] = lines;
    if busy.finish == no_answer.finish && no_answer.finish == failed.finish {
        return busy.finish.clone();
    }
    let mailbox = lines.iter().any(|line| line.finish == Finish::Mailbox);
    let what = "proxy, outputs that end differently";
    if mailbox {
        let instead = "what comes in the end can't depend on how something has failed: the mailbox takes the call in each case";
        list.add(at, what, instead);
        return Finish::Mailbox;
    }
    let instead = "what comes in the end can't depend on how something has failed: the caller is told how it failed";
    list.add(at, what, instead);
    Finish::Response
}

fn end(finish: &Finish, rang: bool, at: Place, list: &mut List) -> End {
    match (finish, rang) {
        (Finish::Standard, _) => End::Open,
        (Finish::Mailbox, _) => End::Mailbox,
        (Finish::Response, true) => End::NoMailbox,
        // There was nowhere to go.
        (Finish::Response, false) => End::Refuse(480, None),
        (Finish::Reject(code, reason), false) => End::Refuse(*code, reason.clone()),
        (Finish::Reject(code, _), true) => {
            let instead = "a rule refuses, or lets something ring: the caller is told how the last phone has failed";
            list.add(at, format!("reject with {code} behind a proxy"), instead);
            End::NoMailbox
        }
    }
}
