//! A run store that keeps nothing: what is left is the cost of recording itself.

use std::time::SystemTime;

use millrun::State;
use millrun::store::{
    Durability, Event, LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, RunStore, StateCount,
    StoreError, TransactionRecord, UpstreamRecord,
};
use uuid::Uuid;

pub(super) struct Discarding;

macro_rules! nothing {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $(_: $argument),*) -> Result<$result, StoreError> {
            Ok(Default::default())
        })*
    };
}

impl RunStore for Discarding {
    fn name(&self) -> String {
        "nowhere".into()
    }

    nothing! {
        write(&[Event], Durability) -> ();
        renew(&Owner) -> ();
        owners() -> Vec<Owner>;
        bury(&Owner, &str, SystemTime) -> Vec<Uuid>;
        claim(Uuid, Uuid) -> bool;
        create(&RunRecord) -> bool;
        runs(&RunQuery) -> Vec<RunRecord>;
        count(&RunQuery) -> Vec<StateCount>;
        states(Uuid) -> Vec<State>;
        upstreams(Uuid) -> Vec<UpstreamRecord>;
        outcome(Uuid) -> Option<Outcome>;
        transactions(Uuid) -> Vec<TransactionRecord>;
        logs(&LogQuery) -> Vec<LogRecord>;
        delete(&[Uuid]) -> Vec<String>;
        vacuum() -> ();
    }
}
