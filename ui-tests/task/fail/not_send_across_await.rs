use std::rc::Rc;

use millrun::prelude::*;


#[task]
async fn hold(url: String) -> usize {
    let shared = Rc::new(url);
    std::future::ready(()).await;
    shared.len()
}

fn main() {}
