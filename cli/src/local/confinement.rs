//! What is said of agents on this machine before any starts.

use ambient_protocol::sandbox::Sandbox;
use ambient_runner::sandbox::{Support, support};
use anyhow::bail;

/// How agents are confined, in words; the way out where they cannot be and must.
///
/// # Errors
/// They must be, and this system cannot.
pub(crate) fn told(sandbox: Sandbox) -> anyhow::Result<String> {
    words(sandbox, &support())
}

fn words(sandbox: Sandbox, support: &Support) -> anyhow::Result<String> {
    match (sandbox, support, support.shortfall()) {
        (Sandbox::Off, ..) => Ok(unconfined("--sandbox off")),
        (Sandbox::Required, _, Some(shortfall)) => {
            bail!("--sandbox on: {shortfall}; with --sandbox auto agents run here all the same")
        }
        (_, Support::None(why), _) => Ok(unconfined(why)),
        (_, _, None) => {
            Ok(format!("{CONFINED}, nor signal your other programs or reach their local sockets. {REACHED}"))
        }
        (_, _, Some(shortfall)) => Ok(format!("{CONFINED}, but {shortfall}. {REACHED}")),
    }
}

const CONFINED: &str = "Agents are processes of this user, confined by Landlock: they see the system's files, their workspace \
                        and a home of their own, and neither see nor change other files of yours";
const REACHED: &str = "They reach the network, and what listens on this machine's ports.";

fn unconfined(why: &str) -> String {
    format!(
        "Agents run as processes of this user, unsandboxed ({why}): run only what you would run yourself. They are not \
         given the keys in the Secret ambient-runner-secrets, but could look for them as you could."
    )
}

#[cfg(test)]
mod tests {
    use ambient_runner::sandbox::Promise;

    use super::*;

    #[test]
    fn it_is_said_how_agents_are_confined() {
        let none = Support::None("no Landlock");
        let partial = Support::Partial(vec![Promise::Signals]);
        let cases = [
            (Sandbox::Off, Support::Whole, Some("unsandboxed (--sandbox off)")),
            (Sandbox::WherePossible, none.clone(), Some("unsandboxed (no Landlock)")),
            (
                Sandbox::WherePossible,
                partial.clone(),
                Some("files of yours, but on this system they could still end"),
            ),
            (Sandbox::WherePossible, Support::Whole, Some("confined by Landlock")),
            (Sandbox::Required, Support::Whole, Some("or reach their local sockets")),
            (Sandbox::Required, partial, None),
            (Sandbox::Required, none, None),
        ];
        for (sandbox, support, expected) in cases {
            let said = words(sandbox, &support).ok();
            let as_expected = match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(as_expected, "{sandbox:?} {support:?}: {said:?}");
        }
    }
}
