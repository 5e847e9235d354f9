//! Local sockets, where Landlock has no say over them yet: whoever may connect to Docker's, or to the user's service manager,
//! has what runs for him unconfined. Of a connection to a path a filter sees no path, so no such socket is made.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{
    AF_UNIX, EPERM, SOCK_DGRAM, SOCK_RAW, SYS_io_uring_setup, SYS_socket, SYS_socketpair, c_int, c_long,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// What the kernel can do with a system call that a filter names (seccomp(2)).
const ACTIONS: &str = "/proc/sys/kernel/seccomp/actions_avail";
/// The part of a socket's type that is no flag (`SOCK_TYPE_MASK` of the kernel).
const TYPE_MASK: u64 = 0xf;
/// Marks the numbers of another set of system calls for the same programs (x32).
const X32: c_long = 0x4000_0000;

/// Whether this system can do it.
pub(super) fn can_be_denied() -> bool {
    let actions = std::fs::read_to_string(ACTIONS).unwrap_or_default();
    program().is_ok() && actions.split_whitespace().any(|action| action == "errno")
}

/// Lets this process and what it starts make no local sockets. Pairs stay: they lead nowhere else, but for those of
/// datagrams, which can be connected anew.
pub(super) fn deny() -> io::Result<()> {
    let program = program().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

/// A program for another processor's calls than ours is ended by it.
fn program() -> Result<BpfProgram, BackendError> {
    let local = condition(0, SeccompCmpOp::Eq, AF_UNIX)?;
    let pairs = [SOCK_DGRAM, SOCK_RAW].map(|kind| condition(1, SeccompCmpOp::MaskedEq(TYPE_MASK), kind));
    let calls = [
        (SYS_socket, vec![local]),
        (SYS_socketpair, pairs.into_iter().collect::<Result<_, _>>()?),
        // Makes and connects sockets past any filter (io_uring_enter(2)). Whoever uses it can do without.
        (SYS_io_uring_setup, Vec::new()),
    ];
    let numbers = |number: c_long| [Some(number), cfg!(target_arch = "x86_64").then_some(number | X32)];
    let rules: BTreeMap<_, _> = calls
        .into_iter()
        .flat_map(|(number, rules)| {
            numbers(number).into_iter().flatten().map(move |one| (one, rules.clone()))
        })
        .collect();
    let refused = SeccompAction::Errno(EPERM.unsigned_abs());
    let processor = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, processor)?.try_into()
}

fn condition(argument: u8, compare: SeccompCmpOp, value: c_int) -> Result<SeccompRule, BackendError> {
    let value = value.unsigned_abs().into();
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?])
}
