//! Which run a user asks for. Reading its session with the user's own token is the permission to read the run.

use ambient_crds::{AgenticSession, Phase};
use ambient_protocol::RunKey;
use kube::ResourceExt as _;
use kube::api::Api;

use super::recorded;
use crate::auth::{User, Verb};
use crate::error::Error;
use crate::state::App;

/// One run as one user asked for it.
#[derive(Clone)]
pub(crate) struct Target {
    /// Who asked, and may read it.
    pub(crate) user: User,
    /// The run.
    pub(crate) key: RunKey,
    /// The session when it was last read; none where only the ledger knows it.
    pub(crate) session: Option<AgenticSession>,
}

impl Target {
    /// The run of a session that a user asks for; without a number the current one, or the newest of the ledger.
    ///
    /// # Errors
    /// `NotFound` where neither cluster nor ledger knows it, `Forbidden` where the user may not read it.
    pub(crate) async fn find(
        app: &App,
        user: User,
        project: &str,
        session: &str,
        run: Option<u32>,
    ) -> Result<Self, Error> {
        // Names are checked before they reach any address.
        RunKey::new(project, session, run.unwrap_or(1))?;
        match read(&user, project, session).await? {
            Some(object) => {
                let newest = current_run(&object).max(object.spec.run.get());
                let run = run.unwrap_or_else(|| current_run(&object));
                if run > newest {
                    return Err(no_such_run(project, session, run));
                }
                Ok(Self { key: RunKey::new(project, session, run)?, user, session: Some(object) })
            }
            None => Self::of_ledger(app, user, project, session, run).await,
        }
    }

    /// A session that is gone from the cluster: its runs are read from the ledger (rule 15).
    async fn of_ledger(
        app: &App,
        user: User,
        project: &str,
        session: &str,
        run: Option<u32>,
    ) -> Result<Self, Error> {
        let unknown = || Error::NotFound(format!("session {session} in project {project}"));
        if !app.access.may(&user, Verb::Get, Some(project), Some(session)).await? {
            return Err(Error::Forbidden(format!("{} may not read {project}/{session}", user.name)));
        }
        let mut keys = recorded::runs(app, &user, project).await?.into_iter();
        let found = match run {
            Some(run) => keys.find(|key| key.session() == session && key.run() == run),
            None => keys.filter(|key| key.session() == session).max_by_key(RunKey::run),
        };
        Ok(Self { key: found.ok_or_else(unknown)?, user, session: None })
    }

    /// The same run with its session read anew.
    ///
    /// # Errors
    /// The API server's.
    pub(crate) async fn refreshed(mut self) -> Result<Self, Error> {
        let uid = self.uid();
        let session = read(&self.user, self.key.project(), self.key.session()).await?;
        // An object of the same name made later is another session.
        self.session = session.filter(|session| uid.is_none() || session.uid() == uid);
        Ok(self)
    }

    /// Whether nothing more will come of this run's agent.
    pub(crate) fn is_over(&self) -> bool {
        let Some(session) = &self.session else { return true };
        let phase = session.status.as_ref().and_then(|status| status.phase);
        match self.key.run().cmp(&current_run(session)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => phase.is_some_and(Phase::is_ended),
            std::cmp::Ordering::Greater => false,
        }
    }

    /// Whether this is the run that the session's status speaks of.
    pub(crate) fn is_current(&self) -> bool {
        self.session.as_ref().is_some_and(|session| current_run(session) == self.key.run())
    }

    /// The session's UID.
    pub(crate) fn uid(&self) -> Option<String> {
        self.session.as_ref().and_then(kube::ResourceExt::uid)
    }
}

/// The run that a session's status speaks of; before there is one, the run its spec asks for.
pub(crate) fn current_run(session: &AgenticSession) -> u32 {
    let known = session.status.as_ref().and_then(|status| status.run);
    known.unwrap_or(session.spec.run).get()
}

async fn read(user: &User, project: &str, session: &str) -> Result<Option<AgenticSession>, Error> {
    let sessions: Api<AgenticSession> = Api::namespaced(user.client.clone(), project);
    Ok(sessions.get_opt(session).await?)
}

fn no_such_run(project: &str, session: &str, run: u32) -> Error {
    Error::NotFound(format!("run {run} of session {session} in project {project}"))
}
