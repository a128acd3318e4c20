//! `adaptive_weighted`: the request's nature and the load pick the members (R5), measured health moves
//! their weights within bounds, and weights share among equals.

use super::{weighted, Chance, Drawn, Entry};
use crate::complexity::Band;

/// How far health may move a weight, as factors.
const BOUNDS: (f64, f64) = (0.5, 1.5);

/// How many ranks conditions make.
const RANKS: u8 = 3;

/// One member as the pick sees it.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub cloud: bool,
    pub condition: Option<bool>,
}

/// What of the request and of the pool's load matters.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    pub band: Band,
    pub local_saturated: bool,
    /// The pool tells its local members apart by complexity (`complexity_detection`).
    pub by_complexity: bool,
}

/// The rank of each member, smaller first.
///
/// High complexity or saturated local members: the cloud first. Else the local member that suits:
/// the first listed whose condition holds (a batch for a server of many slots) or that is the
/// complexity's own, the last listed for low and the first for medium. A pool without
/// `complexity_detection` ranks local members by their conditions alone.
#[must_use]
pub fn ranks(members: &[Member], nature: Nature) -> Vec<u8> {
    let suited = nature.by_complexity.then(|| suited(members, nature.band)).flatten();
    let to_cloud = nature.band == Band::High || nature.local_saturated;
    let rank = |(place, member): (usize, &Member)| {
        let own = match member.condition {
            _ if suited == Some(place) => 0,
            Some(false) => 2,
            Some(true) | None => 1,
        };
        let cloud_first = member.cloud && (to_cloud || member.condition == Some(true));
        own + match member.cloud {
            true if cloud_first => 0,
            false => RANKS,
            true => 2 * RANKS,
        }
    };
    members.iter().enumerate().map(rank).collect()
}

fn suited(members: &[Member], band: Band) -> Option<usize> {
    let mut locals = members.iter().enumerate().filter(|(_, member)| !member.cloud);
    let of_band = match band {
        Band::Low => locals.clone().next_back()?.0,
        Band::Medium | Band::High => locals.clone().next()?.0,
    };
    let (place, _) =
        locals.find(|(place, member)| *place == of_band || member.condition == Some(true))?;
    Some(place)
}

/// Orders members of one rank: weight × health / mean health, within `BOUNDS`, where health is the
/// reliability over the square root of the expected wait.
pub fn order(equals: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let (mut sum, mut count) = (0.0, 0.0);
    // Without branches: who was seen is as good as chance to the processor.
    for entry in equals.iter_mut() {
        let health = entry.reliability / entry.latency_us.max(1.0).sqrt();
        // Kept for a moment where the score will be.
        entry.score = if entry.seen { health } else { 0.0 };
        sum += entry.score;
        count += f64::from(u8::from(entry.seen));
    }
    if sum <= 0.0 {
        return weighted::order(equals, chance);
    }
    let per_mean = count / sum;
    let mut total = 0.0;
    for entry in equals.iter_mut() {
        let factor = (entry.score * per_mean).clamp(BOUNDS.0, BOUNDS.1);
        entry.weight *= if entry.seen { factor } else { 1.0 };
        total += entry.weight;
    }
    weighted::share(equals, total, chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries};

    /// As the pool code-generation: vLLM, Ollama, cloud.
    fn picked(band: Band, batch: bool, busy: bool, local_saturated: bool) -> usize {
        let member = |cloud, condition| Member { cloud, condition: Some(condition) };
        let members = [
            member(false, busy || batch),
            member(false, !busy),
            member(true, local_saturated || band == Band::High),
        ];
        let ranks = ranks(&members, Nature { band, local_saturated, by_complexity: true });
        let least = ranks.iter().min();
        let first = ranks.iter().position(|rank| Some(rank) == least);
        assert_eq!(first, ranks.iter().rposition(|rank| Some(rank) == least));
        first.unwrap()
    }

    #[test]
    fn the_nature_of_the_request_picks_the_member() {
        assert_eq!(picked(Band::High, false, false, false), 2);
        assert_eq!(picked(Band::Low, false, false, true), 2);
        assert_eq!(picked(Band::Low, true, false, false), 0);
        assert_eq!(picked(Band::Low, false, true, false), 0);
        assert_eq!(picked(Band::Low, false, false, false), 1);
        assert_eq!(picked(Band::Medium, false, false, false), 0);
    }

    #[test]
    fn without_complexity_detection_conditions_rank_and_weights_share() {
        let local = |condition| Member { cloud: false, condition };
        let nature = Nature { band: Band::Low, local_saturated: false, by_complexity: false };
        let ranks = ranks(&[local(None), local(Some(true)), local(Some(false))], nature);
        assert_eq!(ranks[0], ranks[1]);
        assert!(ranks[2] > ranks[0]);
    }

    #[test]
    fn health_moves_weights_within_bounds() {
        let mut class = entries(&[1.0, 1.0]);
        class[0].latency_us = 1e9;
        class[0].reliability = 0.0;
        chance(1, |chance| order(&mut class, chance));
        let mut weights: Vec<f64> = class.iter().map(|entry| entry.weight).collect();
        weights.sort_by(f64::total_cmp);
        assert!((weights[0] - 0.5).abs() < 1e-12 && (weights[1] - 1.5).abs() < 1e-12);
    }

    #[test]
    fn nobody_measured_leaves_the_weights_as_they_are() {
        let mut class = entries(&[2.0, 1.0]);
        class[0].seen = false;
        class[1].seen = false;
        chance(1, |chance| order(&mut class, chance));
        assert!((class.iter().map(|entry| entry.weight).sum::<f64>() - 3.0).abs() < 1e-12);
    }
}
