//! How far the conversation with an agent has come.

/// What was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Introducing,
    Authenticating,
    OpeningSession,
    TakingUp,
    ChoosingModel,
    Working,
    Concluded,
}

impl Stage {
    /// For messages: when the agent went.
    pub(super) fn when(self) -> &'static str {
        match self {
            Self::Introducing => "before it answered `initialize` of the Agent Client Protocol",
            Self::Authenticating => "while it authenticated",
            Self::OpeningSession | Self::TakingUp | Self::ChoosingModel => "before it had a session",
            Self::Working | Self::Concluded => "in the middle of its turn",
        }
    }
}
