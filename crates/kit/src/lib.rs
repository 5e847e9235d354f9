//! What every controller needs: apply, conditions, events, error classes, clients.
