//! One run's account: what it has used, what is under way, and the file that keeps it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ambient_protocol::RunKey;
use ambient_protocol::broker::{Budget, MicroDollars, ModelUsage, RunUsage, TokenCounts};
use ambient_protocol::models::Price;
use tokio::sync::{Notify, Semaphore};

use crate::budget::{Amount, Bound, Verdict, decide};
use crate::config::Limits;
use crate::count_file::{CountFile, Sums, add};
use crate::estimate::Estimate;

/// The account of a run.
pub(crate) struct Account {
    run: RunKey,
    file: CountFile,
    state: Mutex<State>,
    changed: Notify,
    /// A permit for each request under way.
    pub(crate) requests: Arc<Semaphore>,
    /// A permit for each open tunnel.
    pub(crate) tunnels: Arc<Semaphore>,
    /// A permit for each MiB of requests that are held in memory.
    pub(crate) memory: Arc<Semaphore>,
}

struct State {
    ended: Sums,
    under_way: BTreeMap<u64, UnderWay>,
    next: u64,
    refused: u64,
    /// Set when the file could not be written: nothing more may then be used.
    is_broken: bool,
}

struct UnderWay {
    most: Amount,
    usage: ModelUsage,
}

/// What a request is about to use.
pub(crate) struct Order {
    pub(crate) upstream: String,
    pub(crate) model: String,
    pub(crate) price: Option<Price>,
    /// What it may use, as far as its body tells.
    pub(crate) estimate: Estimate,
    /// Whether it goes on from what is kept at the service, and so reads more than its body.
    pub(crate) recalls: bool,
}

/// Why an order cannot start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// The budget is used up.
    Budget(Bound),
    /// Others hold the rest of it.
    Held,
    /// The count cannot be kept.
    Broken,
}

impl Account {
    pub(crate) fn open(run: RunKey, path: &Path, limits: &Limits) -> io::Result<Arc<Self>> {
        let (file, ended, next) = CountFile::open(path)?;
        let state = State { ended, under_way: BTreeMap::new(), next, refused: 0, is_broken: false };
        Ok(Arc::new(Self {
            run,
            file,
            state: Mutex::new(state),
            changed: Notify::new(),
            requests: Arc::new(Semaphore::new(limits.requests_per_run)),
            tunnels: Arc::new(Semaphore::new(limits.tunnels_per_run)),
            memory: Arc::new(Semaphore::new(limits.memory_per_run)),
        }))
    }

    /// Lets an order start, if need be when others have ended.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        budget: &Budget,
        order: Order,
        wait: Duration,
    ) -> Result<Charge, NotAdmitted> {
        let admission = async {
            loop {
                // Before the look, so that no end in between is missed.
                let changed = self.changed.notified();
                if let Some(decided) = self.try_admit(budget, &order) {
                    return decided;
                }
                changed.await;
            }
        };
        tokio::time::timeout(wait, admission).await.unwrap_or(Err(NotAdmitted::Held))
    }

    fn try_admit(self: &Arc<Self>, budget: &Budget, order: &Order) -> Option<Result<Charge, NotAdmitted>> {
        let mut state = self.state();
        if state.is_broken {
            return Some(Err(NotAdmitted::Broken));
        }
        let estimate = state.estimate(order);
        let most = TokenCounts {
            cache_write_long: estimate.input,
            output: estimate.most_output,
            ..TokenCounts::default()
        };
        let need = amount(&most, order.price.as_ref());
        let used = state.ended.values().fold(Amount::default(), |sum, usage| sum.plus(amount_of(usage)));
        let under_way = state.under_way.values().fold(Amount::default(), |sum, one| sum.plus(one.most));
        match decide(budget, used, under_way, need) {
            Verdict::Wait => None,
            Verdict::Refuse(bound) => {
                state.refused += 1;
                Some(Err(NotAdmitted::Budget(bound)))
            }
            Verdict::Admit => Some(Ok(self.begin(&mut state, order, (estimate, need)))),
        }
    }

    /// Notes the order with its input before anything is sent: if this process is killed, that much stays counted.
    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        order: &Order,
        (estimate, need): (Estimate, Amount),
    ) -> Charge {
        let tokens = TokenCounts { input: estimate.input, ..TokenCounts::default() };
        let usage = ModelUsage {
            upstream: order.upstream.clone(),
            model: order.model.clone(),
            requests: 1,
            estimated: 1,
            tokens,
            cost: order.price.map(|price| price.cost(&tokens)),
        };
        let request = state.next;
        state.next += 1;
        self.write(state, request, &usage);
        // Not nothing, also where it may use nothing: what is under way must be seen.
        let most = Amount { tokens: need.tokens.max(1), ..need };
        state.under_way.insert(request, UnderWay { most, usage });
        Charge {
            account: Arc::clone(self),
            request,
            price: order.price,
            estimate,
            started: Instant::now(),
            ended: false,
        }
    }

    /// What is counted now.
    pub(crate) fn usage(&self, budget: Budget) -> RunUsage {
        let state = self.state();
        let mut sums = state.ended.clone();
        state.under_way.values().for_each(|one| add(&mut sums, &one.usage));
        RunUsage {
            run: self.run.clone(),
            models: sums.into_values().collect(),
            budget,
            refused: state.refused,
        }
    }

    fn write(&self, state: &mut State, request: u64, usage: &ModelUsage) {
        if let Err(error) = self.file.append(request, usage) {
            tracing::error!(run = %self.run, %error, "the count cannot be written; the run may use nothing more");
            state.is_broken = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What this run has had kept at a service is not longer than all that it has read and written.
    fn estimate(&self, order: &Order) -> Estimate {
        let under_way = self.under_way.values().map(|one| &one.usage);
        let all = self.ended.values().chain(under_way).map(|usage| usage.tokens.total());
        let kept = if order.recalls { all.fold(0, u64::saturating_add) } else { 0 };
        Estimate { input: order.estimate.input.saturating_add(kept), ..order.estimate }
    }
}

fn amount(tokens: &TokenCounts, price: Option<&Price>) -> Amount {
    let cost = price.map(|price| price.cost(tokens)).unwrap_or_default();
    Amount { cost, tokens: tokens.total() }
}

fn amount_of(usage: &ModelUsage) -> Amount {
    Amount { cost: usage.cost.unwrap_or_default(), tokens: usage.tokens.total() }
}

/// One order under way. Dropped without an end, because the agent went before there was an answer or none came, it is
/// charged for what the model may have written in the time: whoever goes early must not come off cheaper.
pub(crate) struct Charge {
    account: Arc<Account>,
    request: u64,
    price: Option<Price>,
    /// What is counted where the service does not say.
    pub(crate) estimate: Estimate,
    started: Instant,
    ended: bool,
}

impl Charge {
    /// Notes what is known by now.
    pub(crate) fn note(&self, tokens: TokenCounts, is_estimate: bool) {
        let mut state = self.account.state();
        let Some(one) = state.under_way.get_mut(&self.request) else { return };
        let estimated = u64::from(is_estimate);
        if (one.usage.tokens, one.usage.estimated) == (tokens, estimated) {
            return;
        }
        one.usage.tokens = tokens;
        one.usage.estimated = estimated;
        one.usage.cost = self.price.map(|price| price.cost(&tokens));
        let usage = one.usage.clone();
        self.account.write(&mut state, self.request, &usage);
    }

    /// Time since it was let go.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the order with what it used.
    pub(crate) fn end(mut self, tokens: TokenCounts, is_estimate: bool) {
        self.note(tokens, is_estimate);
        self.settle();
    }

    /// What it has cost so far, for the log.
    pub(crate) fn cost(&self, tokens: &TokenCounts) -> Option<MicroDollars> {
        self.price.map(|price| price.cost(tokens))
    }

    fn settle(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let mut state = self.account.state();
        if let Some(one) = state.under_way.remove(&self.request) {
            add(&mut state.ended, &one.usage);
        }
        drop(state);
        self.account.changed.notify_waiters();
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.note(self.estimate.complete(TokenCounts::default(), 0, self.elapsed()), true);
        self.settle();
    }
}

#[cfg(test)]
mod tests;
