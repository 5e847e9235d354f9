//! Places for connections. Whoever has not shown yet that it may ask is a *stranger*: it has a moment for that, few
//! places, and the oldest gives way to the next, its own peer's first. So nobody without a token keeps others out, and a
//! stranger is always heard: also one that only asks whether the broker is well.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How many connections there may be, and how long one may be a stranger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Of those who may ask.
    pub(crate) known: usize,
    /// Of strangers.
    pub(crate) strangers: usize,
    /// Of strangers at one address.
    pub(crate) strangers_of_one: usize,
    /// How long a stranger may stay one.
    pub(crate) patience: Duration,
}

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    bounds: Bounds,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    known: usize,
    next: u64,
    /// By age.
    strangers: BTreeMap<u64, Stranger>,
    by_peer: HashMap<IpAddr, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Stranger {
    peer: IpAddr,
    gives_way: CancellationToken,
}

/// One connection's place.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    gives_way: CancellationToken,
}

/// There are too many who may ask.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Places {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, taken: Mutex::default() })
    }

    /// A stranger's place.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Place {
        // This machine has many addresses for itself.
        let peer = if peer.is_loopback() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { peer };
        let gives_way = CancellationToken::new();
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        taken.strangers.insert(number, Stranger { peer, gives_way: gives_way.clone() });
        let of_one = taken.by_peer.entry(peer).or_default();
        of_one.insert(number);
        let oldest = if of_one.len() > self.bounds.strangers_of_one {
            of_one.first().copied()
        } else if taken.strangers.len() > self.bounds.strangers {
            taken.strangers.keys().next().copied()
        } else {
            None
        };
        if let Some(stranger) = oldest.and_then(|oldest| taken.remove(oldest)) {
            stranger.gives_way.cancel();
        }
        drop(taken);
        Place { places: Arc::clone(self), number, gives_way }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes a stranger's place away.
    fn remove(&mut self, number: u64) -> Option<Stranger> {
        let stranger = self.strangers.remove(&number)?;
        if let Some(of_one) = self.by_peer.get_mut(&stranger.peer) {
            of_one.remove(&number);
            if of_one.is_empty() {
                self.by_peer.remove(&stranger.peer);
            }
        }
        Some(stranger)
    }
}

impl Place {
    /// Makes it the place of one who may ask, for as long as the connection lasts.
    pub(crate) fn prove(&self) -> Result<(), Full> {
        let mut taken = self.places.taken();
        if self.is_known(&taken) {
            return Ok(());
        }
        if taken.known >= self.places.bounds.known {
            return Err(Full);
        }
        if taken.remove(self.number).is_some() {
            taken.known += 1;
        }
        Ok(())
    }

    /// Whether it is the place of one who may ask.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_known(&self.places.taken())
    }

    /// Waits until the place is lost: to another stranger, or because nothing was shown in time.
    pub(crate) async fn lost(&self) {
        let patience = self.places.bounds.patience;
        if tokio::time::timeout(patience, self.gives_way.cancelled()).await.is_err() && self.is_proven() {
            std::future::pending::<()>().await;
        }
    }

    fn is_known(&self, taken: &Taken) -> bool {
        !self.gives_way.is_cancelled() && !taken.strangers.contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if taken.remove(self.number).is_none() && !self.gives_way.is_cancelled() {
            taken.known -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn places() -> Arc<Places> {
        let patience = Duration::from_secs(5);
        Places::new(Bounds { known: 2, strangers: 3, strangers_of_one: 2, patience })
    }

    fn lost(places: &[&Place]) -> Vec<bool> {
        places.iter().map(|place| place.gives_way.is_cancelled()).collect()
    }

    #[test]
    fn the_oldest_stranger_of_a_peer_gives_way_to_its_next() {
        let places = places();
        let (other, first, second) = (places.enter(B), places.enter(A), places.enter(A));
        let third = places.enter(A);
        assert_eq!(lost(&[&other, &first, &second, &third]), [false, true, false, false]);
        let fourth = places.enter(B);
        assert_eq!(
            lost(&[&other, &second, &third, &fourth]),
            [true, false, false, false],
            "of all the oldest"
        );
        drop((other, first, second, third, fourth));
        assert!(places.taken().strangers.is_empty() && places.taken().by_peer.is_empty());
    }

    #[test]
    fn this_machine_is_one_peer() {
        let places = places();
        let (first, _second, _third) = (
            places.enter("127.0.0.1".parse().unwrap()),
            places.enter("127.0.0.2".parse().unwrap()),
            places.enter("::1".parse().unwrap()),
        );
        assert_eq!(lost(&[&first]), [true]);
    }

    #[test]
    fn who_may_ask_gives_way_to_nobody() {
        let places = places();
        let (first, second) = (places.enter(A), places.enter(A));
        assert_eq!((first.prove(), first.prove(), second.prove()), (Ok(()), Ok(()), Ok(())));
        let strangers: Vec<_> = (0..9).map(|_| places.enter(A)).collect();
        assert_eq!(lost(&[&first, &second]), [false, false]);
        assert_eq!(strangers[8].prove(), Err(Full));
        assert!(!strangers[8].is_proven() && first.is_proven());
        drop(first);
        assert_eq!((strangers[8].prove(), strangers[0].is_proven()), (Ok(()), false));
        drop((second, strangers));
        assert_eq!(places.taken().known, 0);
    }

    #[tokio::test]
    async fn a_stranger_has_a_moment_and_others_have_not() {
        let patience = Duration::from_millis(20);
        let places = Places::new(Bounds { patience, ..places().bounds });
        let (known, stranger) = (places.enter(A), places.enter(A));
        known.prove().unwrap();
        tokio::select! {
            biased;
            () = known.lost() => panic!("it may stay"),
            () = stranger.lost() => {}
        }
    }
}
