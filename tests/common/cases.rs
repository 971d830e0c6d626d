//! Cases that can be read: a case begins with `== its name`, each line below it is one thing that
//! happens, and what must come of it stands behind `=>`. What follows a `#` is a remark.

/// Plays all cases of a text, each in a world of its own. `nothing`: what is expected of a line that
/// expects nothing. `Err` says which lines came out otherwise.
pub(crate) fn play<World: Default>(
    text: &str,
    nothing: &str,
    step: impl Fn(&mut World, &str) -> String,
) -> Result<usize, String> {
    let mut wrong = Vec::new();
    let (mut cases, mut case) = (0, "");
    let mut world = World::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix("==") {
            (case, world, cases) = (name.trim(), World::default(), cases + 1);
        } else if !line.is_empty() {
            let (input, expected) = line.split_once("=>").unwrap_or((line, nothing));
            let got = step(&mut world, input.trim());
            if got != expected.trim() {
                wrong.push(format!("line {}, {case}: {line}\n    came to: {got}", number + 1));
            }
        }
    }
    if wrong.is_empty() { Ok(cases) } else { Err(wrong.join("\n")) }
}

/// All of them came out as expected, and there were at least so many.
#[track_caller]
pub(crate) fn check(played: Result<usize, String>, at_least: usize) {
    match played {
        Ok(cases) => assert!(cases >= at_least, "only {cases} cases were found"),
        Err(wrong) => panic!("\n{wrong}"),
    }
}
