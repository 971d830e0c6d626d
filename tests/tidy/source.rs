//! Rust source, as far as a floor plan needs to be read from it.

/// The source with comments, strings and characters blanked out, line for line.
pub(crate) fn mask(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut masked = String::with_capacity(source.len());
    let mut place = 0;
    while place < characters.len() {
        let end = match characters[place] {
            '/' if characters.get(place + 1) == Some(&'/') => line_end(&characters, place),
            '/' if characters.get(place + 1) == Some(&'*') => comment_end(&characters, place),
            '"' => string_end(&characters, place),
            'r' | 'b' if !within_word(&characters, place) => literal_end(&characters, place),
            '\'' => character_end(&characters, place),
            _ => place,
        };
        if end == place {
            masked.push(characters[place]);
            place += 1;
        } else {
            let blank = |character: &char| if *character == '\n' { '\n' } else { ' ' };
            masked.extend(characters[place..end].iter().map(blank));
            place = end;
        }
    }
    masked
}

fn within_word(characters: &[char], place: usize) -> bool {
    place > 0 && is_word(characters[place - 1])
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn line_end(characters: &[char], from: usize) -> usize {
    let rest = characters[from..].iter().position(|character| *character == '\n');
    rest.map_or(characters.len(), |length| from + length)
}

fn comment_end(characters: &[char], from: usize) -> usize {
    let (mut place, mut depth) = (from + 2, 1);
    while place < characters.len() && depth > 0 {
        let pair = (characters[place], characters.get(place + 1).copied().unwrap_or(' '));
        match pair {
            ('*', '/') => depth -= 1,
            ('/', '*') => depth += 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
    }
    place.min(characters.len())
}

fn string_end(characters: &[char], quote: usize) -> usize {
    let mut place = quote + 1;
    while place < characters.len() && characters[place] != '"' {
        place += if characters[place] == '\\' { 2 } else { 1 };
    }
    (place + 1).min(characters.len())
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`; anything else is a word.
fn literal_end(characters: &[char], from: usize) -> usize {
    let letters = characters[from..].iter().take_while(|letter| **letter == 'b' || **letter == 'r');
    let prefix: String = letters.take(2).collect();
    let hashes = characters[from + prefix.len()..].iter().take_while(|hash| **hash == '#').count();
    let quote = from + prefix.len() + hashes;
    if characters.get(quote) != Some(&'"') {
        return from;
    }
    if !prefix.contains('r') {
        return string_end(characters, quote);
    }
    let mut place = quote + 1;
    while place < characters.len() {
        let closing = characters[place + 1..].iter().take_while(|hash| **hash == '#').count();
        if characters[place] == '"' && closing >= hashes {
            return place + 1 + hashes;
        }
        place += 1;
    }
    place
}

/// A character in quotes, or a lifetime, which is none.
fn character_end(characters: &[char], quote: usize) -> usize {
    if characters.get(quote + 1) == Some(&'\\') {
        let closing = characters[quote + 3..].iter().position(|character| *character == '\'');
        return closing.map_or(characters.len(), |length| quote + 4 + length);
    }
    if characters.get(quote + 2) == Some(&'\'') { quote + 3 } else { quote }
}

/// Every path in masked source that begins with `first::`, as the names that follow it; a group
/// gives one for each member.
pub(crate) fn named_behind(masked: &str, first: &str) -> Vec<String> {
    let start = format!("{first}::");
    let mut names = Vec::new();
    for (place, _) in masked.match_indices(&start) {
        let before = masked[..place].chars().next_back();
        if before.is_some_and(|before| is_word(before) || before == ':') {
            continue;
        }
        let rest = masked[place + start.len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group)),
            None => names.push(rest.chars().take_while(|letter| is_word(*letter)).collect()),
        }
    }
    names
}

/// The first name of each member of a group.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (0, Vec::new(), String::new());
    let mut at_start = true;
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                at_start = true;
            }
            letter if depth == 0 && at_start && is_word(letter) => name.push(letter),
            _ if !name.is_empty() => at_start = false,
            _ => {}
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

/// Whether a word, or words and signs such as `Instant::now`, stands in masked source.
pub(crate) fn has(masked: &str, wanted: &str) -> bool {
    let bounded = |character: Option<char>| !character.is_some_and(is_word);
    masked.match_indices(wanted).any(|(place, _)| {
        let starts_word = wanted.starts_with(is_word);
        let ends_word = wanted.ends_with(is_word);
        (!starts_word || bounded(masked[..place].chars().next_back()))
            && (!ends_word || bounded(masked[place + wanted.len()..].chars().next()))
    })
}

/// The functions of masked source: name, line, and how many lines of code the body has.
pub(crate) fn functions(masked: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (place, _) in masked.match_indices("fn ") {
        if masked[..place].chars().next_back().is_some_and(is_word) {
            continue;
        }
        let rest = &masked[place + 3..];
        let name: String = rest.chars().take_while(|letter| is_word(*letter)).collect();
        let Some(body) = body_of(rest).filter(|_| !name.is_empty()) else { continue };
        let code = body.lines().filter(|line| !line.trim().is_empty()).count();
        found.push((name, masked[..place].matches('\n').count() + 1, code));
    }
    found
}

/// What stands between the braces of a function; `None` for one without a body.
fn body_of(rest: &str) -> Option<&str> {
    let mut depth = 0;
    let mut open = None;
    for (place, character) in rest.char_indices() {
        match (character, open) {
            (';', None) if depth == 0 => return None,
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth -= 1,
            ('{', None) if depth == 0 => open = Some(place + 1),
            ('{', Some(_)) => depth += 1,
            ('}', Some(_)) if depth > 0 => depth -= 1,
            ('}', Some(start)) => return Some(&rest[start..place]),
            _ => {}
        }
    }
    None
}
