//! What a seed means: how large the mesh is, how bad the network, how restless the crowd, and which faults come when.
//! Deliberately drawn in full before the run, so that a trace can begin with it.

use super::rng::Rng;
use crate::ids::Millis;

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) gateways: usize,
    pub(super) replicas: usize,
    pub(super) events: usize,
    pub(super) rooms: usize,
    pub(super) viewers: usize,
    pub(super) two_devices_permille: u64,
    /// Of all leaves, those without a goodbye.
    pub(super) rude_permille: u64,
    pub(super) stay_ms_max: Millis,
    /// Where gateways split their frames.
    pub(super) tick_bytes_max: usize,
    pub(super) part_members_max: usize,
    /// When all faults heal and the crowd holds still.
    pub(super) heal_ms: Millis,
    pub(super) weather: Weather,
    pub(super) faults: Vec<Fault>,
}

/// What the network does to each message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) loss_permille: u64,
    pub(super) twice_permille: u64,
    /// Delays are uniform up to this; that alone reorders.
    pub(super) delay_ms_max: Millis,
}

impl Weather {
    pub(super) const FAIR: Self = Self { loss_permille: 0, twice_permille: 0, delay_ms_max: 5 };
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) at_ms: Millis,
    pub(super) for_ms: Millis,
    pub(super) kind: FaultKind,
}

/// What goes wrong, and (at its end) is mended.
#[derive(Debug, Clone, Copy)]
pub(super) enum FaultKind {
    /// A gateway dies; another process takes its place and name afterwards.
    Crash { slot: usize, comeback: Comeback },
    /// A gateway is stopped and goes on where it was; with a twin, another one with the same name is started meanwhile.
    Pause { slot: usize, twin: bool },
    /// A gateway moves its viewers elsewhere and ends.
    Drain { slot: usize },
    /// A replica loses its memory at once.
    Restart { replica: usize },
    /// A replica is stopped and finds its mail afterwards.
    ReplicaPause { replica: usize },
    /// No message between one gateway and one replica, one way or both.
    Partition { slot: usize, replica: usize, up: bool, down: bool },
    /// No message to or from one replica, which may or may not notice.
    CutOff { replica: usize, noticed: bool },
    /// No message at all.
    BusOutage { noticed: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comeback {
    Never,
    Newer,
    /// The clock stepped back: the new process has an older epoch than the dead one.
    Older,
}

impl Scenario {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let gateways = rng.between(1, 6) as usize;
        let replicas = rng.pick(&[2, 2, 2, 3]);
        let calm = rng.chance(80);
        let weather = Weather {
            loss_permille: rng.pick(&[0, 0, 5, 30, 150, 300]),
            twice_permille: rng.pick(&[0, 0, 20, 200]),
            delay_ms_max: rng.pick(&[3, 3, 30, 300, 1500]),
        };
        let heal_ms = rng.between(8_000, 35_000);
        let faults = if calm { 0 } else { rng.below(7) };
        Self {
            gateways,
            replicas,
            events: rng.between(1, 2) as usize,
            rooms: rng.below(3) as usize,
            viewers: rng.between(3, 60) as usize,
            two_devices_permille: rng.pick(&[0, 100, 500]),
            rude_permille: rng.pick(&[0, 300, 500, 1000]),
            tick_bytes_max: rng.pick(&[180_000, 180_000, 180_000, 120, 240]),
            part_members_max: rng.pick(&[8_000, 1, 3, 10]),
            stay_ms_max: rng.pick(&[500, 5_000, 20_000, 100_000]),
            heal_ms,
            weather: if calm { Weather { loss_permille: 0, ..weather } } else { weather },
            faults: (0..faults).map(|_| Fault::draw(rng, gateways, replicas, heal_ms)).collect(),
        }
    }
}

impl Fault {
    fn draw(rng: &mut Rng, gateways: usize, replicas: usize, heal_ms: Millis) -> Self {
        let (slot, replica) = (rng.index(gateways), rng.index(replicas));
        let kind = match rng.below(10) {
            0 | 1 => {
                FaultKind::Crash { slot, comeback: rng.pick(&[Comeback::Never, Comeback::Newer, Comeback::Older]) }
            }
            2 | 3 => FaultKind::Pause { slot, twin: rng.chance(400) },
            4 => FaultKind::Drain { slot },
            5 => FaultKind::Restart { replica },
            6 => FaultKind::ReplicaPause { replica },
            7 => {
                let (up, down) = rng.pick(&[(true, true), (true, true), (true, false), (false, true)]);
                FaultKind::Partition { slot, replica, up, down }
            }
            8 => FaultKind::CutOff { replica, noticed: rng.chance(500) },
            _ => FaultKind::BusOutage { noticed: rng.chance(700) },
        };
        let (from, to) = rng.pick(&[(100, 1_500), (1_000, 4_000), (3_000, 9_000), (10_000, 25_000), (20_000, 90_000)]);
        Self { at_ms: rng.between(500, heal_ms - 1_000), for_ms: rng.between(from, to), kind }
    }
}
