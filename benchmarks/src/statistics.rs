//! Medians, and how far the rounds lie apart.

/// The median; of nothing it is not a number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// How far values lie apart, as a share of their median: 1.4826 × the median of the distances from the median, which is the
/// standard deviation where they are normally distributed, and not moved by one round that something has disturbed.
pub fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    if middle == 0.0 { 0.0 } else { (1.4826 * median(&distances) / middle).abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn one_disturbed_round_does_not_move_the_spread() {
        assert_eq!(spread(&[100.0, 100.0, 100.0, 900.0]), 0.0);
        assert!((spread(&[90.0, 100.0, 110.0]) - 0.148_26).abs() < 1e-9);
    }
}
