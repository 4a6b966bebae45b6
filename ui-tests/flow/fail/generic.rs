use millrun::prelude::*;


#[flow]
fn generic<T: Clone + Send + 'static>(value: T) {
    drop(value);
}

#[flow]
fn opaque(value: impl Clone + Send + 'static) {
    drop(value);
}

fn main() {
    drop(generic(1));
}
