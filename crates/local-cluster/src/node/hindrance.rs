//! Why a pod cannot be started yet, in a kubelet's words.

/// A hindrance; it may go away by itself, so the pod is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hindrance {
    /// The container that it concerns; the pod if none.
    pub(crate) container: Option<String>,
    /// What kind it is of.
    pub(crate) kind: HindranceKind,
    /// For people.
    pub(crate) message: String,
}

/// Kinds of hindrances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HindranceKind {
    /// It cannot be placed on the node.
    Scheduling,
    /// A volume cannot be made.
    Volume,
    /// A container's configuration refers to what is not there.
    Configuration,
    /// The image is not in the node's table.
    Image,
    /// The same, and it must not be pulled.
    ImageNeverPulled,
    /// The machine does not let it.
    Machine,
}

impl Hindrance {
    /// A hindrance of the whole pod.
    pub(crate) fn of_pod(kind: HindranceKind, message: impl Into<String>) -> Self {
        Self { container: None, kind, message: message.into() }
    }

    /// A hindrance of one container.
    pub(crate) fn of_container(
        container: impl Into<String>,
        kind: HindranceKind,
        message: impl Into<String>,
    ) -> Self {
        Self { container: Some(container.into()), kind, message: message.into() }
    }

    /// What the container waits for, if it has a word of its own.
    pub(crate) fn waiting_reason(&self) -> Option<&'static str> {
        match self.kind {
            HindranceKind::Scheduling | HindranceKind::Volume => None,
            HindranceKind::Configuration => Some("CreateContainerConfigError"),
            HindranceKind::Image => Some("ImagePullBackOff"),
            HindranceKind::ImageNeverPulled => Some("ErrImageNeverPull"),
            HindranceKind::Machine => Some("CreateContainerError"),
        }
    }

    /// Reason and note of the event that tells of it.
    pub(crate) fn event(&self) -> (&'static str, String) {
        match self.kind {
            HindranceKind::Scheduling => ("FailedScheduling", self.message.clone()),
            HindranceKind::Volume => ("FailedMount", self.message.clone()),
            HindranceKind::Image => ("BackOff", self.message.clone()),
            HindranceKind::ImageNeverPulled => ("ErrImageNeverPull", self.message.clone()),
            HindranceKind::Configuration | HindranceKind::Machine => {
                ("Failed", format!("Error: {}", self.message))
            }
        }
    }
}
