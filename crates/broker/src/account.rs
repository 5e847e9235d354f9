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

/// A model writes about as many tokens in a second.
const TOKENS_PER_SECOND: u64 = 50;

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
    /// Estimated from the request's size.
    pub(crate) input: u64,
    /// The longest answer it asks for.
    pub(crate) most_output: u64,
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
        let most = TokenCounts {
            cache_write_long: order.input,
            output: order.most_output,
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
            Verdict::Admit => Some(Ok(self.begin(&mut state, order, need))),
        }
    }

    /// Notes the order with its input before anything is sent: if this process is killed, that much stays counted.
    fn begin(self: &Arc<Self>, state: &mut State, order: &Order, need: Amount) -> Charge {
        let tokens = TokenCounts { input: order.input, ..TokenCounts::default() };
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
            input: order.input,
            most_output: order.most_output,
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
    /// Estimated tokens of the request.
    pub(crate) input: u64,
    most_output: u64,
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
        let output = self.started.elapsed().as_secs().saturating_mul(TOKENS_PER_SECOND).min(self.most_output);
        self.note(TokenCounts { input: self.input, output, ..TokenCounts::default() }, true);
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    fn open(folder: &Path) -> Arc<Account> {
        Account::open(RunKey::new("demo", "a", 1).unwrap(), &folder.join("count"), &Limits::default())
            .unwrap()
    }

    fn order(most_output: u64) -> Order {
        Order { upstream: "u".to_owned(), model: "m".to_owned(), price: None, input: 10, most_output }
    }

    fn output(output: u64) -> TokenCounts {
        TokenCounts { input: 10, output, ..TokenCounts::default() }
    }

    #[tokio::test]
    async fn requests_at_once_go_beyond_the_budget_by_one_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let account = open(folder.path());
        let budget = Budget { max_tokens: Some(100), max_cost: None };
        let first = account.admit(&budget, order(50), SHORT).await.unwrap();
        let held = account.admit(&budget, order(5000), SHORT).await;
        assert_eq!(held.err(), Some(NotAdmitted::Held));
        let waiting = tokio::spawn({
            let account = Arc::clone(&account);
            async move { account.admit(&budget, order(5000), LONG).await }
        });
        first.end(output(20), false);
        let second = waiting.await.unwrap().unwrap();
        second.end(output(500), false);
        let refused = account.admit(&budget, order(1), SHORT).await.err();
        assert_eq!(refused, Some(NotAdmitted::Budget(Bound::Tokens(100, 540))));
        let usage = account.usage(budget);
        assert_eq!(
            (usage.models[0].requests, usage.models[0].tokens, usage.refused),
            (2, output(520).plus(TokenCounts { input: 10, ..TokenCounts::default() }), 1)
        );
    }

    #[tokio::test]
    async fn what_was_known_of_a_request_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let one = open(folder.path());
        let charge = one.admit(&Budget::default(), order(50), SHORT).await.unwrap();
        // As after a kill: the file as it is now, and none of the memory.
        let after_a_kill = || {
            let other = tempfile::tempdir().unwrap();
            std::fs::copy(folder.path().join("count"), other.path().join("count")).unwrap();
            let seen = open(other.path()).usage(Budget::default());
            (seen.models[0].tokens, seen.models[0].estimated)
        };
        assert_eq!(after_a_kill(), (output(0), 1));
        charge.note(output(7), false);
        assert_eq!(after_a_kill(), (output(7), 0));
        charge.end(output(7), false);
        assert_eq!(one.usage(Budget::default()).models[0].tokens, output(7));
    }
}
