use millrun::prelude::*;


#[task(blocking)]
async fn read() {}

fn main() {
    drop(read());
}
