//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short};
use lexopt::{Parser, ValueExt};

/// What `--help` prints.
pub const USAGE: &str = "\
Joins flights with their airports and reports departure delays.

Usage: flights [--data DIR] [--out DIR] [--min-joined PERCENT] [--flaky] [--no-record]

  --data DIR  the folder with flights.csv, airports.csv and airlines.csv
              [default: January 2013, which ships with the example]
  --out DIR   where denormalized.csv and report.txt go [default: target/flights]
  --min-joined PERCENT
              publish nothing where of fewer flights both airports are known [default: 50]
  --flaky     make the first attempt to read the flights fail, to see it retried
  --no-record keep the run in memory alone; else it is recorded in $MILLRUN_HOME/runs.db
              [default: ~/.millrun/runs.db]
  --help      print this
";

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run the job.
    Run(Arguments),
    /// Print [`USAGE`].
    Help,
}

/// What the job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The folder with the three input files.
    pub data: PathBuf,
    /// The folder for the results.
    pub out: PathBuf,
    /// Of so many percent of the flights both airports have to be known.
    pub least_joined: u8,
    /// Whether the first attempt to read the flights fails.
    pub flaky: bool,
    /// Whether the run is recorded.
    pub record: bool,
}

/// Understands the arguments, the program's name left out.
///
/// # Errors
/// Where one is not known, or its value is missing.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data"));
    let out = PathBuf::from("target/flights");
    let mut wanted = Arguments { data, out, least_joined: 50, flaky: false, record: true };
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("data") => wanted.data = parser.value()?.parse()?,
            Long("out") => wanted.out = parser.value()?.parse()?,
            Long("min-joined") => wanted.least_joined = parser.value()?.parse()?,
            Long("flaky") => wanted.flaky = true,
            Long("no-record") => wanted.record = false,
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Command::Run(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(Into::into)).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_understood() {
        let (data, out) = (PathBuf::from("year"), PathBuf::from("here"));
        let expected = Command::Run(Arguments { data, out, least_joined: 99, flaky: true, record: false });
        let given = ["--data", "year", "--out=here", "--min-joined", "99", "--flaky", "--no-record"];
        assert_eq!(parsed(&given), Ok(expected));
        assert_eq!(parsed(&["--flaky", "-h"]), Ok(Command::Help));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parsed(&["--month", "1"]), Err("invalid option '--month'".to_owned()));
        assert_eq!(parsed(&["january"]), Err("unexpected argument \"january\"".to_owned()));
        assert_eq!(parsed(&["--out"]), Err("missing argument for option '--out'".to_owned()));
        assert!(parsed(&["--min-joined", "most"]).unwrap_err().contains("\"most\""));
        let message = "unexpected argument for option '--flaky': \"yes\"";
        assert_eq!(parsed(&["--flaky=yes"]), Err(message.to_owned()));
    }
}
