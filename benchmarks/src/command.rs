//! The command line of `millrun-benchmarks`.

use std::path::PathBuf;

/// What `--help` says.
pub const HELP: &str = "\
Measures Millrun beside what tokio, rayon and SQLite take for the same by hand.

  millrun-benchmarks [FILTER ...]         all cases, or those of whose `group/case` a filter is a part
      --json FILE                         where the rows go, and the charts beside it; default: results/latest.json
      --peers FOLDER                      the lines of peers' programs, *.jsonl; default: results/peers
      --quick                             each case once and small, to see that it can be executed; writes under the
                                          temporary folder, if no --json says otherwise
  millrun-benchmarks --list               the names of all cases
  millrun-benchmarks compare FILE FILE    what has changed beyond noise from the first file to the second

With `just`: `just bench FILTER`, `just bench-compare FILE FILE`, `just bench-compile`.
";

/// What is asked for.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// To measure.
    Run(Run),
    /// The names of all cases.
    List,
    /// [`HELP`].
    Help,
    /// What has changed from one file to another.
    Compare(PathBuf, PathBuf),
    /// One case, in the process of its own.
    One {
        /// Its group.
        group: String,
        /// Its name there.
        case: String,
        /// Whether it only has to be executed.
        quick: bool,
        /// Where its rows go.
        rows: PathBuf,
    },
    /// What `recorded/peak` measures, in the process of its own.
    Peak {
        /// `submit` or `map`.
        how: String,
        /// So many runs.
        count: usize,
        /// The file that they are recorded in.
        path: PathBuf,
    },
}

/// What is measured, and where it goes.
#[derive(Debug, PartialEq)]
pub struct Run {
    /// The cases of whose `group/case` one of these is a part; without any all but the long ones.
    pub filters: Vec<String>,
    /// Whether cases only have to be executed.
    pub quick: bool,
    /// The file.
    pub json: PathBuf,
    /// The folder with the lines of peers.
    pub peers: PathBuf,
}

/// Reads the arguments.
///
/// # Errors
/// Says which argument is wrong.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Action, String> {
    let arguments: Vec<String> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--help" | "-h", ..] => Ok(Action::Help),
        ["--list"] => Ok(Action::List),
        ["compare", before, after] => Ok(Action::Compare(before.into(), after.into())),
        ["compare", ..] => Err("`compare` takes two files".into()),
        ["one", group, case, effort, rows] => Ok(Action::One {
            group: group.into(),
            case: case.into(),
            quick: effort == "quick",
            rows: rows.into(),
        }),
        ["peak", how, count, path] => {
            let count = count.parse().map_err(|_| format!("`{count}` is no count"))?;
            Ok(Action::Peak { how: how.into(), count, path: path.into() })
        }
        _ => run(&words).map(Action::Run),
    }
}

fn run(words: &[&str]) -> Result<Run, String> {
    let results = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
    let (mut filters, mut quick, mut json, mut peers) = (Vec::new(), false, None, results.join("peers"));
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut file = || words.next().map(PathBuf::from).ok_or_else(|| format!("`{word}` takes a path"));
        match *word {
            "--quick" => quick = true,
            "--json" => json = Some(file()?),
            "--peers" => peers = file()?,
            _ if word.starts_with('-') => return Err(format!("there is no option `{word}`; see `--help`")),
            filter => filters.push(filter.to_owned()),
        }
    }
    let folder = if quick { std::env::temp_dir().join("millrun-benchmark-quick") } else { results };
    Ok(Run { filters, quick, json: json.unwrap_or_else(|| folder.join("latest.json")), peers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn words_are_filters() {
        let Ok(Action::Run(run)) = parsed("submit --json a.json map/sync --quick --peers b") else {
            panic!()
        };
        assert_eq!((run.filters, run.quick), (vec!["submit".to_owned(), "map/sync".into()], true));
        assert_eq!((run.json, run.peers), ("a.json".into(), "b".into()));
    }

    #[test]
    fn what_is_quick_overwrites_no_figures() {
        let json = |line| match parsed(line) {
            Ok(Action::Run(run)) => run.json,
            other => panic!("{other:?}"),
        };
        assert!(json("").ends_with("results/latest.json"));
        assert!(json("--quick").starts_with(std::env::temp_dir()));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parsed("compare a"), Err("`compare` takes two files".into()));
        assert_eq!(parsed("--fast"), Err("there is no option `--fast`; see `--help`".into()));
        assert_eq!(parsed("--json"), Err("`--json` takes a path".into()));
    }
}
