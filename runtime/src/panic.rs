//! Panics of users' functions: caught, with the place where they happened.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::sync::Once;

use crate::engine::moment;
use crate::error::panic_message;

/// Logs at the level. The subscriber is the user's: a panic of it, as where standard error is closed, ends nothing.
macro_rules! log {
    ($level:ident, $($said:tt)*) => {
        $crate::panic::contain(|| ::tracing::$level!($($said)*))
    };
}

thread_local! {
    /// Where the last panic of this thread happened.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
    /// A panic is no more than an answer.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// A panic of a user's function.
pub(crate) struct Panicked {
    pub(crate) message: String,
}

/// Has panics say where they happened, before whatever hook there is.
#[inline]
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                return;
            }
            let _ = PANICKED_AT.try_with(|place| {
                *place.borrow_mut() = info.location().map(ToString::to_string);
            });
            #[cfg(feature = "progress")]
            crate::progress::beside(|| before(info));
            #[cfg(not(feature = "progress"))]
            before(info);
        }));
    });
}

/// Does `action`, which is a user's.
pub(crate) fn catch<T>(action: impl FnOnce() -> T) -> Result<T, Panicked> {
    moment::passes();
    catch_in_between(action)
}

/// Does `action` between the end of a run and the beginning of another; where it is a user's, it [says so](moment::passes).
pub(crate) fn catch_in_between<T>(action: impl FnOnce() -> T) -> Result<T, Panicked> {
    watch();
    std::panic::catch_unwind(AssertUnwindSafe(action)).map_err(panicked)
}

fn panicked(panic: Box<dyn Any + Send>) -> Panicked {
    let place = PANICKED_AT.try_with(|place| place.borrow_mut().take()).ok().flatten();
    let message = panic_message(&*panic);
    let message = match place {
        Some(place) => format!("{message} (at {place})"),
        None => message.to_owned(),
    };
    forget(panic);
    Panicked { message }
}

/// Drops what is the user's. A panic of its `drop` is logged, and ends nothing.
pub(crate) fn drop_caught<T>(value: T) {
    catch_drop(|| drop(value));
}

/// As [`drop_caught`], for many, each of which may panic.
pub(crate) fn drop_each_caught<T>(values: Vec<T>) {
    let mut values = values.into_iter();
    while values.len() > 0 {
        catch_drop(|| values.by_ref().for_each(drop));
    }
}

fn catch_drop(drop: impl FnOnce()) {
    if let Err(panic) = catch(drop) {
        log!(error, "a value panicked while it was dropped: {}", panic.message);
    }
}

/// Whether `action` panics, which is nothing to be told of: no hook is asked, unless it was set after ours.
pub(crate) fn quietly(action: impl FnOnce()) -> Result<(), ()> {
    watch();
    let before = QUIET.replace(true);
    let caught = std::panic::catch_unwind(AssertUnwindSafe(action));
    QUIET.set(before);
    caught.map_err(forget)
}

/// Does `action`, whose panic nobody is told of.
pub(crate) fn contain(action: impl FnOnce()) {
    if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(action)) {
        forget(panic);
    }
}

/// Drops what a panic was thrown with, which is the user's, too.
fn forget(panic: Box<dyn Any + Send>) {
    if let Err(another) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(another);
    }
}
