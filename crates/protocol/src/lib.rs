//! Plain data shared by the parts: sessions, events, outcomes, ledger, tokens.
