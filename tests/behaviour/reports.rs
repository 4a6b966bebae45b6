//! What a report of many runs says.

use millrun::prelude::*;

#[task]
fn below(x: usize, bound: usize) -> Result<usize, String> {
    if x < bound { Ok(x) } else { Err(format!("{x} is too much")) }
}

#[task]
fn plain(x: usize) -> usize {
    x
}

#[flow]
fn mapped(count: usize, bound: usize) -> usize {
    let before = plain.submit(1);
    let outcomes = below.wait_for([before]).map(0..count, unmapped(bound)).outcomes_blocking();
    let twice = plain.map(0..count);
    outcomes.iter().filter(|outcome| outcome.is_ok()).count() + twice.result().unwrap().len()
}

/// The lines of a report, without how long anything took.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split(" in ").next().unwrap()).skip(1).collect()
}

#[test]
fn a_long_map_is_a_line_and_those_of_its_runs_that_are_not_completed() {
    let report = mapped(100, 98).report_blocking();
    assert_eq!(
        lines(&report.to_string()),
        [
            "  plain-0 - Completed()",
            "  below × 100 - 2 Failed, 98 Completed",
            "    below[98] - Failed('Task run encountered an exception: 98 is too much')",
            "    below[99] - Failed('Task run encountered an exception: 99 is too much')",
            "  plain × 100 - 100 Completed",
        ]
    );
}

#[test]
fn of_many_that_are_not_completed_there_are_the_first() {
    let report = mapped(50, 10).report_blocking();
    let text = report.to_string();
    let lines = lines(&text);
    assert_eq!(lines[1], "  below × 50 - 40 Failed, 10 Completed");
    assert!(lines[2].starts_with("    below[10] - Failed("), "{text}");
    assert!(lines[21].starts_with("    below[29] - Failed("), "{text}");
    assert_eq!(lines[22..], ["    and 20 more that are not COMPLETED", "  plain × 50 - 50 Completed"]);
}

#[test]
fn a_short_map_has_a_line_for_each_run_and_so_has_any_where_they_are_asked_for() {
    let report = mapped(20, 20).report_blocking();
    assert_eq!(lines(&report.to_string()).len(), 41);
    assert_eq!(report.to_string(), format!("{report:#}"));

    let report = mapped(21, 21).report_blocking();
    assert_eq!(lines(&report.to_string()).len(), 3);
    let text = format!("{report:#}");
    assert_eq!(lines(&text).len(), 43);
    assert_eq!(lines(&text)[21], "  below[20] - Completed()");
}
