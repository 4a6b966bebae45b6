//! The report: what was read, what was left out, and the mean departure delays.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use crate::airline::Airlines;
use crate::delay::Delay;
use crate::denormalize::Joined;
use crate::flight::{Day, Flights};

/// What the job found out; displays as tables.
#[derive(Debug, Clone)]
pub struct Report {
    days: Option<(Day, Day)>,
    flights: usize,
    without_delay: usize,
    joined: Joined,
    carriers: Vec<Carrier>,
    hours: BTreeMap<(u8, String), Delay>,
}

#[derive(Debug, Clone)]
struct Carrier {
    code: String,
    name: Option<String>,
    delay: Delay,
}

impl Report {
    /// Puts the findings together. The carrier that is latest comes first.
    pub fn new(
        flights: &Flights,
        airlines: &Airlines,
        joined: Joined,
        carriers: BTreeMap<String, Delay>,
        hours: BTreeMap<(u8, String), Delay>,
    ) -> Self {
        let name = |code: &str| airlines.get(code).cloned();
        let mut carriers: Vec<_> =
            carriers.into_iter().map(|(code, delay)| Carrier { name: name(&code), code, delay }).collect();
        carriers.sort_by(|a, b| {
            let mean = |carrier: &Carrier| carrier.delay.mean().unwrap_or(f64::NEG_INFINITY);
            mean(b).total_cmp(&mean(a))
        });
        let all = flights.all();
        Self {
            days: all.first().zip(all.last()).map(|(first, last)| (first.day, last.day)),
            flights: all.len(),
            without_delay: all.iter().filter(|flight| flight.dep_delay.is_none()).count(),
            joined,
            carriers,
            hours,
        }
    }
}

/// Of too few flights both airports are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoorData {
    joined: usize,
    flights: usize,
    least: u8,
}

impl Error for PoorData {}

impl fmt::Display for PoorData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { joined, flights, least } = self;
        write!(
            f,
            "both airports are known of {joined} of {flights} flights alone, and `--min-joined` asks for {least} %: nothing is \
             published; see that airports.csv is whole"
        )
    }
}

impl Report {
    /// Whether both airports are known of at least so many percent of the flights.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, least: u8) -> Result<(), PoorData> {
        let (joined, flights) = (self.joined.joined, self.flights);
        if joined * 100 < flights * usize::from(least) {
            return Err(PoorData { joined, flights, least });
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_totals(f)?;
        writeln!(f)?;
        self.fmt_carriers(f)?;
        writeln!(f)?;
        self.fmt_hours(f)
    }
}

impl Report {
    fn fmt_totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days {
            Some((first, last)) => writeln!(f, "Flights from {first} to {last}")?,
            None => writeln!(f, "No flights")?,
        }
        writeln!(f, "{:32} {:>8}", "flights", self.flights)?;
        writeln!(f, "{:32} {:>8}", "with both airports known", self.joined.joined)?;
        write!(f, "{:32} {:>8}", "left out, airport not in file", self.joined.left_out)?;
        let mut unknown: Vec<_> = self.joined.unknown_airports.iter().collect();
        unknown.sort_by_key(|(_, flights)| std::cmp::Reverse(**flights));
        for (i, (airport, flights)) in unknown.into_iter().enumerate() {
            write!(f, "{} {airport} {flights}", if i == 0 { ":" } else { "," })?;
        }
        writeln!(f)?;
        writeln!(f, "{:32} {:>8}", "without a departure delay", self.without_delay)
    }

    fn fmt_carriers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = "(not in airlines.csv)";
        let names = self.carriers.iter().map(|carrier| carrier.name.as_deref().unwrap_or(unknown));
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).max("airline".len());
        writeln!(f, "Mean departure delay by carrier, in minutes")?;
        writeln!(
            f,
            "{:7}  {:width$}  {:>7}  {:>10}  {:>9}",
            "carrier", "airline", "flights", "with delay", "mean"
        )?;
        for Carrier { code, name, delay } in &self.carriers {
            let name = name.as_deref().unwrap_or(unknown);
            let (flights, known, mean) = (delay.flights, delay.known, Minutes(delay.mean()));
            writeln!(f, "{code:7}  {name:width$}  {flights:>7}  {known:>10}  {mean:>9}")?;
        }
        Ok(())
    }

    fn fmt_hours(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours: BTreeSet<_> = self.hours.keys().map(|(hour, _)| *hour).collect();
        let origins: BTreeSet<_> = self.hours.keys().map(|(_, origin)| origin).collect();
        writeln!(f, "Mean departure delay by scheduled hour and origin, in minutes (over so many flights)")?;
        let titles: Vec<_> = origins.iter().map(|origin| format!("  {origin:>9} {:8}", "")).collect();
        writeln!(f, "hour{}", titles.concat().trim_end())?;
        for hour in hours {
            let cell = |origin: &&String| {
                let delay = self.hours.get(&(hour, (*origin).clone())).copied().unwrap_or_default();
                format!("  {:>9} {:8}", Minutes(delay.mean()), format!("({})", delay.known))
            };
            let cells: Vec<_> = origins.iter().map(cell).collect();
            writeln!(f, "{hour:>4}{}", cells.concat().trim_end())?;
        }
        Ok(())
    }
}

/// Minutes, if there are any.
struct Minutes(Option<f64>);

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map_or_else(|| "-".to_owned(), |minutes| format!("{minutes:.4}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delay;
    use crate::flight;

    fn report(rows: &[&str], joined: Joined) -> String {
        let flights = flight::tests::flights(rows).unwrap();
        let airlines = Airlines::from([("UA".to_owned(), "United".to_owned())]);
        let carriers = delay::by_carrier(flights.all());
        let hours = delay::by_hour_and_origin(flights.all());
        Report::new(&flights, &airlines, joined, carriers, hours).to_string()
    }

    #[test]
    fn a_report_is_tables() {
        let rows = [
            "IAH,2013,1,1,5,UA,EWR,2",
            "SJU,2013,1,1,12,UA,JFK,-4.5",
            "SJU,2013,1,2,12,ZZ,EWR,NA",
            "BQN,2013,1,2,12,AA,EWR,10",
        ];
        let unknown_airports = BTreeMap::from([("BQN".to_owned(), 1), ("SJU".to_owned(), 2)]);
        let joined = Joined { joined: 1, left_out: 3, unknown_airports };
        assert_eq!(
            report(&rows, joined),
            "\
Flights from 2013-01-01 to 2013-01-02
flights                                 4
with both airports known                1
left out, airport not in file           3: SJU 2, BQN 1
without a departure delay               1

Mean departure delay by carrier, in minutes
carrier  airline                flights  with delay       mean
AA       (not in airlines.csv)        1           1    10.0000
UA       United                       2           2    -1.2500
ZZ       (not in airlines.csv)        1           0          -

Mean departure delay by scheduled hour and origin, in minutes (over so many flights)
hour        EWR                 JFK
   5     2.0000 (1)               - (0)
  12    10.0000 (1)         -4.5000 (1)
"
        );
    }

    #[test]
    fn without_flights_there_is_still_a_report() {
        assert!(
            report(&[], Joined::default())
                .starts_with("No flights\nflights                                 0\n")
        );
    }
}
