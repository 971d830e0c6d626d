//! RIFF/WAVE, as FreeSWITCH leaves it (libsndfile): read whatever state the file is in.
//!
//! Measured: after a kill -9 the samples are there up to the last block of 64 KiB, while the
//! header says RIFF size 8 and data size 0, which many players refuse. So the header is believed
//! only where the file does not say otherwise, and a right one is written anew.

use std::io::{self, Read, Seek, SeekFrom};

/// The longest `fmt ` that is kept: `WAVEFORMATEXTENSIBLE` has 40 bytes.
const FMT_BYTES_MAX: u32 = 64;
/// How many chunks may stand before the samples.
const CHUNKS_MAX: usize = 64;

/// How samples are written, as the `fmt ` chunk says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WavFormat {
    /// 1 PCM, 3 floating point, 6 A-law, 7 µ-law, else see RFC 2361.
    pub code: u16,
    /// 1: mono.
    pub channels: u16,
    /// In Hz.
    pub rate_hz: u32,
    /// One sample of all channels, in bytes; or a block of a packed format.
    pub frame_bytes: u16,
    /// One sample of one channel, in bits; 0 in some packed formats.
    pub bits: u16,
    /// The average, in bytes a second; never 0.
    pub bytes_per_s: u32,
    /// The chunk's content as it was.
    raw: Vec<u8>,
}

/// Where the samples lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// How they are written.
    pub format: WavFormat,
    /// Where they begin in the file, in bytes.
    pub from: u64,
    /// How many bytes of them are really there, in whole frames.
    pub bytes: u64,
}

impl Wav {
    /// The length in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        let rate = u64::from(self.format.bytes_per_s).max(1);
        u64::try_from(u128::from(self.bytes) * 1000 / u128::from(rate)).unwrap_or(u64::MAX)
    }
}

impl WavFormat {
    /// 16 bit PCM.
    #[must_use]
    pub fn pcm16(rate_hz: u32, channels: u16) -> Self {
        let frame_bytes = channels.saturating_mul(2);
        let bytes_per_s = rate_hz.saturating_mul(frame_bytes.into());
        let mut raw = Vec::with_capacity(16);
        raw.extend_from_slice(&1u16.to_le_bytes());
        raw.extend_from_slice(&channels.to_le_bytes());
        raw.extend_from_slice(&rate_hz.to_le_bytes());
        raw.extend_from_slice(&bytes_per_s.to_le_bytes());
        raw.extend_from_slice(&frame_bytes.to_le_bytes());
        raw.extend_from_slice(&16u16.to_le_bytes());
        Self { code: 1, channels, rate_hz, frame_bytes, bits: 16, bytes_per_s, raw }
    }

    /// From the content of a `fmt ` chunk; `None` for one that makes no sense.
    fn read(raw: Vec<u8>) -> Option<Self> {
        let half = |at: usize| Some(u16::from_le_bytes([*raw.get(at)?, *raw.get(at + 1)?]));
        let word = |at: usize| Some(u32::from(half(at)?) | u32::from(half(at + 2)?) << 16);
        let (code, channels, rate_hz) = (half(0)?, half(2)?, word(4)?);
        let (bytes_per_s, frame_bytes, bits) = (word(8)?, half(12)?, half(14)?);
        let sane = (1..=16).contains(&channels)
            && (1_000..=768_000).contains(&rate_hz)
            && frame_bytes > 0
            && bytes_per_s > 0;
        if !sane {
            return None;
        }
        let mut bytes_per_s = bytes_per_s;
        if matches!(code, 1 | 3 | 6 | 7) {
            // Here the figures follow from each other; the rate is reckoned, not believed.
            let whole = bits.is_multiple_of(8) && (8..=64).contains(&bits);
            if !whole || u32::from(frame_bytes) != u32::from(channels) * u32::from(bits / 8) {
                return None;
            }
            bytes_per_s = rate_hz * u32::from(frame_bytes);
        }
        Some(Self { code, channels, rate_hz, frame_bytes, bits, bytes_per_s, raw })
    }

    /// The head of a file with so many bytes of samples: what players expect, and nothing else.
    /// More than 4 GiB can't be said in it; then it says the most.
    #[must_use]
    pub fn head(&self, bytes: u64) -> Vec<u8> {
        let samples = u32::try_from(bytes / u64::from(self.frame_bytes.max(1)));
        let mut chunks = Vec::with_capacity(64);
        push_chunk(&mut chunks, *b"fmt ", &self.raw);
        if self.code != 1 {
            // Every format but PCM has to say how many samples there are.
            push_chunk(&mut chunks, *b"fact", &samples.unwrap_or(u32::MAX).to_le_bytes());
        }
        let said = u32::try_from(bytes).unwrap_or(u32::MAX - 256);
        let mut head = b"RIFF".to_vec();
        let behind = u32::try_from(chunks.len() + 12).unwrap_or(0);
        head.extend_from_slice(&(said + said % 2 + behind).to_le_bytes());
        head.extend_from_slice(b"WAVE");
        head.append(&mut chunks);
        head.extend_from_slice(b"data");
        head.extend_from_slice(&said.to_le_bytes());
        head
    }
}

fn push_chunk(to: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    to.extend_from_slice(&name);
    to.extend_from_slice(&u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
    to.extend_from_slice(content);
    if content.len() % 2 == 1 {
        to.push(0);
    }
}

/// Finds the samples of a file of `size` bytes. `None`: there are none that could be played, be
/// it that the file is empty, has nothing but a head, or is no WAVE.
///
/// # Errors
/// What the disk says. An end that comes too early is none: it is what a kill leaves.
pub fn read_wav<R: Read + Seek>(file: &mut R, size: u64) -> io::Result<Option<Wav>> {
    file.seek(SeekFrom::Start(0))?;
    let Some(head) = take::<12, _>(file)? else { return Ok(None) };
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return Ok(None);
    }
    let mut format = None;
    let mut place = 12u64;
    for _ in 0..CHUNKS_MAX {
        file.seek(SeekFrom::Start(place))?;
        let Some((name, said)) = chunk_head(file)? else { return Ok(None) };
        place += 8;
        match &name {
            b"data" => {
                let Some(format) = format else { return Ok(None) };
                return samples(file, size, (place, said), format);
            }
            b"fmt " if said <= FMT_BYTES_MAX => {
                let mut raw = Vec::new();
                file.by_ref().take(said.into()).read_to_end(&mut raw)?;
                format = WavFormat::read(raw);
            }
            _ => {}
        }
        place += u64::from(said) + u64::from(said % 2);
    }
    Ok(None)
}

fn samples<R: Read + Seek>(
    file: &mut R,
    size: u64,
    (from, said): (u64, u32),
    format: WavFormat,
) -> io::Result<Option<Wav>> {
    let there = size.saturating_sub(from);
    let said = u64::from(said);
    let bytes = if said > 0 && said <= there {
        said
    } else if said == 0 && closes(file, from, size)? {
        0
    } else {
        there
    };
    let bytes = bytes - bytes % u64::from(format.frame_bytes);
    Ok((bytes > 0).then_some(Wav { format, from, bytes }))
}

/// Whether chunks that fill the file to its end begin here: then a size of 0 before them is meant.
fn closes<R: Read + Seek>(file: &mut R, from: u64, size: u64) -> io::Result<bool> {
    let mut place = from;
    for _ in 0..CHUNKS_MAX {
        if place == size {
            return Ok(true);
        }
        file.seek(SeekFrom::Start(place))?;
        let Some((name, said)) = chunk_head(file)? else { return Ok(false) };
        let known = [b"LIST", b"id3 ", b"fact", b"cue ", b"bext", b"PEAK"].contains(&&name);
        place += 8 + u64::from(said) + u64::from(said % 2);
        if !known || place > size {
            return Ok(false);
        }
    }
    Ok(false)
}

fn chunk_head<R: Read>(file: &mut R) -> io::Result<Option<([u8; 4], u32)>> {
    let Some([a, b, c, d, rest @ ..]) = take::<8, _>(file)? else { return Ok(None) };
    Ok(Some(([a, b, c, d], u32::from_le_bytes(rest))))
}

/// So many bytes; `None` at the end of the file.
fn take<const N: usize, R: Read>(file: &mut R) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
