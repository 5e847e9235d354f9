use serde_json::json;

use super::*;

fn key(name: &str) -> Key {
    Key { resource: "things.example.com".into(), namespace: "a".into(), name: name.into() }
}

fn put(store: &Store, name: &str, x: i32) -> u64 {
    let value = json!({ "metadata": { "name": name, "namespace": "a" }, "x": x });
    store.commit::<StoreError>(&key(name), |_| Ok(Change::Put(value))).unwrap().unwrap().revision
}

fn remove(store: &Store, name: &str) {
    let decide = |found: Option<&Stored>| Ok(Change::Remove((*found.unwrap().value).clone()));
    store.commit::<StoreError>(&key(name), decide).unwrap();
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.items.iter().map(|item| object::name(&item.value)).collect()
}

#[test]
fn lists_of_the_past_come_from_history() {
    let store = Store::in_memory(10);
    put(&store, "a", 1);
    let then = put(&store, "b", 1);
    remove(&store, "a");
    put(&store, "b", 2);
    put(&store, "c", 1);
    let past = store.list_at("things.example.com", None, then).unwrap();
    assert_eq!(names(&past), ["a", "b"]);
    assert_eq!(past.items[1].value["x"], 1);
    assert_eq!(names(&store.list("things.example.com", Some("a"))), ["b", "c"]);
    store.compact();
    assert!(store.list_at("things.example.com", None, then).is_err());
}

#[test]
fn history_is_bounded() {
    let store = Store::in_memory(2);
    let first = put(&store, "a", 1);
    put(&store, "a", 2);
    put(&store, "a", 3);
    assert_eq!(store.events_after("things.example.com", first).unwrap().0.len(), 2);
    assert!(store.events_after("things.example.com", first - 1).is_err());
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart_and_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.redb");
    let store = Store::open(&path, 10).unwrap();
    put(&store, "a", 1);
    put(&store, "b", 1);
    remove(&store, "a");
    let last = put(&store, "b", 2);
    drop(store);

    let store = Store::open(&path, 10).unwrap();
    assert_eq!(store.revision(), last);
    assert_eq!(names(&store.list("things.example.com", None)), ["b"]);
    let newest = put(&store, "c", 1);

    // A crash leaves the journal, perhaps with half a line; the copy is what the next process finds.
    let crashed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let copy = crashed.path().join(entry.file_name());
        std::fs::copy(entry.path(), &copy).unwrap();
        if copy.to_string_lossy().contains("journal") {
            let mut text = std::fs::read(&copy).unwrap();
            text.extend_from_slice(br#"{"revision":99,"resource":"th"#);
            std::fs::write(&copy, text).unwrap();
        }
    }
    let store = Store::open(&crashed.path().join("cluster.redb"), 10).unwrap();
    assert_eq!(store.revision(), newest);
    assert_eq!(names(&store.list("things.example.com", None)), ["b", "c"]);
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.redb");
    let _store = Store::open(&path, 10).unwrap();
    assert!(matches!(Store::open(&path, 10), Err(StoreError::Database { .. })));
}
