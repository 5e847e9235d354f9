//! Inside one run: workspace, agent bridges, event log, AG-UI server.
