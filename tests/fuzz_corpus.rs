//! Every input that a fuzzer was ever given on purpose, or has found, on the stable compiler.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::path::Path;

#[test]
fn every_seed_is_read() {
    for (target, run) in bodies::TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let files = std::fs::read_dir(&corpus).unwrap_or_else(|error| {
            panic!("the target {target} has no seeds in {}: {error}", corpus.display())
        });
        let mut count = 0;
        for file in files {
            let path = file.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| run(&data)).is_err() {
                panic!("seed {} is a finding of {target}", path.display());
            }
            count += 1;
        }
        assert!(count >= 5, "the target {target} has {count} seeds");
    }
}

#[test]
fn every_corpus_has_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for corpus in std::fs::read_dir(corpora).unwrap() {
        let name = corpus.unwrap().file_name();
        assert!(bodies::TARGETS.iter().any(|(target, _)| name == *target), "{name:?}");
    }
}
