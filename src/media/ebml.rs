//! Matroska, as far as it tells how much can be played: which tracks there are, and the times of
//! their blocks. FreeSWITCH writes it, and after a kill it is readable up to the last flush.
//!
//! The elements that hold others are entered, all others are skipped, and where an element ends
//! is never looked at: the identifiers that matter here are unique over all levels (RFC 9559),
//! so that sizes which are unknown or were never filled in do no harm.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The most elements that are looked at: some ten hours of a recording.
const ELEMENTS_MAX: u32 = 4_000_000;
/// The most tracks that are remembered.
const TRACKS_MAX: usize = 32;

const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_A966;
const SCALE: u64 = 0x002A_D7B1;
const TRACKS: u64 = 0x1654_AE6B;
const TRACK: u64 = 0xAE;
const TRACK_NUMBER: u64 = 0xD7;
const TRACK_KIND: u64 = 0x83;
const CLUSTER: u64 = 0x1F43_B675;
const CLUSTER_TIME: u64 = 0xE7;
const GROUP: u64 = 0xA0;
const BLOCK: u64 = 0xA1;
const SIMPLE_BLOCK: u64 = 0xA3;

/// How long the last block plays, whose end nothing tells: a packet of telephony.
const LAST_BLOCK_MS: u64 = 20;

/// What a video file has, by its own reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reel {
    /// From the first to the last thing that can be played, in milliseconds.
    pub length_ms: u64,
    /// There are pictures.
    pub video: bool,
    /// There is sound.
    pub audio: bool,
}

/// Looks through a Matroska or WebM file of `size` bytes, as far as it can be read.
///
/// # Errors
/// What the disk says. Garbage and an end that comes too early are none.
pub fn read_matroska<R: Read + Seek>(file: &mut R, size: u64) -> io::Result<Reel> {
    file.seek(SeekFrom::Start(0))?;
    let mut walk = Walk::new(BufReader::with_capacity(64 << 10, file), size);
    match walk.element()? {
        Some((0x1A45_DFA3, said)) if walk.skip(said)? => {}
        _ => return Ok(Reel::default()),
    }
    let mut seen = Seen { scale_ns: 1_000_000, ..Seen::default() };
    for _ in 0..ELEMENTS_MAX {
        let Some((id, said)) = walk.element()? else { break };
        let more = match id {
            SEGMENT | INFO | TRACKS | CLUSTER | GROUP => true,
            TRACK => {
                seen.tracks.push((0, 0));
                seen.tracks.len() <= TRACKS_MAX
            }
            SCALE | TRACK_NUMBER | TRACK_KIND | CLUSTER_TIME => match walk.number(said)? {
                Some(value) => seen.number(id, value),
                None => false,
            },
            BLOCK | SIMPLE_BLOCK => match walk.block(said)? {
                Some((track, time)) => seen.block(track, time),
                None => false,
            },
            _ => walk.skip(said)?,
        };
        if !more {
            break;
        }
    }
    Ok(seen.reel())
}

#[derive(Default)]
struct Seen {
    scale_ns: u64,
    cluster: u64,
    /// Number and kind of each.
    tracks: Vec<(u64, u64)>,
    span: Option<(u64, u64)>,
    video: bool,
    audio: bool,
}

impl Seen {
    fn number(&mut self, id: u64, value: u64) -> bool {
        match id {
            SCALE if value > 0 => self.scale_ns = value,
            CLUSTER_TIME => self.cluster = value,
            TRACK_NUMBER | TRACK_KIND => {
                if let Some(track) = self.tracks.last_mut() {
                    let place = if id == TRACK_NUMBER { &mut track.0 } else { &mut track.1 };
                    *place = value;
                }
            }
            _ => {}
        }
        true
    }

    fn block(&mut self, track: u64, time: i16) -> bool {
        let kind = self.tracks.iter().find(|(number, _)| *number == track).map(|(_, kind)| *kind);
        match kind {
            Some(1) => self.video = true,
            Some(2) => self.audio = true,
            _ => return true,
        }
        let at = self.cluster.saturating_add_signed(time.into());
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        true
    }

    fn reel(&self) -> Reel {
        let Some((first, last)) = self.span else { return Reel::default() };
        let span_ns = u128::from(last - first) * u128::from(self.scale_ns);
        let span_ms = u64::try_from(span_ns / 1_000_000).unwrap_or(u64::MAX);
        Reel {
            length_ms: span_ms.saturating_add(LAST_BLOCK_MS),
            video: self.video,
            audio: self.audio,
        }
    }
}

struct Walk<R> {
    file: BufReader<R>,
    place: u64,
    size: u64,
}

impl<R: Read + Seek> Walk<R> {
    fn new(file: BufReader<R>, size: u64) -> Self {
        Self { file, place: 0, size }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        match self.file.read_exact(&mut byte) {
            Ok(()) => {
                self.place += 1;
                Ok(Some(byte[0]))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A number whose first byte tells its width; with or without the bit that does.
    fn varied(&mut self, keep: bool, width_max: u32) -> io::Result<Option<(u64, bool)>> {
        let Some(first) = self.byte()? else { return Ok(None) };
        let width = first.leading_zeros() + 1;
        if width > width_max {
            return Ok(None);
        }
        let mask = (0xffu32 >> width) as u8;
        let mut value = u64::from(if keep { first } else { first & mask });
        let mut ones = first & mask == mask;
        for _ in 1..width {
            let Some(next) = self.byte()? else { return Ok(None) };
            ones &= next == 0xff;
            value = value << 8 | u64::from(next);
        }
        Ok(Some((value, ones)))
    }

    /// Identifier and size; a size of ones is unknown.
    fn element(&mut self) -> io::Result<Option<(u64, Option<u64>)>> {
        let Some((id, _)) = self.varied(true, 4)? else { return Ok(None) };
        let Some((said, unknown)) = self.varied(false, 8)? else { return Ok(None) };
        Ok(Some((id, (!unknown).then_some(said))))
    }

    /// `false` where the element does not end within the file.
    fn skip(&mut self, said: Option<u64>) -> io::Result<bool> {
        let end = said.and_then(|said| self.place.checked_add(said));
        let Some(end) = end.filter(|end| *end <= self.size) else { return Ok(false) };
        let way = i64::try_from(end - self.place).map_err(io::Error::other)?;
        self.file.seek_relative(way)?;
        self.place = end;
        Ok(true)
    }

    fn number(&mut self, said: Option<u64>) -> io::Result<Option<u64>> {
        let Some(said @ 0..=8) = said else { return Ok(None) };
        let mut value = 0;
        for _ in 0..said {
            let Some(byte) = self.byte()? else { return Ok(None) };
            value = value << 8 | u64::from(byte);
        }
        Ok(Some(value))
    }

    /// Track and time of a block that is there to its last byte.
    fn block(&mut self, said: Option<u64>) -> io::Result<Option<(u64, i16)>> {
        let start = self.place;
        let Some((track, _)) = self.varied(false, 8)? else { return Ok(None) };
        let (Some(high), Some(low)) = (self.byte()?, self.byte()?) else { return Ok(None) };
        let left = said.and_then(|said| said.checked_sub(self.place - start));
        let whole = left.is_some() && self.skip(left)?;
        Ok(whole.then(|| (track, i16::from_be_bytes([high, low]))))
    }
}
