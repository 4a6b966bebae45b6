use std::rc::Rc;

use millrun::prelude::*;


#[task]
fn shared() -> Rc<u32> {
    Rc::new(1)
}

fn main() {}
