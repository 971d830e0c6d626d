//! The disk, for good: what was written is there after a power failure, or it was not said to be.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens, statvfs};

/// Owner and group may write, and what is made below has the same group: FreeSWITCH runs as
/// another user and writes into the same directories.
const DIRECTORY_MODE: u32 = 0o2770;
/// The group may read: FreeSWITCH plays greetings and messages.
const FILE_MODE: u32 = 0o640;

/// Makes a directory unless it is there; whether it was made.
pub(super) fn make_directory(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o770).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    // The umask took the group's right to write away. Some file systems know no setgid; FreeSWITCH
    // may be the same user.
    let _ = fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE));
    Ok(true)
}

/// Makes the names in a directory last.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A new or emptied file that the group may read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// Gives a file that a program wrote the mode of ours.
pub(super) fn open_to_group(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(FILE_MODE))
}

/// Writes a file whole or not at all, and makes it last.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = create(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&draft, path)) {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    path.parent().map_or(Ok(()), sync_directory)
}

/// Gives a file a second name, for good; `false` if something has that name already.
pub(super) fn link_new(from: &Path, to: &Path) -> io::Result<bool> {
    let linked = match fs::hard_link(from, to) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    to.parent().map_or(Ok(()), sync_directory)?;
    Ok(linked)
}

/// Removes a file; that it is not there is no error.
pub(super) fn remove_file(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a file as young as a new one.
pub(super) fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// How old a file is at `now_ms` (milliseconds since 1970), in milliseconds; 0 for one from the
/// future.
pub(super) fn age_ms(file: &fs::Metadata, now_ms: i64) -> io::Result<u64> {
    let since = file.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let written_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Ok(u64::try_from(now_ms.saturating_sub(written_ms)).unwrap_or(0))
}

/// How much may still be written where `path` lies, in bytes; 0 where no more files can be made.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let room = statvfs(path)?;
    if room.f_files > 0 && room.f_favail == 0 {
        return Ok(0);
    }
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}
