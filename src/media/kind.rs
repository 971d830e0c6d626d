//! What a file is, by its first bytes and never by its name.

use std::io::{self, Read, Seek, SeekFrom};

/// How many bytes tell it.
pub const KIND_BYTES: usize = 12;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RIFF/WAVE.
    Wav,
    /// Matroska or WebM.
    Matroska,
    /// MP4, QuickTime or 3GPP.
    Mp4,
}

impl Kind {
    /// From the beginning of a file; `None`: nothing that is taken.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
            Some(Self::Matroska)
        } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE") {
            Some(Self::Wav)
        } else if head.get(4..8) == Some(b"ftyp") {
            Some(Self::Mp4)
        } else {
            None
        }
    }

    /// The same of an open file, which is read from its beginning.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read<R: Read + Seek>(file: &mut R) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::with_capacity(KIND_BYTES);
        file.by_ref().take(KIND_BYTES as u64).read_to_end(&mut head)?;
        Ok(Self::of(&head))
    }

    /// Whether a video may be uploaded as this, when its sender calls it `media_type`.
    #[must_use]
    pub fn is_called(self, media_type: &str) -> bool {
        let media_type = essence(media_type);
        match self {
            Self::Wav => false,
            Self::Matroska => {
                any_video(&media_type)
                    || ["video/webm", "video/x-matroska", "video/matroska"]
                        .contains(&media_type.as_str())
            }
            Self::Mp4 => {
                any_video(&media_type)
                    || ["video/mp4", "video/quicktime", "video/3gpp", "video/3gpp2", "video/x-m4v"]
                        .contains(&media_type.as_str())
            }
        }
    }

    /// Whether anything with such a media type could be taken.
    #[must_use]
    pub fn may_be_called(media_type: &str) -> bool {
        Self::Matroska.is_called(media_type) || Self::Mp4.is_called(media_type)
    }
}

/// Nothing is said about what it is.
fn any_video(media_type: &str) -> bool {
    matches!(media_type, "" | "application/octet-stream")
}

/// The type without its parameters (`video/webm;codecs=vp8`).
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_what_it_is() {
        assert_eq!(Kind::of(b"RIFF\0\0\0\0WAVEfmt "), Some(Kind::Wav));
        assert_eq!(Kind::of(b"\0\0\0\x20ftypisom"), Some(Kind::Mp4));
        assert_eq!(Kind::of(&[0x1A, 0x45, 0xDF, 0xA3, 0x9f]), Some(Kind::Matroska));
        for other in [&b""[..], b"RIFF", b"#EXTM3U\nhttp://x", b"GIF89a", b"ftypisom", b"\x7fELF"] {
            assert_eq!(Kind::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_lie_is_seen() {
        assert!(Kind::Mp4.is_called("video/mp4") && Kind::Mp4.is_called("Video/QuickTime"));
        assert!(Kind::Matroska.is_called("video/webm; codecs=\"vp8,opus\""));
        assert!(Kind::Matroska.is_called("") && Kind::Mp4.is_called("application/octet-stream"));
        assert!(!Kind::Matroska.is_called("video/mp4") && !Kind::Mp4.is_called("video/webm"));
        assert!(!Kind::Wav.is_called("") && !Kind::may_be_called("text/html"));
    }
}
