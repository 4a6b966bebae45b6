//! Transactions in slices.

use super::*;

static DONE: Tally = Tally::new();

fn undo(transaction: &Transaction) -> Result<(), TransactionError> {
    let what: Option<String> = transaction.get("what")?;
    DONE.add(format!("undo {}", what.unwrap_or_default()));
    Ok(())
}

fn keep(transaction: &Transaction) -> Result<(), TransactionError> {
    let what: Option<String> = transaction.get("what")?;
    DONE.add(format!("keep {}", what.unwrap_or_default()));
    Ok(())
}

#[task(on_rollback = undo, on_commit = keep)]
fn write(what: &str) -> Result<String, TransactionError> {
    if let Some(transaction) = current_transaction() {
        transaction.set("what", &what)?;
    }
    DONE.add(format!("write {what}"));
    Ok(what.to_owned())
}

#[task]
fn check(ok: bool) -> Result<(), &'static str> {
    DONE.add("check");
    if ok { Ok(()) } else { Err("no good") }
}

#[flow]
fn grouped() -> Result<(), FlowError> {
    write("before").result()?;
    transaction().run_blocking(|_| {
        write("a").result()?;
        write("b").result()?;
        check(true).result()?;
        Ok::<_, FlowError>(())
    })?;
    write("after").result()?;
    Ok(())
}

#[test]
fn a_transaction_that_is_stopped_half_way_begins_again_as_a_whole() {
    let _alone = DONE.alone();
    let slice = grouped().stop_after(3).report_blocking();
    assert_eq!(DONE.take(), ["write before", "keep before", "write a", "write b", "undo b", "undo a"]);
    let snapshot = shipped(&slice);
    assert_eq!(
        states(&snapshot).into_iter().collect::<Vec<_>>(),
        [("check", "Pending"), ("write", "Completed"), ("write-1", "Pending"), ("write-2", "Pending")]
    );
    let message = snapshot.state("write-1").unwrap().message.as_deref();
    assert_eq!(message, Some("its transaction begins again as a whole"));
    // What begins again is not counted.
    let slice = grouped().with_snapshot(snapshot).stop_after(1).report_blocking();
    assert_eq!(DONE.take(), ["write a", "write b", "check", "keep a", "keep b"]);
    assert_eq!(slice.snapshot().pending().collect::<Vec<_>>(), ["write-3"]);
    let last = grouped().with_snapshot(shipped(&slice)).report_blocking();
    assert!(last.state().is_completed(), "{last}");
    assert_eq!(DONE.take(), ["write after", "keep after"]);

    let (last, count) =
        to_the_end(|snapshot| grouped().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert!(last.state().is_completed());
    assert_eq!(count, 5);
    let done = DONE.take();
    assert_eq!(done.iter().filter(|done| done.starts_with("keep")).count(), 4, "{done:?}");
}

#[flow]
fn swallowed() -> Result<(), FlowError> {
    transaction().run_blocking(|transaction| {
        write("a").result()?;
        // Neither what it makes of what is left, nor a commit of its own, is half of it.
        if write("b").result().is_err() {
            assert!(transaction.commit_blocking().is_err());
        }
        Ok::<_, FlowError>(())
    })
}

#[test]
fn half_of_it_is_never_committed() {
    let _alone = DONE.alone();
    let slice = swallowed().stop_after(1).report_blocking();
    assert!(slice.state().is_cancelled(), "{slice}");
    assert_eq!(DONE.take(), ["write a", "undo a"]);
    let last = swallowed().with_snapshot(shipped(&slice)).report_blocking();
    assert!(last.state().is_completed(), "{last}");
    assert_eq!(DONE.take(), ["write a", "write b", "keep a", "keep b"]);
}

#[flow]
fn taken_back() -> Result<(), FlowError> {
    let refused = transaction().run_blocking(|_| {
        write("draft").result()?;
        check(false).result()?;
        Ok::<_, FlowError>(())
    });
    assert!(refused.is_err());
    write("final").result()?;
    Ok(())
}

#[test]
fn what_was_rolled_back_by_a_failure_stays_rolled_back() {
    let _alone = DONE.alone();
    let slice = taken_back().stop_after(2).report_blocking();
    assert_eq!(DONE.take(), ["write draft", "check", "undo draft"]);
    let snapshot = shipped(&slice);
    assert_eq!(snapshot.state("write").unwrap().name, StateName::RolledBack);
    let last = taken_back().with_snapshot(snapshot).report_blocking();
    assert!(last.state().is_completed(), "{last}");
    assert_eq!(DONE.take(), ["write final", "keep final"]);
    assert_eq!(last.snapshot().state("write").unwrap().name, StateName::RolledBack);
}

#[flow]
fn committed_early() -> Result<(), FlowError> {
    transaction().run_blocking(|transaction| {
        write("a").result()?;
        transaction.commit_blocking()?;
        write("b").result()?;
        Ok::<_, FlowError>(())
    })
}

#[test]
fn what_was_committed_stands() {
    let _alone = DONE.alone();
    let slice = committed_early().stop_after(1).report_blocking();
    assert_eq!(DONE.take(), ["write a", "keep a"]);
    let snapshot = shipped(&slice);
    assert_eq!(
        states(&snapshot).into_iter().collect::<Vec<_>>(),
        [("write", "Completed"), ("write-1", "Pending")]
    );
    assert!(committed_early().with_snapshot(snapshot).report_blocking().state().is_completed());
    assert_eq!(DONE.take(), ["write b", "keep b"]);
}
