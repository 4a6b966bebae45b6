use std::rc::Rc;

use millrun::prelude::*;


#[task]
fn single(shared: Rc<u32>) -> u32 {
    *shared
}

#[task]
fn several(count: u32, shared: Rc<u32>) -> u32 {
    count + *shared
}

fn main() {}
