//! No sequence of questions, events, looks, changes, failures and starts leaves a count wrong.
//!
//! A model keeps nothing but calls and their seats, and counts anew every time; the desk must
//! agree after every deed. `properties/` has the deeds, the model, and the stage for both.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "common/mod.rs"]
mod common;
#[path = "properties/deeds.rs"]
mod deeds;
#[path = "properties/finish.rs"]
mod finish;
#[path = "properties/model.rs"]
mod model;
#[path = "properties/operators.rs"]
mod operators;
#[path = "properties/stage.rs"]
mod stage;

use proptest::prelude::*;

use stage::Stage;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn counts_are_right_whatever_happens(
        grace in any::<bool>(),
        strict in any::<bool>(),
        deeds in proptest::collection::vec(deeds::deed(), 1..150),
    ) {
        let mut stage = Stage::new(grace, strict);
        for deed in &deeds {
            stage.act(deed);
        }
        stage.finish();
    }
}
