//! Whatever has an end may be waited for, in any mixture.
#![deny(warnings)]

use std::time::Duration;

use millrun::prelude::*;

#[task]
fn one() -> u32 {
    1
}

#[flow]
fn two() -> u32 {
    2
}

#[flow]
async fn all() -> Result<(), FlowError> {
    let task = one.submit();
    let flow = two.start();
    let other = two().start();
    let mapped: TaskFutures<u32> = {
        #[task]
        fn same(x: u32) -> u32 {
            x
        }
        same.map(0..3)
    };
    wait((&task, &flow), None).await;
    wait((&task, &flow, &mapped), Duration::from_secs(1)).await;
    wait(((&task, &other), [&flow], vec![task.clone()], &[task.clone()][..]), None).await;
    wait((task.clone(), allow_failure((&flow, &mapped))), Some(Duration::ZERO)).await;
    wait((), None).await;
    drop(one.wait_for((&task, &flow)).wait_for(&mapped).submit());
    drop(two.wait_for((&task, &flow)).start());
    reference_tasks((&task, &flow));
    Ok(())
}

fn main() {
    drop(all());
}
