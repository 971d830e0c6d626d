//! Countries by their letters (ISO 3166-1) and the codes under which they are called (ITU-T E.164,
//! list of assigned codes).
//!
//! Only those are here that have a code, or a few leading digits, of their own. Those that share
//! one (+1, +7, +44, ...) can't be told apart by a prefix, and a rule that pretended to would be
//! wrong at night.

use crate::text::shorten;

use super::page::Wrong;

/// The prefix of a country, such as `+49` for `DE`.
pub(super) fn calling_code(country: &str) -> Result<&'static str, Wrong> {
    let upper = country.trim().to_ascii_uppercase();
    if let Ok(place) = CODES.binary_search_by_key(&&*upper, |(letters, _)| letters) {
        return CODES.get(place).map(|(_, code)| *code).ok_or_else(|| unknown(country));
    }
    match SHARED.iter().find(|(letters, _)| letters.contains(&&*upper)) {
        Some((_, code)) => Err((
            format!("country:{upper} shares {code} with others, and a number does not say which"),
            Some(format!("write \"{code}*\" for all of them, or the area codes one by one")),
        )),
        None => Err(unknown(country)),
    }
}

fn unknown(country: &str) -> Wrong {
    let what = format!("country:{} is not known", shorten(country));
    (what, Some("write two letters, such as country:DE, or a prefix, such as \"+49*\"".to_owned()))
}

/// Countries that share a code.
const SHARED: &[(&[&str], &str)] = &[
    (&["US", "CA", "PR", "DO", "JM"], "+1"),
    (&["RU", "KZ"], "+7"),
    (&["GB", "GG", "JE", "IM"], "+44"),
    (&["IT", "VA"], "+39"),
    (&["NO", "SJ"], "+47"),
    (&["AU", "CX", "CC"], "+61"),
    (&["FI", "AX"], "+358"),
    (&["MA", "EH"], "+212"),
    (&["GP", "BL", "MF"], "+590"),
    (&["RE", "YT", "TF"], "+262"),
    (&["CW", "BQ"], "+599"),
    (&["SH", "AC", "TA"], "+290"),
];

/// Sorted by their letters.
const CODES: &[(&str, &str)] = &[
    ("AD", "+376"),
    ("AE", "+971"),
    ("AF", "+93"),
    ("AG", "+1268"),
    ("AI", "+1264"),
    ("AL", "+355"),
    ("AM", "+374"),
    ("AO", "+244"),
    ("AR", "+54"),
    ("AS", "+1684"),
    ("AT", "+43"),
    ("AW", "+297"),
    ("AZ", "+994"),
    ("BA", "+387"),
    ("BB", "+1246"),
    ("BD", "+880"),
    ("BE", "+32"),
    ("BF", "+226"),
    ("BG", "+359"),
    ("BH", "+973"),
    ("BI", "+257"),
    ("BJ", "+229"),
    ("BM", "+1441"),
    ("BN", "+673"),
    ("BO", "+591"),
    ("BR", "+55"),
    ("BS", "+1242"),
    ("BT", "+975"),
    ("BW", "+267"),
    ("BY", "+375"),
    ("BZ", "+501"),
    ("CD", "+243"),
    ("CF", "+236"),
    ("CG", "+242"),
    ("CH", "+41"),
    ("CI", "+225"),
    ("CK", "+682"),
    ("CL", "+56"),
    ("CM", "+237"),
    ("CN", "+86"),
    ("CO", "+57"),
    ("CR", "+506"),
    ("CU", "+53"),
    ("CV", "+238"),
    ("CY", "+357"),
    ("CZ", "+420"),
    ("DE", "+49"),
    ("DJ", "+253"),
    ("DK", "+45"),
    ("DM", "+1767"),
    ("DZ", "+213"),
    ("EC", "+593"),
    ("EE", "+372"),
    ("EG", "+20"),
    ("ER", "+291"),
    ("ES", "+34"),
    ("ET", "+251"),
    ("FJ", "+679"),
    ("FK", "+500"),
    ("FM", "+691"),
    ("FO", "+298"),
    ("FR", "+33"),
    ("GA", "+241"),
    ("GD", "+1473"),
    ("GE", "+995"),
    ("GF", "+594"),
    ("GH", "+233"),
    ("GI", "+350"),
    ("GL", "+299"),
    ("GM", "+220"),
    ("GN", "+224"),
    ("GQ", "+240"),
    ("GR", "+30"),
    ("GT", "+502"),
    ("GU", "+1671"),
    ("GW", "+245"),
    ("GY", "+592"),
    ("HK", "+852"),
    ("HN", "+504"),
    ("HR", "+385"),
    ("HT", "+509"),
    ("HU", "+36"),
    ("ID", "+62"),
    ("IE", "+353"),
    ("IL", "+972"),
    ("IN", "+91"),
    ("IQ", "+964"),
    ("IR", "+98"),
    ("IS", "+354"),
    ("JO", "+962"),
    ("JP", "+81"),
    ("KE", "+254"),
    ("KG", "+996"),
    ("KH", "+855"),
    ("KI", "+686"),
    ("KM", "+269"),
    ("KN", "+1869"),
    ("KP", "+850"),
    ("KR", "+82"),
    ("KW", "+965"),
    ("KY", "+1345"),
    ("LA", "+856"),
    ("LB", "+961"),
    ("LC", "+1758"),
    ("LI", "+423"),
    ("LK", "+94"),
    ("LR", "+231"),
    ("LS", "+266"),
    ("LT", "+370"),
    ("LU", "+352"),
    ("LV", "+371"),
    ("LY", "+218"),
    ("MC", "+377"),
    ("MD", "+373"),
    ("ME", "+382"),
    ("MG", "+261"),
    ("MH", "+692"),
    ("MK", "+389"),
    ("ML", "+223"),
    ("MM", "+95"),
    ("MN", "+976"),
    ("MO", "+853"),
    ("MP", "+1670"),
    ("MQ", "+596"),
    ("MR", "+222"),
    ("MS", "+1664"),
    ("MT", "+356"),
    ("MU", "+230"),
    ("MV", "+960"),
    ("MW", "+265"),
    ("MX", "+52"),
    ("MY", "+60"),
    ("MZ", "+258"),
    ("NA", "+264"),
    ("NC", "+687"),
    ("NE", "+227"),
    ("NG", "+234"),
    ("NI", "+505"),
    ("NL", "+31"),
    ("NP", "+977"),
    ("NR", "+674"),
    ("NU", "+683"),
    ("NZ", "+64"),
    ("OM", "+968"),
    ("PA", "+507"),
    ("PE", "+51"),
    ("PF", "+689"),
    ("PG", "+675"),
    ("PH", "+63"),
    ("PK", "+92"),
    ("PL", "+48"),
    ("PM", "+508"),
    ("PS", "+970"),
    ("PT", "+351"),
    ("PW", "+680"),
    ("PY", "+595"),
    ("QA", "+974"),
    ("RO", "+40"),
    ("RS", "+381"),
    ("RW", "+250"),
    ("SA", "+966"),
    ("SB", "+677"),
    ("SC", "+248"),
    ("SD", "+249"),
    ("SE", "+46"),
    ("SG", "+65"),
    ("SI", "+386"),
    ("SK", "+421"),
    ("SL", "+232"),
    ("SM", "+378"),
    ("SN", "+221"),
    ("SO", "+252"),
    ("SR", "+597"),
    ("SS", "+211"),
    ("ST", "+239"),
    ("SV", "+503"),
    ("SX", "+1721"),
    ("SY", "+963"),
    ("SZ", "+268"),
    ("TC", "+1649"),
    ("TD", "+235"),
    ("TG", "+228"),
    ("TH", "+66"),
    ("TJ", "+992"),
    ("TK", "+690"),
    ("TL", "+670"),
    ("TM", "+993"),
    ("TN", "+216"),
    ("TO", "+676"),
    ("TR", "+90"),
    ("TT", "+1868"),
    ("TV", "+688"),
    ("TW", "+886"),
    ("TZ", "+255"),
    ("UA", "+380"),
    ("UG", "+256"),
    ("UY", "+598"),
    ("UZ", "+998"),
    ("VC", "+1784"),
    ("VE", "+58"),
    ("VG", "+1284"),
    ("VI", "+1340"),
    ("VN", "+84"),
    ("VU", "+678"),
    ("WF", "+681"),
    ("WS", "+685"),
    ("XK", "+383"),
    ("YE", "+967"),
    ("ZA", "+27"),
    ("ZM", "+260"),
    ("ZW", "+263"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_sorted_and_known_once() {
        assert!(CODES.windows(2).all(|two| two[0].0 < two[1].0));
        let shared = SHARED.iter().flat_map(|(letters, _)| letters.iter());
        assert!(shared.copied().all(|letters| CODES.iter().all(|(known, _)| *known != letters)));
        // No code begins with another one's: the prefix of one would be the other one too.
        for (country, code) in CODES {
            let other = CODES.iter().find(|(_, other)| other != code && other.starts_with(code));
            assert_eq!(other, None, "{country}");
        }
    }

    #[test]
    fn a_country_that_shares_its_code_is_told_so() {
        assert_eq!(calling_code("de"), Ok("+49"));
        assert!(calling_code("US").unwrap_err().0.contains("shares +1"));
        assert!(calling_code("Germany").unwrap_err().1.unwrap().contains("country:DE"));
    }
}
