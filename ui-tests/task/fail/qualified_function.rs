use millrun::prelude::*;


#[task]
unsafe fn read(pointer: usize) -> u8 {
    unsafe { *(pointer as *const u8) }
}

#[task]
const fn double(x: u32) -> u32 {
    x * 2
}

#[task]
extern "C" fn foreign(x: u32) -> u32 {
    x
}

fn main() {
    drop(double(1));
    drop(foreign(1));
}
