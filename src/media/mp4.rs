//! MP4, QuickTime and 3GPP files, as far as their boxes tell how long they are and what is in them
//! (ISO/IEC 14496-12). Used for uploads where ffprobe is not installed.

use std::io::{self, Read, Seek, SeekFrom};

use super::ebml::Reel;

/// The most boxes that are looked at: a film cut into fragments of a second has three each.
const BOXES_MAX: usize = 50_000;

/// Looks through the boxes of a file of `size` bytes. A file that is cut off has no length: its
/// table of contents is missing, or says what is not there.
///
/// # Errors
/// What the disk says. Garbage and an end that comes too early are none.
pub fn read_mp4<R: Read + Seek>(file: &mut R, size: u64) -> io::Result<Reel> {
    let mut reel = Reel::default();
    let mut scale = 0u64;
    let mut place = 0u64;
    for _ in 0..BOXES_MAX {
        if place == size {
            return Ok(reel);
        }
        file.seek(SeekFrom::Start(place))?;
        let Some((name, content, end)) = box_head(file, place, size)? else { break };
        match &name {
            // They hold others: go on inside.
            b"moov" | b"trak" | b"mdia" | b"mvex" => {
                place = content;
                continue;
            }
            b"mvhd" => {
                let Some((given, length)) = times(file)? else { break };
                scale = given;
                reel.length_ms = milliseconds(length, scale);
            }
            // The length of a film in fragments, in the scale of `mvhd`.
            b"mehd" if reel.length_ms == 0 => {
                if let Some(length) = fragments(file)? {
                    reel.length_ms = milliseconds(length, scale);
                }
            }
            b"hdlr" => match kind(file)? {
                Some([b'v', b'i', b'd', b'e']) => reel.video = true,
                Some([b's', b'o', b'u', b'n']) => reel.audio = true,
                _ => {}
            },
            _ => {}
        }
        place = end;
    }
    Ok(Reel::default())
}

fn milliseconds(length: u64, scale: u64) -> u64 {
    if scale == 0 {
        return 0;
    }
    u64::try_from(u128::from(length) * 1000 / u128::from(scale)).unwrap_or(u64::MAX)
}

/// Name, where its content begins, where it ends; `None` if it does not end within the file.
fn box_head<R: Read>(
    file: &mut R,
    place: u64,
    size: u64,
) -> io::Result<Option<([u8; 4], u64, u64)>> {
    let Some([s0, s1, s2, s3, name @ ..]) = take::<8, _>(file)? else { return Ok(None) };
    let (head, said) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        0 => (8, size - place),
        1 => match take::<8, _>(file)? {
            Some(wide) => (16, u64::from_be_bytes(wide)),
            None => return Ok(None),
        },
        said => (8, said.into()),
    };
    let end = place.checked_add(said).filter(|end| said >= head && *end <= size);
    Ok(end.map(|end| (name, place + head, end)))
}

/// Scale and length of `mvhd`.
fn times<R: Read>(file: &mut R) -> io::Result<Option<(u64, u64)>> {
    let word = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let Some([version, ..]) = take::<4, _>(file)? else { return Ok(None) };
    let (scale, length) = if version == 1 {
        let Some(body) = take::<28, _>(file)? else { return Ok(None) };
        (word(&body[16..20]), word(&body[20..]))
    } else {
        let Some(body) = take::<16, _>(file)? else { return Ok(None) };
        (word(&body[8..12]), word(&body[12..]))
    };
    // All ones: unknown.
    let unknown = length == u64::MAX || (version != 1 && length == u64::from(u32::MAX));
    Ok(Some((scale, if unknown { 0 } else { length })))
}

fn fragments<R: Read>(file: &mut R) -> io::Result<Option<u64>> {
    let Some([version, ..]) = take::<4, _>(file)? else { return Ok(None) };
    if version == 1 {
        return Ok(take::<8, _>(file)?.map(u64::from_be_bytes));
    }
    Ok(take::<4, _>(file)?.map(|bytes| u32::from_be_bytes(bytes).into()))
}

fn kind<R: Read>(file: &mut R) -> io::Result<Option<[u8; 4]>> {
    Ok(take::<12, _>(file)?.map(|body| [body[8], body[9], body[10], body[11]]))
}

fn take<const N: usize, R: Read>(file: &mut R) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
