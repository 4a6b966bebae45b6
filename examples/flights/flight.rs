//! Flights, as `flights.csv` has them.

use std::fmt;
use std::ops::Range;

use crate::csv_file::CsvFile;
use crate::error::DataError;

/// A day of the calendar; orders by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What the job needs to know of a flight; the rest stays in the row's text.
#[derive(Debug)]
pub struct Flight {
    /// The day of its scheduled departure.
    pub day: Day,
    /// The hour of its scheduled departure.
    pub hour: u8,
    /// The carrier's code.
    pub carrier: String,
    /// The code of the airport it leaves.
    pub origin: String,
    /// The code of the airport it goes to.
    pub dest: String,
    /// By how many minutes it left late, negative if early; `None` where it is not known.
    pub dep_delay: Option<f64>,
    row: Range<usize>,
}

/// All flights of a file, by day, and within a day as in the file.
#[derive(Debug)]
pub struct Flights {
    list: Vec<Flight>,
    header: Range<usize>,
    text: String,
}

impl Flights {
    /// Takes the flights from their file.
    ///
    /// # Errors
    /// Where a column is missing or a row is broken.
    pub fn parse(file: CsvFile) -> Result<Self, DataError> {
        let [year, month, day] = [file.column("year")?, file.column("month")?, file.column("day")?];
        let [hour, dep_delay] = [file.column("hour")?, file.column("dep_delay")?];
        let [carrier, origin, dest] = [file.column("carrier")?, file.column("origin")?, file.column("dest")?];
        let mut list = file.rows(|row| {
            Ok(Flight {
                day: Day {
                    year: row.value(year, "a year such as 2013", |_| true)?,
                    month: row.value(month, "a month from 1 to 12", |month| (1..=12).contains(month))?,
                    day: row.value(day, "a day from 1 to 31", |day| (1..=31).contains(day))?,
                },
                hour: row.value(hour, "an hour from 0 to 23", |hour| (0..=23).contains(hour))?,
                carrier: row.text(carrier)?.to_owned(),
                origin: row.text(origin)?.to_owned(),
                dest: row.text(dest)?.to_owned(),
                dep_delay: row
                    .known(dep_delay, "minutes, or NA where they are not known", |d: &f64| d.is_finite())?,
                row: row.span(),
            })
        })?;
        list.sort_by_key(|flight| flight.day);
        Ok(Self { list, header: file.header_span(), text: file.into_text() })
    }

    /// All flights.
    pub fn all(&self) -> &[Flight] {
        &self.list
    }

    /// The days on which there are flights, in order.
    pub fn days(&self) -> Vec<Day> {
        self.list.chunk_by(|a, b| a.day == b.day).map(|flights| flights[0].day).collect()
    }

    /// The flights of one day.
    pub fn on(&self, day: Day) -> &[Flight] {
        let start = self.list.partition_point(|flight| flight.day < day);
        let end = self.list.partition_point(|flight| flight.day <= day);
        &self.list[start..end]
    }

    /// The header of the file.
    pub fn header(&self) -> &str {
        &self.text[self.header.clone()]
    }

    /// A flight's whole row, as it stands in the file.
    pub fn row(&self, flight: &Flight) -> &str {
        &self.text[flight.row.clone()]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    pub(crate) const HEADER: &str = "dest,year,month,day,hour,carrier,origin,dep_delay";

    pub(crate) fn flights(rows: &[&str]) -> Result<Flights, DataError> {
        let text = format!("{HEADER}\n{}\n", rows.join("\n"));
        Flights::parse(CsvFile::parse(Path::new("flights.csv"), text)?)
    }

    #[test]
    fn flights_are_found_by_day() {
        let flights =
            flights(&["IAH,2013,2,1,5,UA,EWR,2", "MIA,2013,1,31,5,AA,JFK,NA", "BQN,2013,2,1,6,B6,JFK,-1.5"])
                .unwrap();
        let [january, february] = [(1, 31), (2, 1)].map(|(month, day)| Day { year: 2013, month, day });
        assert_eq!(flights.days(), [january, february]);
        let rows: Vec<_> = flights.on(february).iter().map(|flight| flights.row(flight)).collect();
        assert_eq!(rows, ["IAH,2013,2,1,5,UA,EWR,2", "BQN,2013,2,1,6,B6,JFK,-1.5"]);
        let delays: Vec<_> = flights.all().iter().map(|flight| flight.dep_delay).collect();
        assert_eq!(delays, [None, Some(2.0), Some(-1.5)]);
        assert!(flights.on(Day { day: 30, ..january }).is_empty());
    }

    #[test]
    fn a_broken_row_is_refused() {
        for (row, complaint) in [
            ("IAH,2013,13,1,5,UA,EWR,2", "`month` is `13`; expected a month from 1 to 12"),
            ("IAH,2013,1,1,24,UA,EWR,2", "`hour` is `24`; expected an hour from 0 to 23"),
            (
                "IAH,2013,1,1,5,UA,EWR,late",
                "`dep_delay` is `late`; expected minutes, or NA where they are not known",
            ),
            (
                "IAH,2013,1,1,5,UA,EWR,inf",
                "`dep_delay` is `inf`; expected minutes, or NA where they are not known",
            ),
            ("IAH,2013,1,1,5,UA,EWR,", "`dep_delay` is ``; expected minutes, or NA where they are not known"),
            ("IAH,2013,1,1,5,,EWR,2", "`carrier` is ``; expected a value"),
        ] {
            let error = flights(&["IAH,2013,1,1,5,UA,EWR,2", row]).unwrap_err();
            assert_eq!(error.to_string(), format!("flights.csv, line 3: {complaint}"));
        }
    }
}
