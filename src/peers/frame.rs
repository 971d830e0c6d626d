//! What goes through a stream between two nodes: a length, a version, a kind, and a body that is
//! nobody's business here.
//!
//! ```text
//! 0        4         5      6
//! ┌────────┬─────────┬──────┬──────────────┐
//! │ length │ version │ kind │ body         │   length: of the body, big-endian
//! └────────┴─────────┴──────┴──────────────┘
//! ```
//!
//! A length is looked at before anything is kept for it, so that nobody can make a node put
//! memory aside by writing a number.

use bytes::{Buf as _, Bytes, BytesMut};

/// The version that is written, and the only one that is read.
pub const FRAME_VERSION: u8 = 1;
/// Length, version and kind.
pub const HEAD_BYTES: usize = 6;
/// The longest body: a whole telling of 500 rows has some 60 KB. Longer things come in pieces.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// What a body is. A stream carries one kind, so that no kind waits behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Who one is: the first frame in each direction.
    Hello,
    /// A newcomer's question for a certificate, and its answer.
    Join,
    /// Changes of rows, and marks of what is known.
    Rows,
    /// Rows from the beginning, for a newcomer: in a stream of their own, because they are many.
    Whole,
    /// What is agreed on (Raft).
    Ledger,
    /// What is wanted of a file, and what comes of that; the file itself goes between, in no frame.
    File,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Hello, Self::Join, Self::Rows, Self::Whole, Self::Ledger, Self::File];

    /// As it is written.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Hello => 0,
            Self::Join => 1,
            Self::Rows => 2,
            Self::Whole => 3,
            Self::Ledger => 4,
            Self::File => 5,
        }
    }

    fn read(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The longest body of it. Before it is known who speaks, little is listened to.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Hello | Self::File => 1 << 10,
            Self::Join => 32 << 10,
            Self::Rows | Self::Whole | Self::Ledger => BODY_BYTES_MAX,
        }
    }
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// What the body is.
    pub kind: Kind,
    /// The body.
    pub body: Bytes,
}

/// Why a stream is not read any further. Nothing behind such a frame can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than the kind may be.
    #[error("a frame of {length} bytes, at most {max} are taken")]
    TooLong {
        /// As it says.
        length: u64,
        /// What would be taken.
        max: usize,
    },
    /// Another program wrote it.
    #[error(
        "a frame of version {0}, this program reads version {FRAME_VERSION}: update both nodes"
    )]
    Version(u8),
    /// No kind has this number.
    #[error("a frame of the unknown kind {0}: update both nodes")]
    Kind(u8),
    /// The stream ended in the middle of a frame.
    #[error("the stream ended within a frame, {0} bytes of it had come")]
    Cut(usize),
}

/// Puts a body into a frame.
///
/// # Errors
/// [`FrameError::TooLong`], so that a frame that nobody takes is not sent.
pub fn framed(kind: Kind, body: &[u8]) -> Result<Bytes, FrameError> {
    let max = kind.bytes_max();
    let too_long = FrameError::TooLong { length: body.len() as u64, max };
    let length = u32::try_from(body.len()).map_err(|_| too_long)?;
    if body.len() > max {
        return Err(too_long);
    }
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[FRAME_VERSION, kind.number()]);
    frame.extend_from_slice(body);
    Ok(frame.freeze())
}

/// Puts together what comes in pieces. It keeps at most one head and what has come of one body.
#[derive(Debug, Default)]
pub struct FrameReader {
    kept: BytesMut,
    broken: Option<FrameError>,
}

impl FrameReader {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next piece has come. Ask for [`FrameReader::take`] until there is none.
    pub fn push(&mut self, piece: &[u8]) {
        if self.broken.is_none() {
            self.kept.extend_from_slice(piece);
        }
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// When what came is no frame; from then on always the same.
    pub fn take(&mut self) -> Result<Option<Framed>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.read().inspect_err(|error| {
            self.broken = Some(*error);
            self.kept = BytesMut::new();
        })
    }

    /// How much has to come at least until there is a frame, after [`FrameReader::take`] gave none.
    /// What is behind it is not waited for.
    pub(super) fn lacks(&self) -> usize {
        let Some((head, body)) = self.kept.split_first_chunk::<HEAD_BYTES>() else {
            return HEAD_BYTES - self.kept.len();
        };
        let [a, b, c, d, ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        length.saturating_sub(body.len())
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// When it ended within a frame.
    pub fn end(&self) -> Result<(), FrameError> {
        match (self.broken, self.kept.len()) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, bytes) => Err(FrameError::Cut(bytes)),
        }
    }

    fn read(&mut self) -> Result<Option<Framed>, FrameError> {
        let Some((head, _)) = self.kept.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let [a, b, c, d, version, kind] = *head;
        // The version first: of another version's frame nothing else is known.
        if version != FRAME_VERSION {
            return Err(FrameError::Version(version));
        }
        let kind = Kind::read(kind).ok_or(FrameError::Kind(kind))?;
        let length = u32::from_be_bytes([a, b, c, d]);
        let (bytes, max) = (usize::try_from(length).unwrap_or(usize::MAX), kind.bytes_max());
        if bytes > max {
            return Err(FrameError::TooLong { length: length.into(), max });
        }
        if self.kept.len() < HEAD_BYTES + bytes {
            return Ok(None);
        }
        self.kept.advance(HEAD_BYTES);
        Ok(Some(Framed { kind, body: self.kept.split_to(bytes).freeze() }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn read_in_pieces(bytes: &[u8], piece: usize) -> Result<Vec<Framed>, FrameError> {
        let mut reader = FrameReader::new();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(frame) = reader.take()? {
                frames.push(frame);
            }
        }
        reader.end().map(|()| frames)
    }

    #[test]
    fn any_split_gives_the_same_frames() {
        let bodies: [&[u8]; 4] = [b"", b"x", &[7; 300], b"last"];
        let sent: Vec<u8> = bodies
            .iter()
            .zip([Kind::Rows, Kind::Hello, Kind::Ledger, Kind::Whole])
            .flat_map(|(body, kind)| framed(kind, body).unwrap())
            .collect();
        let whole = read_in_pieces(&sent, sent.len()).unwrap();
        assert_eq!(whole.iter().map(|frame| &frame.body[..]).collect::<Vec<_>>(), bodies);
        for piece in 1..40 {
            assert_eq!(read_in_pieces(&sent, piece).as_ref(), Ok(&whole), "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_at_its_head_and_for_ever() {
        for kind in Kind::ALL {
            let max = kind.bytes_max();
            assert!(framed(kind, &vec![0; max]).is_ok());
            let error = FrameError::TooLong { length: max as u64 + 1, max };
            assert_eq!(framed(kind, &vec![0; max + 1]), Err(error));
            let length = u32::try_from(max + 1).unwrap().to_be_bytes();
            let mut reader = FrameReader::new();
            reader.push(&[&length[..], &[FRAME_VERSION, kind.number()]].concat());
            assert_eq!(reader.take(), Err(error));
            reader.push(&framed(kind, b"fine").unwrap());
            assert_eq!((reader.take(), reader.end()), (Err(error), Err(error)));
        }
    }

    #[test]
    fn another_version_an_unknown_kind_and_a_cut_are_said() {
        let good = framed(Kind::Rows, b"body").unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            read_in_pieces(&bytes, 3)
        };
        assert_eq!(with(4, 2), Err(FrameError::Version(2)));
        assert_eq!(with(5, 99), Err(FrameError::Kind(99)));
        for bytes in 1..good.len() {
            assert_eq!(read_in_pieces(&good[..bytes], 2), Err(FrameError::Cut(bytes)));
        }
    }
}
