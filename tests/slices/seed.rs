//! The eight tasks of the first seed, one in each slice.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

static EXECUTED: [AtomicU32; 9] = [const { AtomicU32::new(0) }; 9];

macro_rules! tasks {
    ($($name:ident $n:literal)*) => {
        $(#[task] fn $name() { EXECUTED[$n].fetch_add(1, Ordering::SeqCst); })*
    };
}

tasks! { task1 1 task2 2 task3 3 task4 4 task5 5 task6 6 task7 7 task8 8 }

macro_rules! graph {
    () => {{
        let (t1, t2) = (task1.submit(), task2.submit());
        let t3 = task3.wait_for((&t1, &t2)).submit();
        let t4 = task4.wait_for(&t3).submit();
        let t5 = task5.wait_for(&t4).submit();
        let t6 = task6.wait_for(&t4).submit();
        let t7 = task7.wait_for((&t2, &t6)).submit();
        let t8 = task8.wait_for((&t2, &t3)).submit();
        drop((t5, t7, t8));
    }};
}

#[flow]
fn in_sync() {
    graph!();
}

#[flow]
async fn in_async() {
    graph!();
}

fn executed() -> Vec<u32> {
    EXECUTED.iter().map(|count| count.swap(0, Ordering::SeqCst)).collect()
}

#[test]
fn each_task_is_executed_once_in_all() {
    let names: Vec<String> = (1..=8).map(|n| format!("task{n}")).collect();
    for engine in engines() {
        for is_async in [false, true] {
            let (last, count) = to_the_end(|snapshot| {
                let before = snapshot.states().filter(|(_, state)| state.is_completed()).count();
                let slice = engine.enter(|| match is_async {
                    false => in_sync().with_snapshot(snapshot).stop_after(1).report_blocking(),
                    true => in_async().with_snapshot(snapshot).stop_after(1).report_blocking(),
                });
                let after = slice.snapshot();
                let now = after.states().filter(|(_, state)| state.is_completed()).count();
                assert_eq!(now, before + 1, "{slice}");
                assert_eq!(states(&after).keys().copied().collect::<Vec<_>>(), names);
                slice
            });
            assert_eq!(count, 8);
            assert!(last.state().is_completed(), "{last}");
            assert_eq!(last.snapshot().pending().next(), None);
            assert_eq!(executed(), [0, 1, 1, 1, 1, 1, 1, 1, 1]);
        }
    }
    // In slices of other lengths.
    for length in 2..=9 {
        let (_, count) =
            to_the_end(|snapshot| in_sync().with_snapshot(snapshot).stop_after(length).report_blocking());
        assert_eq!(count, 8_usize.div_ceil(length));
        assert_eq!(executed(), [0, 1, 1, 1, 1, 1, 1, 1, 1]);
    }

    // As the seed publishes states.
    let done = r#"[
        {"task": {"slug": "task1", "name": "task1"}, "state": {"type": "Success", "message": "Task run succeeded(manually set)"}},
        {"task": {"slug": "task2"}, "state": {"type": "Success", "message": null}},
        {"task": {"slug": "task3"}, "state": {"type": "Success"}},
        {"task": {"slug": "task4"}, "state": {"type": "Pending", "message": "Mocked pending"}}
    ]"#;
    let snapshot: Snapshot = serde_json::from_str(done).unwrap();
    let slice = in_sync().with_snapshot(snapshot).stop_after(2).report_blocking();
    assert!(slice.state().is_cancelled());
    let rest = in_sync().with_snapshot(shipped(&slice)).report_blocking();
    assert!(rest.state().is_completed(), "{rest}");
    assert_eq!(executed(), [0, 0, 0, 0, 1, 1, 1, 1, 1]);
}
