//! Tasks and flows are items: they may stand wherever items may.
#![deny(warnings)]

use millrun::prelude::*;

mod inner {
    use millrun::prelude::*;

    struct Private(u32);

    #[task]
    pub(crate) fn double(x: u32) -> u32 {
        Private(x).0 * 2
    }

    pub(super) mod double {
        pub(crate) const FACTOR: u32 = 2;
    }

    #[task]
    fn wrap(x: u32) -> u32 {
        unwrap(Private(x)).submit().id();
        x
    }

    #[task]
    fn unwrap(x: Private) -> u32 {
        x.0
    }

    pub(crate) fn both() {
        drop(wrap(1));
    }
}

struct Holder;

impl Holder {
    #[task]
    fn associated(x: u32) -> u32 {
        x
    }
}

fn main() {
    fn alert(_: &TaskRun, _: &State) {}

    #[task(on_failure = [alert, alert])]
    fn local(x: u32) -> u32 {
        x
    }

    #[flow]
    fn local_flow(x: u32) -> Result<u32, FlowError> {
        Ok(local(x).result()?)
    }

    drop(local_flow(1));
    drop(Holder::associated(inner::double::FACTOR));
    drop(inner::double(1));
    inner::both();
}
