//! Where and of what figures were made.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine, the compiler, and the versions of what is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Of the processor.
    pub cpu: String,
    /// How many threads execute at once.
    pub cores: usize,
    /// Name and release.
    pub os: String,
    /// What memory comes from.
    pub allocator: String,
    /// The compiler.
    pub rustc: String,
    /// The commit; ends with `+` where something has been changed since.
    pub commit: String,
    /// The versions of what ours is measured beside, and of what it stands on.
    pub versions: BTreeMap<String, String>,
}

const CRATES: [&str; 6] = ["millrun", "postgres", "rayon", "rusqlite", "tokio", "tracing"];

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let mut versions: BTreeMap<String, String> =
            CRATES.iter().filter_map(|name| Some(((*name).to_owned(), locked(name)?))).collect();
        versions.insert("SQLite".into(), rusqlite::version().into());
        let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
        let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
        Self {
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: output("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.into()),
            allocator: "the system's".into(),
            rustc: output("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit.map_or_else(unknown, |commit| match changed {
                Some(_) => format!("{commit}+"),
                None => commit,
            }),
            versions,
        }
    }

    /// Whether figures of both may be compared, and not only ratios.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.cpu, self.cores, &self.os, &self.allocator)
            == (&other.cpu, other.cores, &other.os, &other.allocator)
    }

    /// In two lines.
    pub fn words(&self) -> String {
        let versions: Vec<_> =
            self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!(
            "{} cores of {}, {}; {}; commit {}\n{}; allocator: {}",
            self.cores,
            self.cpu,
            self.os,
            self.rustc,
            self.commit,
            versions.join(", "),
            self.allocator
        )
    }
}

fn unknown() -> String {
    "unknown".into()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn cpu() -> String {
    let listed = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = listed.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map(|(_, model)| model.to_owned());
    model.or_else(|| output("sysctl", &["-n", "machdep.cpu.brand_string"])).unwrap_or_else(unknown)
}

/// The version of a crate in the lock file.
fn locked(name: &str) -> Option<String> {
    let lock = include_str!("../Cargo.lock");
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_named_has_a_version() {
        let here = Machine::here();
        for name in CRATES {
            assert!(here.versions.contains_key(name), "{name} is not in the lock file");
        }
        assert!(here.cores > 0 && here.is_like(&here.clone()));
    }
}
