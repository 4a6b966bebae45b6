//! What runs are called.

use super::*;

#[task]
fn part(n: u32) -> u32 {
    n
}

#[task]
fn whole(n: u32) -> u32 {
    part.submit(n).result().unwrap() + part.map([n, n]).result().unwrap()[0]
}

#[flow]
fn child() -> Result<u32, FlowError> {
    Ok(part(1).result()?)
}

#[flow]
fn named() -> Result<(), FlowError> {
    let of_each: Vec<_> = (0..3).map(|n| whole.submit(n)).collect();
    let _ = part.with_name("a/b[0]").submit(1);
    let _ = part.with_name("50%").submit(1);
    let _ = part.with_name("part-1").submit(1);
    let _ = part.submit(2);
    let _ = part.submit(2);
    part.map([2]).result()?;
    let branch = case(&part.with_name("condition").submit(2), 2, || part.with_name("taken").submit(4));
    merge([&branch]).result()?;
    child().result()?;
    child().result()?;
    for run in of_each {
        run.result()?;
    }
    Ok(())
}

#[test]
fn slugs_are_the_same_whatever_the_timing() {
    let expected = [
        "50%25",
        "a%2Fb%5B0]",
        "child",
        "child-1",
        "child-1/part",
        "child/part",
        "condition",
        "part",
        "part-1",
        "part-1-0",
        "part[0]",
        "taken",
        "whole",
        "whole-1",
        "whole-1/part",
        "whole-1/part[0]",
        "whole-1/part[1]",
        "whole-2",
        "whole-2/part",
        "whole-2/part[0]",
        "whole-2/part[1]",
        "whole/part",
        "whole/part[0]",
        "whole/part[1]",
    ];
    for engine in engines() {
        for sliced in [false, true] {
            let report = engine.enter(|| match sliced {
                false => named().report_blocking(),
                true => named().with_snapshot(Snapshot::new()).report_blocking(),
            });
            assert!(report.state().is_completed(), "{report}");
            let snapshot = report.snapshot();
            assert_eq!(states(&snapshot).into_keys().collect::<Vec<_>>(), expected, "{sliced}");
            assert_eq!(snapshot.states().count(), expected.len());
        }
        let (last, count) = to_the_end(|snapshot| {
            engine.enter(|| named().with_snapshot(snapshot).stop_after(2).report_blocking())
        });
        assert!(last.state().is_completed(), "{last}");
        assert_eq!(states(&last.snapshot()).into_keys().collect::<Vec<_>>(), expected);
        // Child flow runs are none of the task runs that are counted.
        assert!(count >= 21_usize.div_ceil(2), "{count}");
    }
}
