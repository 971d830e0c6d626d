//! Sound as telephones carry it: µ-law (ITU-T G.711), 8000 samples a second.

const BIAS: i32 = 0x84;

/// One sample, coded.
pub(crate) fn coded(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = (i32::from(sample).abs() + BIAS).min(0x7fff);
    let exponent = (size >> 7).ilog2();
    let mantissa = (size >> (exponent + 3)) & 0x0f;
    !(sign | u8::try_from(exponent << 4).unwrap() | u8::try_from(mantissa).unwrap())
}

/// One sample, decoded.
pub(crate) fn sample(code: u8) -> i16 {
    let code = !code;
    let (exponent, mantissa) = ((code >> 4) & 7, i32::from(code & 0x0f));
    let size = (((mantissa << 3) + BIAS) << exponent) - BIAS;
    i16::try_from(if code & 0x80 == 0 { size } else { -size }).unwrap()
}

/// How loud it is: the mean of the samples' sizes.
pub(crate) fn loudness(codes: &[u8]) -> u32 {
    let sum: u32 = codes.iter().map(|code| u32::from(sample(*code).unsigned_abs())).sum();
    sum / u32::try_from(codes.len().max(1)).unwrap()
}

/// Whether a piece of sound is in what was heard, as it is but for rounding.
pub(crate) fn is_in(piece: &[i16], heard: &[u8]) -> bool {
    let near = |code: &u8, sample_there: &i16| {
        let (one, other) = (i32::from(sample(*code)), i32::from(*sample_there));
        (one - other).abs() <= 32 + other.abs() / 12
    };
    let same = |window: &[u8]| window.iter().zip(piece).all(|(code, there)| near(code, there));
    !piece.is_empty() && heard.windows(piece.len()).any(same)
}

#[test]
fn what_is_coded_comes_back() {
    for value in (-32_000..32_000).step_by(7) {
        let back = i32::from(sample(coded(value)));
        assert!((back - i32::from(value)).abs() <= 8 + i32::from(value).abs() / 16, "{value}");
    }
    assert_eq!((coded(0), sample(0xff), loudness(&[0xff, 0x7f])), (0xff, 0, 0));
    let piece: Vec<i16> = (0..200).map(|place| place * 90).collect();
    let heard: Vec<u8> = [0; 50].into_iter().chain(piece.iter().copied()).map(coded).collect();
    assert!(is_in(&piece, &heard) && !is_in(&piece, &heard[..200]) && !is_in(&[], &heard));
}
