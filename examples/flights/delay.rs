//! Departure delays of groups of flights.

use std::collections::BTreeMap;

use crate::flight::Flight;

/// Departure delay of a group of flights.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delay {
    /// How many flights there are.
    pub flights: usize,
    /// Of how many the delay is known.
    pub known: usize,
    minutes: f64,
}

impl Delay {
    /// Mean over the flights whose delay is known, in minutes.
    pub fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "there are not 2^53 flights")]
        (self.known > 0).then(|| self.minutes / self.known as f64)
    }

    fn add(&mut self, flight: &Flight) {
        self.flights += 1;
        if let Some(minutes) = flight.dep_delay {
            self.known += 1;
            self.minutes += minutes;
        }
    }
}

/// Delays by carrier.
pub fn by_carrier(flights: &[Flight]) -> BTreeMap<String, Delay> {
    group(flights, |flight| flight.carrier.clone())
}

/// Delays by the hour of the scheduled departure and the origin.
pub fn by_hour_and_origin(flights: &[Flight]) -> BTreeMap<(u8, String), Delay> {
    group(flights, |flight| (flight.hour, flight.origin.clone()))
}

fn group<K: Ord>(flights: &[Flight], key: impl Fn(&Flight) -> K) -> BTreeMap<K, Delay> {
    let mut groups = BTreeMap::<K, Delay>::new();
    for flight in flights {
        groups.entry(key(flight)).or_default().add(flight);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight;

    #[test]
    fn only_known_delays_count_for_the_mean() {
        let flights = flight::tests::flights(&[
            "IAH,2013,1,1,5,UA,EWR,2",
            "IAH,2013,1,1,5,UA,EWR,-5",
            "IAH,2013,1,2,5,UA,EWR,NA",
            "IAH,2013,1,2,6,UA,EWR,9",
            "MIA,2013,1,2,5,AA,EWR,NA",
        ])
        .unwrap();
        let carriers = by_carrier(flights.all());
        assert_eq!(carriers["UA"], Delay { flights: 4, known: 3, minutes: 6.0 });
        assert_eq!(carriers["UA"].mean(), Some(2.0));
        assert_eq!(carriers["AA"].mean(), None);
        let hours = by_hour_and_origin(flights.all());
        assert_eq!(hours[&(5, "EWR".to_owned())].mean(), Some(-1.5));
        assert_eq!(hours[&(6, "EWR".to_owned())].mean(), Some(9.0));
    }
}
