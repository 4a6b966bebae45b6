//! What engines have left in their spools that could not write it any more.

use std::sync::Arc;

use super::guarded;
use super::lease::is_alive;
use super::spool::Spools;
use super::writer::write_spool;
use crate::clock::Clock;
use crate::store::{Owner, RunStore, StoreError};

/// Has the store get what they have left. What has not ended of theirs ends as CRASHED. What cannot be written now stays.
pub(super) fn take_in(spools: &Spools, store: &Arc<dyn RunStore>, clock: &Clock) {
    for mut spool in spools.abandoned() {
        let name = store.name();
        let path = spool.path().to_owned();
        let owner = Owner { lease: clock.now(), ..spool.owner().clone() };
        let later = |error: &StoreError| {
            log!(warn, "{name}: {error}; it is tried again later with `{}`", path.display());
        };
        // Others, on another machine, may have gone on with its runs. And whose runs these are has to be known.
        match guarded(|| store.renew(&owner)) {
            Ok(()) => {}
            Err(error) if error.is_gone() => {
                spool.refuse(&error);
                continue;
            }
            // The store fails, and not at what lies here.
            Err(error) => {
                later(&error);
                continue;
            }
        }
        match guarded(|| write_spool(&mut spool, &**store)) {
            Ok(()) => {
                log!(info, "{name}: what an earlier process has left in `{}` is recorded", path.display());
                spool.remove();
            }
            Err(error) if error.is_temporary() => {
                later(&error);
                continue;
            }
            Err(error) => spool.refuse(&error),
        }
        let reason = if is_alive(&owner) {
            "its engine was dropped while nothing could be recorded".to_owned()
        } else {
            format!("its process {} on {} has died", owner.pid, owner.host)
        };
        if let Err(error) = guarded(|| store.bury(&owner, &reason, clock.now())) {
            log!(warn, "{name}: {error}");
        }
    }
}
