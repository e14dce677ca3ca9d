//! The points of a series, and coarser series made of them.

/// One second, or one step, of a series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// Distinct viewers at the end of the step.
    pub viewers: u64,
    /// The lowest low end of the band.
    pub low: u64,
    /// The highest high end.
    pub high: u64,
    /// Open connections at the end of the step.
    pub connections: u64,
    /// How often late truth has amended it.
    pub revision: u32,
}

/// Merges points, given in the order of their seconds, into steps of `step_s` seconds that are counted from `from_s`. A step
/// without points is left out. The keys are the seconds at which steps start.
pub fn resample(points: impl IntoIterator<Item = (u64, Point)>, from_s: u64, step_s: u64) -> Vec<(u64, Point)> {
    let mut steps: Vec<(u64, Point)> = Vec::new();
    for (second, point) in points {
        let start_s = second - (second - from_s) % step_s;
        match steps.last_mut() {
            Some((at_s, step)) if *at_s == start_s => {
                *step = Point {
                    low: step.low.min(point.low),
                    high: step.high.max(point.high),
                    revision: step.revision.max(point.revision),
                    ..point
                };
            }
            _ => steps.push((start_s, point)),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(viewers: u64) -> Point {
        Point { viewers, low: viewers - 1, high: viewers + 1, connections: viewers, revision: 0 }
    }

    #[test]
    fn a_step_holds_its_last_count_its_lowest_low_and_its_highest_high() {
        let points = [(100, point(5)), (101, point(9)), (102, point(7)), (106, point(3))];
        let steps = resample(points, 100, 3);
        let first = Point { viewers: 7, low: 4, high: 10, connections: 7, revision: 0 };
        assert_eq!(steps, [(100, first), (106, point(3))]);
    }

    #[test]
    fn a_step_of_one_second_changes_nothing() {
        let points = [(100, point(5)), (102, point(9))];
        assert_eq!(resample(points, 99, 1), points);
    }
}
