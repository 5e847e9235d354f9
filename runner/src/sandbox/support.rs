//! What a system can keep an agent from: pure. Kernels differ, and what is said of agents must hold.

use std::fmt;

/// What a confined agent cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Read or write files outside its bounds.
    Files,
    /// Empty files outside its bounds, which takes no opening of them (truncate(2)).
    Emptying,
    /// Operate devices that it may only read.
    Devices,
    /// Signal processes that it has not started.
    Signals,
    /// Speak to other programs by their local sockets.
    Sockets,
}

impl Promise {
    /// All of them; without the first there is nothing.
    const ALL: [Self; 5] = [Self::Files, Self::Emptying, Self::Devices, Self::Signals, Self::Sockets];

    /// What an agent could do where it is not kept, and what keeps it.
    const fn broken(self) -> &'static str {
        match self {
            Self::Files => "read and change your files (Linux 5.13 and newer with Landlock prevent it)",
            Self::Emptying => "empty your files (Linux 6.2 and newer prevent it)",
            Self::Devices => "operate devices that you can read (Linux 6.10 and newer prevent it)",
            Self::Signals => "end your other processes (Linux 6.12 and newer prevent it)",
            Self::Sockets => {
                "reach your other programs by local sockets, Docker's for one (seccomp or Linux 7.1 prevent it)"
            }
        }
    }
}

/// What this system can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// Keep every promise.
    Whole,
    /// Keep all but these.
    Partial(Vec<Promise>),
    /// Nothing, for this reason.
    None(&'static str),
}

impl Support {
    pub(super) fn judged(is_kept: impl Fn(Promise) -> bool) -> Self {
        if !is_kept(Promise::Files) {
            return Self::None("this kernel has no Landlock (Linux 5.13 and newer), or it is switched off");
        }
        let broken: Vec<_> = Promise::ALL.into_iter().filter(|promise| !is_kept(*promise)).collect();
        if broken.is_empty() { Self::Whole } else { Self::Partial(broken) }
    }

    /// Why agents are not confined as they should be, if they are not.
    #[must_use]
    pub fn shortfall(&self) -> Option<Shortfall<'_>> {
        (*self != Self::Whole).then_some(Shortfall(self))
    }
}

/// Tells what is missing.
#[derive(Debug, Clone, Copy)]
pub struct Shortfall<'a>(&'a Support);

impl fmt::Display for Shortfall<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Support::Whole => Ok(()),
            Support::None(why) => formatter.write_str(why),
            Support::Partial(broken) => {
                let could: Vec<_> = broken.iter().map(|promise| promise.broken()).collect();
                write!(formatter, "on this system they could still {}", could.join(", and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_judged_by_each_promise() {
        let all = |promises: &[Promise]| {
            let promises = promises.to_vec();
            Support::judged(move |promise| promises.contains(&promise))
        };
        assert_eq!(all(&Promise::ALL), Support::Whole);
        assert_eq!(all(&[Promise::Files]), Support::Partial(Promise::ALL[1..].to_vec()));
        assert_eq!(all(&Promise::ALL[..4]), Support::Partial(vec![Promise::Sockets]));
        assert!(matches!(all(&Promise::ALL[1..]), Support::None(_)));
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(Support::Whole.shortfall().is_none());
        let partial = Support::Partial(vec![Promise::Emptying, Promise::Signals]);
        let expected = "on this system they could still empty your files (Linux 6.2 and newer prevent it), and end your other \
                        processes (Linux 6.12 and newer prevent it)";
        assert_eq!(partial.shortfall().unwrap().to_string(), expected);
        assert_eq!(Support::None("no").shortfall().unwrap().to_string(), "no");
    }
}
