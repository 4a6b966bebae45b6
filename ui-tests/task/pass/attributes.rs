//! Attributes stay with what they are about.
#![deny(warnings)]

use millrun::prelude::*;

/// Documented.
#[doc = " In two ways."]
#[doc(alias = "sum")]
#[task]
#[must_use = "nothing runs otherwise"]
#[inline]
pub fn add(a: u32, #[allow(unused_variables)] b: u32) -> u32 {
    a
}

#[deprecated = "use add"]
#[task]
pub fn old(a: u32) -> u32 {
    a
}

#[task]
#[allow(unused_variables, unreachable_code)]
pub fn allowed(a: u32) -> u32 {
    return 1;
    2
}

#[task]
#[expect(unused_variables)]
pub fn expected(a: u32) {}

#[cfg(not(all()))]
#[task]
pub fn absent(a: Nonexistent) {}

#[task]
#[cfg(all())]
#[cfg_attr(all(), allow(unused_mut))]
#[cfg_attr(all(), inline(never))]
pub fn present(mut a: u32) -> u32 {
    a
}

#[task]
#[track_caller]
#[cold]
pub fn cold() {}

fn main() {
    drop(add(1, 2));
    drop(present(1));
}
