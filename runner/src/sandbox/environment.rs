//! The agent's environment on its way through the program that confines it: under other names, for variables act on a
//! program before its first line runs (ld.so(8): `LD_AUDIT`, `LD_PRELOAD`), and this one's is not confined then.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use ambient_protocol::environment::RUN_MARK;

/// Before each name. Nothing acts on names that begin so.
const PREFIX: &str = "AMBIENT_CONFINED_";

/// Variables as the confining program is given them.
pub(super) fn packed(environment: BTreeMap<String, OsString>) -> BTreeMap<String, OsString> {
    environment.into_iter().map(|(name, value)| (format!("{PREFIX}{name}"), value)).collect()
}

/// What the agent gets of the variables of the confining program: those that were packed, and its mark.
pub(super) fn unpacked(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let (mut environment, mut mark) = (BTreeMap::new(), None);
    for (name, value) in variables {
        match name.as_bytes().strip_prefix(PREFIX.as_bytes()) {
            Some(name) => drop(environment.insert(OsString::from_vec(name.to_vec()), value)),
            None if name == RUN_MARK => mark = Some((name, value)),
            None => {}
        }
    }
    // Last: nobody gives himself another one.
    environment.extend(mark);
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_arrive_under_their_names_and_act_on_nothing_before() {
        let given = [("LD_AUDIT", "./evil.so"), ("PATH", "/bin"), (RUN_MARK, "forged")];
        let given = given.map(|(name, value)| (name.to_owned(), OsString::from(value)));
        let packed = packed(BTreeMap::from(given));
        assert!(packed.keys().all(|name| name.starts_with(PREFIX)), "{packed:?}");
        let others = [(RUN_MARK, "mark"), ("LANG", "C")].map(|(name, value)| (name.into(), value.into()));
        let packed = packed.into_iter().map(|(name, value)| (name.into(), value));
        let unpacked = unpacked(packed.chain(others));
        let expected = [("LD_AUDIT", "./evil.so"), ("PATH", "/bin"), (RUN_MARK, "mark")];
        assert_eq!(unpacked, expected.map(|(name, value)| (name.into(), value.into())).into());
    }
}
