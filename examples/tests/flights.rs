//! The flights example as its user sees it: run as a program, judged by what it prints and leaves.

mod example;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use example::{Printed, example};
use tempfile::TempDir;

const JANUARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
const FILES: [&str; 3] = ["flights.csv", "airports.csv", "airlines.csv"];

fn flights(data: &Path, out: &Path) -> Command {
    let mut command = example("flights");
    command.arg("--data").arg(data).arg("--out").arg(out);
    command
}

fn run(mut command: Command) -> Printed {
    command.output().unwrap().into()
}

fn run_january(out: &Path) -> Printed {
    let printed = run(flights(Path::new(JANUARY), out));
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    printed
}

/// January's files in a folder of their own, one of them changed.
fn january_but(file: &str, change: impl FnOnce(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        let text = fs::read_to_string(Path::new(JANUARY).join(name)).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join(file);
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    folder
}

/// Runs the job on bad data beside an earlier result, and sees it left alone.
fn complaint(data: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("report.txt"), "an earlier report").unwrap();
    let printed = run(flights(data, out.path()));
    assert_eq!(printed.code, Some(1), "{}{}", printed.stdout, printed.stderr);
    assert_eq!(names_in(out.path()), ["report.txt"]);
    assert_eq!(fs::read_to_string(out.path().join("report.txt")).unwrap(), "an earlier report");
    assert!(!printed.stdout.contains("Mean departure delay"), "{}", printed.stdout);

    let nowhere = out.path().join("not/there");
    assert_eq!(run(flights(data, &nowhere)).code, Some(1));
    assert!(!nowhere.exists());
    let complaints: Vec<_> = printed.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(complaints.len(), 1, "{}", printed.stderr);
    complaints[0].trim_start_matches("error: ").to_owned()
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn january_has_the_known_figures() {
    let out = tempfile::tempdir().unwrap();
    let printed = run_january(out.path());
    let lines: Vec<Vec<&str>> =
        printed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for expected in [
        "Flights from 2013-01-01 to 2013-01-31",
        "flights 27004",
        "with both airports known 26324",
        "left out, airport not in file 680: SJU 486, BQN 93, STT 70, PSE 31",
        "without a departure delay 521",
        "EV ExpressJet Airlines Inc. 4171 3989 24.2289",
        "B6 JetBlue Airways 4427 4418 9.4934",
        "VX Virgin America 316 315 1.0635",
        "OO SkyWest Airlines Inc. 1 1 67.0000",
        "hour EWR JFK LGA",
        "5 1.3443 (61) 3.7681 (69) 3.6296 (27)",
        "22 47.2000 (5) 12.2386 (197) -7.0000 (1)",
        "23 - (0) 2.9265 (68) - (0)",
    ] {
        assert!(lines.contains(&expected.split(' ').collect()), "{expected} is not in\n{}", printed.stdout);
    }
}

#[test]
fn table_and_report_are_left_as_files() {
    let out = tempfile::tempdir().unwrap();
    let printed = run_january(out.path());
    assert_eq!(names_in(out.path()), ["denormalized.csv", "report.txt"]);
    assert!(printed.stdout.contains(&fs::read_to_string(out.path().join("report.txt")).unwrap()));

    let table = fs::read_to_string(out.path().join("denormalized.csv")).unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 1 + 26_324);
    assert!(lines[0].starts_with("year,month,day,"));
    assert!(lines[0].ends_with(",time_hour,origin_lat,origin_lon,dest_lat,dest_lon"));
    let first = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z";
    assert_eq!(lines[1], format!("{first},40.6925,-74.168667,29.984433,-95.341442"));
    assert!(lines[26_324].starts_with("2013,1,31,"));
}

#[test]
fn a_second_run_replaces_the_first() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("report.txt"), "an earlier report").unwrap();
    run_january(out.path());
    assert!(
        fs::read_to_string(out.path().join("report.txt")).unwrap().starts_with("Flights from 2013-01-01")
    );
}

#[test]
fn what_fails_the_check_leaves_the_earlier_files_as_they_were() {
    let out = tempfile::tempdir().unwrap();
    let first: Vec<_> = {
        run_january(out.path());
        ["denormalized.csv", "report.txt"].map(|name| fs::read(out.path().join(name)).unwrap()).into()
    };
    // Two of many airports.
    let data = january_but("airports.csv", |text| {
        let known = |line: &&str| ["faa", "EWR", "MIA"].iter().any(|faa| line.starts_with(faa));
        text.lines().filter(known).collect::<Vec<_>>().join("\n")
    });
    let elsewhere = tempfile::tempdir().unwrap();
    for (place, left) in [(out.path(), &first[..]), (elsewhere.path(), &[])] {
        let printed = run(flights(data.path(), place));
        assert_eq!(printed.code, Some(1));
        let says = "error: both airports are known of ";
        assert!(printed.stderr.contains(says), "{}", printed.stderr);
        assert!(printed.stderr.contains("state RolledBack"), "{}", printed.stderr);
        let names = names_in(place);
        let files: Vec<_> = names.iter().map(|name| fs::read(place.join(name)).unwrap()).collect();
        assert!(files == left, "{names:?}");
    }
    // The same data will do where less is asked for.
    let mut command = flights(data.path(), out.path());
    command.args(["--min-joined", "0"]);
    assert_eq!(run(command).code, Some(0));
    assert_ne!(fs::read(out.path().join("report.txt")).unwrap(), first[1]);
}

#[test]
fn a_flaky_read_is_tried_again() {
    let out = tempfile::tempdir().unwrap();
    let mut command = flights(Path::new(JANUARY), out.path());
    let printed = run({
        command.arg("--flaky");
        command
    });
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let log: Vec<_> = printed.stderr.lines().filter(|line| line.contains("'read_flights-0'")).collect();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log[0].contains("| WARNING | Task run 'read_flights-0' - Task run encountered an exception: "));
    assert!(log[0].contains(" - Retry 1/"), "{log:#?}");
    assert!(log[1].ends_with("Attempt 2, as the one before it failed"), "{log:#?}");
    assert!(log[2].ends_with("Finished in state Completed()"), "{log:#?}");
    assert!(printed.stdout.contains("27004"));
}

#[test]
fn a_missing_file_is_named() {
    for file in FILES {
        let data = january_but(file, |text| text);
        let path = data.path().join(file);
        fs::remove_file(&path).unwrap();
        let complaint = complaint(data.path());
        assert!(complaint.starts_with(&format!("{}: cannot be read: ", path.display())), "{complaint}");
        assert!(complaint.ends_with("holds `flights.csv`, `airports.csv` and `airlines.csv`"), "{complaint}");
    }
}

#[test]
fn a_missing_column_is_named() {
    let data = january_but("flights.csv", |text| text.replacen("dep_delay", "delay", 1));
    let complaint = complaint(data.path());
    let place = format!("{}, line 1: ", data.path().join("flights.csv").display());
    assert!(complaint.starts_with(&format!("{place}the column `dep_delay` is missing; ")), "{complaint}");
}

#[test]
fn a_broken_row_is_named() {
    for (file, row, broken, says) in [
        ("flights.csv", ",N327AA,", ",N327AA", "18 fields instead of 19"),
        ("flights.csv", ",AA,1,N327AA,", ",,1,N327AA,", "`carrier` is ``"),
        ("airports.csv", ",40.639751,", ",north,", "`lat` is `north`"),
        ("airlines.csv", "B6,", "AA,", "the carrier `AA` stands here a second time"),
    ] {
        let mut line = 0;
        let data = january_but(file, |text| {
            let at = text.find(row).unwrap();
            line = 1 + text[..at].matches('\n').count();
            text.replacen(row, broken, 1)
        });
        let complaint = complaint(data.path());
        let place = format!("{}, line {line}: ", data.path().join(file).display());
        assert!(complaint.starts_with(&format!("{place}{says}; ")), "{complaint}");
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("a-file");
    fs::write(&out, "not a folder").unwrap();
    let printed = run(flights(Path::new(JANUARY), &out));
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.stderr.contains(&format!("error: cannot write to {}: ", out.display())),
        "{}",
        printed.stderr
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "not a folder");
}

#[test]
fn other_data_in_the_same_format_will_do() {
    let data = tempfile::tempdir().unwrap();
    let out = data.path().join("out");
    fs::write(
        data.path().join("flights.csv"),
        "note,dest,origin,carrier,hour,day,month,year,dep_delay\r\n\
         \"late, again\",CCC,BBBB,X,7,29,2,2024,30.5\r\n\
         ,BBBB,CCC,Y,7,28,2,2024,-2\r\n\
         ,ZZZ,CCC,X,8,28,2,2024,NA\r\n",
    )
    .unwrap();
    fs::write(data.path().join("airports.csv"), "lon,lat,faa\n1.5,2.5,BBBB\n3,4,CCC\n").unwrap();
    fs::write(data.path().join("airlines.csv"), "name,carrier\nÜber-X,X\n").unwrap();
    let printed = run(flights(data.path(), &out));
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let expected = "\
Flights from 2024-02-28 to 2024-02-29
flights                                 3
with both airports known                2
left out, airport not in file           1: ZZZ 1
without a departure delay               1

Mean departure delay by carrier, in minutes
carrier  airline                flights  with delay       mean
X        Über-X                       2           1    30.5000
Y        (not in airlines.csv)        1           1    -2.0000

Mean departure delay by scheduled hour and origin, in minutes (over so many flights)
hour       BBBB                 CCC
   7    30.5000 (1)         -2.0000 (1)
   8          - (0)               - (0)
";
    assert_eq!(fs::read_to_string(out.join("report.txt")).unwrap(), expected);
    assert_eq!(
        fs::read_to_string(out.join("denormalized.csv")).unwrap(),
        "note,dest,origin,carrier,hour,day,month,year,dep_delay,origin_lat,origin_lon,dest_lat,dest_lon\n\
         ,BBBB,CCC,Y,7,28,2,2024,-2,4,3,2.5,1.5\n\
         \"late, again\",CCC,BBBB,X,7,29,2,2024,30.5,2.5,1.5,4,3\n"
    );
}

#[test]
fn an_empty_month_is_no_mistake() {
    let data = january_but("flights.csv", |text| text.lines().next().unwrap().to_owned());
    let out = data.path().join("out");
    let printed = run(flights(data.path(), &out));
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert!(fs::read_to_string(out.join("report.txt")).unwrap().starts_with("No flights\n"));
}

#[test]
fn unknown_arguments_are_refused() {
    for (arguments, says) in [
        (["--month", "1"], "error: invalid option '--month'\n"),
        (["--flaky", "january"], "error: unexpected argument \"january\"\n"),
        (["--flaky", "--out"], "error: missing argument for option '--out'\n"),
    ] {
        let mut command = example("flights");
        command.args(arguments);
        let printed = run(command);
        assert_eq!(printed.code, Some(2));
        assert!(printed.stderr.starts_with(says), "{}", printed.stderr);
        assert!(printed.stderr.contains("Usage: flights [--data DIR]"), "{}", printed.stderr);
    }
    let mut command = example("flights");
    command.arg("--help");
    let printed = run(command);
    assert_eq!(printed.code, Some(0));
    assert!(printed.stdout.contains("Usage: flights [--data DIR]"));
}

/// Starts the job and returns as soon as it has begun to write.
fn writing(out: &Path) -> Child {
    let mut command = flights(Path::new(JANUARY), out);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = || fs::read_dir(out).is_ok_and(|mut names| names.next().is_some());
    while !begun() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child
}

/// Whatever the moment of the kill: what has its final name is whole.
fn assert_whole(out: &Path) {
    for (name, lines) in [("denormalized.csv", 26_325), ("report.txt", 46)] {
        if let Ok(text) = fs::read_to_string(out.join(name)) {
            assert_eq!(text.lines().count(), lines, "{name}");
        }
    }
}

#[test]
fn a_killed_run_leaves_no_half_file() {
    let out = tempfile::tempdir().unwrap();
    let mut child = writing(out.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_whole(out.path());
    run_january(out.path());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_crashes_and_leaves_no_half_file() {
    use std::os::unix::process::ExitStatusExt;
    const INTERRUPT: i32 = 2;

    let data = january_but("airlines.csv", |text| text);
    // A file that nobody ever writes: the job cannot end by itself.
    let airlines = data.path().join("airlines.csv");
    fs::remove_file(&airlines).unwrap();
    assert!(Command::new("mkfifo").arg(&airlines).status().unwrap().success());
    let out = tempfile::tempdir().unwrap();
    let mut command = flights(data.path(), out.path());
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("Beginning flow run")));
    let id = process.id().to_string();
    assert!(Command::new("kill").args([&format!("-{INTERRUPT}"), &id]).status().unwrap().success());
    let log: Vec<String> = log.map(Result::unwrap).collect();
    let ended = process.wait().unwrap();
    assert_whole(out.path());
    assert_eq!(ended.signal(), Some(INTERRUPT), "{ended} {log:#?}");
    let says = "Finished in state Crashed('the process was stopped by SIGINT')";
    let flow_run = log.iter().find(|line| line.contains("Flow run '") && line.contains("Finished in"));
    assert!(flow_run.is_some_and(|line| line.ends_with(says)), "{log:#?}");
}
