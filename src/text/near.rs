//! What somebody meant who made a slip of the pen.

/// The known name that was probably meant by `typed`: at most a third of its letters are wrong,
/// missing, too many or swapped.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LETTERS_MAX: usize = 64;
    let letters: Vec<char> = typed.to_lowercase().replace('-', "_").chars().collect();
    if letters.len() > LETTERS_MAX {
        return None;
    }
    let scored = known.map(|name| (distance(&letters, &name.chars().collect::<Vec<_>>()), name));
    scored.filter(|(off, name)| *off <= (name.len() / 3).max(1)).min().map(|(_, name)| name)
}

/// Letters to change, add, remove or swap with a neighbour (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let other = usize::from(left[i - 1] != right[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + other);
            let swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = ["listen", "drain", "route_token_file", "name"];
        for (typed, meant) in [
            ("lisen", Some("listen")),
            ("Listen", Some("listen")),
            ("drian", Some("drain")),
            ("route-token-file", Some("route_token_file")),
            ("route_tokenfile", Some("route_token_file")),
            ("nmae", Some("name")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), meant, "{typed}");
        }
    }
}
