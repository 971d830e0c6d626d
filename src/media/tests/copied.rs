//! Copies from another node, and files that are held.

use super::*;

/// A file of another node: its bytes and its name.
fn elsewhere(pitch: i16) -> (Vec<u8>, ContentId) {
    let other = House::new(Tools::default());
    let bytes = wav(500, pitch);
    let stored = other.spool.keep_sound(&bytes).unwrap();
    (bytes, stored.content)
}

fn begin(house: &House, content: ContentId, bytes: usize) -> Copying {
    house.spool.begin_copy(content, bytes as u64, 1).unwrap().unwrap()
}

#[test]
fn a_copy_is_kept_when_it_holds_what_it_should() {
    let house = House::new(Tools::default());
    let (bytes, content) = elsewhere(3);
    let mut copy = begin(&house, content, bytes.len());
    assert!(!house.spool.has(content));
    bytes.chunks(1_000).for_each(|piece| copy.write(piece).unwrap());
    copy.finish().unwrap();
    assert!(house.spool.has(content));
    assert_eq!(fs::read(house.spool.content_path(content)).unwrap(), bytes);
    assert_eq!(house.listing().len(), 1, "nothing in passing stays");
    let again = house.spool.begin_copy(content, bytes.len() as u64, 1).unwrap();
    assert!(again.is_none(), "it is there");
    house.spool.name_sound(content).unwrap();
    assert_eq!(house.listing().len(), 2);
}

#[test]
fn of_a_wrong_or_a_half_copy_nothing_stays() {
    let house = House::new(Tools::default());
    let (mut bytes, content) = elsewhere(4);
    let mut half = begin(&house, content, bytes.len());
    half.write(&bytes[..100]).unwrap();
    drop(half);
    let mut short = begin(&house, content, bytes.len());
    short.write(&bytes[..100]).unwrap();
    assert!(matches!(short.finish(), Err(Error::Spoiled { .. })));
    bytes[50] ^= 1;
    let mut wrong = begin(&house, content, bytes.len());
    wrong.write(&bytes).unwrap();
    assert!(matches!(wrong.finish(), Err(Error::Spoiled { content: named }) if named == content));
    assert!(house.listing().is_empty() && !house.spool.has(content));
}

#[test]
fn a_stump_is_replaced_and_a_full_disk_is_said_before() {
    let house = House::new(Tools::default());
    let (bytes, content) = elsewhere(5);
    let path = house.spool.content_path(content);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &bytes[..10]).unwrap();
    let mut copy = begin(&house, content, bytes.len());
    copy.write(&bytes).unwrap();
    copy.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let (bytes, content) = elsewhere(6);
    let error = house.spool.begin_copy(content, bytes.len() as u64, u64::MAX).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    let error = house.spool.begin_copy(content, u64::MAX, 1).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
}

#[test]
fn what_is_held_stays_until_nobody_holds_it() {
    let house = House::new(Tools::default());
    let stored = house.spool.keep_sound(&wav(100, 7)).unwrap();
    let path = house.spool.content_path(stored.content);
    let later_ms = i64::MAX / 2;
    let one = house.spool.pin(vec![stored.content]);
    let two = house.spool.pin(vec![stored.content, ContentId([1; 32])]);
    for held in [one, two] {
        house.spool.delete(stored.content).unwrap();
        house.spool.sweep(later_ms, &|_| false).unwrap();
        assert!(path.is_file());
        drop(held);
    }
    house.spool.delete(stored.content).unwrap();
    assert!(!path.exists());
}
