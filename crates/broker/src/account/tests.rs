use super::*;

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

fn open(folder: &Path) -> Arc<Account> {
    Account::open(RunKey::new("demo", "a", 1).unwrap(), &folder.join("count"), &Limits::default()).unwrap()
}

fn order(most_output: u64) -> Order {
    let estimate = Estimate { input: 10, most_output, searches: 0 };
    Order { upstream: "u".to_owned(), model: "m".to_owned(), price: None, estimate, recalls: false }
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
async fn what_is_kept_at_the_service_is_as_long_as_all_that_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let account = open(folder.path());
    let first = account.admit(&Budget::default(), order(50), SHORT).await.unwrap();
    first.end(output(5000), false);
    let recalling = Order { recalls: true, ..order(50) };
    drop(account.admit(&Budget::default(), recalling, SHORT).await.unwrap());
    let usage = account.usage(Budget::default());
    assert_eq!((usage.models[0].tokens.input, usage.models[0].tokens.output), (10 + 5020, 5050));
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
