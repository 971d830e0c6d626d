//! base64url, with or without padding: read in few steps where it is as it should be.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The judge of everything that is not as it should be.
pub(super) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Not a digit.
const NONE: u8 = 0x40;

/// The value of each digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        values[URL_SAFE_DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};
const URL_SAFE_DIGITS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Decodes into `out`, which is emptied first; `None` if it is no base64url.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    if quickly(text, out) {
        return Some(());
    }
    out.clear();
    BASE64URL.decode_vec(text, out).ok()
}

/// Decodes what has no padding or the right one; says whether it was that.
fn quickly(text: &[u8], out: &mut Vec<u8>) -> bool {
    let bare = match text {
        [bare @ .., b'=', b'='] | [bare @ .., b'='] if text.len().is_multiple_of(4) => bare,
        bare => bare,
    };
    let value = |digit: u8| VALUES[usize::from(digit)];
    let (fours, rest) = bare.as_chunks::<4>();
    out.resize(fours.len() * 3, 0);
    let mut seen = 0;
    let (threes, _) = out.as_chunks_mut::<3>();
    for (four, three) in fours.iter().zip(threes) {
        let [a, b, c, d] = *four;
        let (a, b, c, d) = (value(a), value(b), value(c), value(d));
        seen |= a | b | c | d;
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    match *rest {
        [] => {}
        [a, b] => {
            seen |= value(a) | value(b);
            out.push(value(a) << 2 | value(b) >> 4);
        }
        [a, b, c] => {
            let (a, b, c) = (value(a), value(b), value(c));
            seen |= a | b | c;
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
        }
        _ => return false,
    }
    seen & NONE == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_what_the_crate_reads(
            bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 0..4usize,
            text in "[A-Da-d0-3_=+/-]{0,12}",
        ) {
            let mut out = vec![7];
            let whole = BASE64URL.encode(&bytes);
            let bare = whole.trim_end_matches('=');
            for text in [&whole, bare, &whole[..whole.len().saturating_sub(cut)], &text] {
                let wanted = BASE64URL.decode(text).ok();
                let got = decode(text.as_bytes(), &mut out).map(|()| out.clone());
                prop_assert_eq!(got, wanted, "{}", text);
            }
            prop_assert_eq!(decode(bare.as_bytes(), &mut out).map(|()| &out), Some(&bytes));
            prop_assert!(quickly(whole.as_bytes(), &mut out) && quickly(bare.as_bytes(), &mut out));
        }
    }
}
