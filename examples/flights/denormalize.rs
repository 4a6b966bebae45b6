//! The denormalized table: each flight's row with where it leaves from and where it goes to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::iter::Sum;

use crate::airport::Airports;
use crate::flight::{Day, Flights};

/// What the join adds to a flight's row.
pub const ADDED_COLUMNS: &str = "origin_lat,origin_lon,dest_lat,dest_lon";

/// What became of the flights in a join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    /// How many have both their airports in the file.
    pub joined: usize,
    /// How many were left out because one of them is not there.
    pub left_out: usize,
    /// The airports that are not there, and how many flights were left out for want of each.
    pub unknown_airports: BTreeMap<String, usize>,
}

impl<'a> Sum<&'a Joined> for Joined {
    fn sum<I: Iterator<Item = &'a Joined>>(parts: I) -> Self {
        let mut total = Self::default();
        for part in parts {
            total.joined += part.joined;
            total.left_out += part.left_out;
            for (airport, flights) in &part.unknown_airports {
                *total.unknown_airports.entry(airport.clone()).or_default() += flights;
            }
        }
        total
    }
}

/// Writes the rows of one day's flights with the coordinates of both airports, an inner join.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn denormalize(
    flights: &Flights,
    day: Day,
    airports: &Airports,
    out: &mut impl Write,
) -> io::Result<Joined> {
    let mut outcome = Joined::default();
    for flight in flights.on(day) {
        let (origin, dest) = (airports.get(&flight.origin), airports.get(&flight.dest));
        if let (Some(origin), Some(dest)) = (origin, dest) {
            let row = flights.row(flight);
            writeln!(out, "{row},{},{},{},{}", origin.lat, origin.lon, dest.lat, dest.lon)?;
            outcome.joined += 1;
            continue;
        }
        outcome.left_out += 1;
        let unknown_origin = origin.is_none().then_some(&flight.origin);
        let unknown_dest = (dest.is_none() && flight.dest != flight.origin).then_some(&flight.dest);
        for airport in unknown_origin.into_iter().chain(unknown_dest) {
            *outcome.unknown_airports.entry(airport.clone()).or_default() += 1;
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::airport;
    use crate::flight;

    #[test]
    fn flights_without_a_known_airport_are_left_out_and_named() {
        let flights = flight::tests::flights(&[
            "IAH,2013,1,1,5,UA,EWR,2",
            "SJU,2013,1,1,5,B6,EWR,2",
            "SJU,2013,1,1,5,B6,BQN,2",
            "SJU,2013,1,1,5,B6,SJU,2",
            "IAH,2013,1,2,5,UA,EWR,2",
        ])
        .unwrap();
        let airports =
            airport::tests::airports("EWR,Newark,40.6925,-74.16\nIAH,Houston,29.98,-95.25\n").unwrap();
        let mut table = Vec::new();
        let day = flights.days()[0];
        let outcome = denormalize(&flights, day, &airports, &mut table).unwrap();
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "IAH,2013,1,1,5,UA,EWR,2,40.6925,-74.16,29.98,-95.25\n"
        );
        let left_out = |bqn, sju| BTreeMap::from([("BQN".to_owned(), bqn), ("SJU".to_owned(), sju)]);
        assert_eq!(outcome, Joined { joined: 1, left_out: 3, unknown_airports: left_out(1, 3) });
        let twice = Joined { joined: 2, left_out: 6, unknown_airports: left_out(2, 6) };
        assert_eq!([&outcome, &outcome].into_iter().sum::<Joined>(), twice);
    }
}
