//! Which of this machine's files the agent of an attempt may see, where it is confined.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ambient_git::{LocalRepositories, RepositoryUrl};

use super::attempt::Attempt;
use crate::carrier::{AgentCommand, StartError};
use crate::sandbox::{self, Bounds, CannotConfine, Confinement};

/// Variables that name files which programs need for TLS.
const CERTIFICATES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

impl Attempt {
    /// How the agent with this command is confined, where that is wanted. One that goes to another container is that
    /// container's business.
    pub(super) fn confinement(
        &self,
        command: &AgentCommand,
        home: &Path,
    ) -> Result<Option<Confinement>, CannotConfine> {
        if self.config.agent_socket.is_some() {
            return Ok(None);
        }
        let bounds = Bounds::new(&self.config.workspace, home, self.sources(command));
        Confinement::of(command, bounds, &self.config.executable, self.config.sandbox)
    }

    /// What it may read beside the system: the repositories it was checked out from, the files that whoever runs this
    /// machine names in its command, certificates.
    fn sources(&self, command: &AgentCommand) -> Vec<PathBuf> {
        let session = &self.config.session;
        let repositories = session.repositories.iter().filter_map(|repository| {
            let url = RepositoryUrl::parse(&repository.url, LocalRepositories::Allowed).ok()?;
            url.local_path().map(Path::to_owned)
        });
        let named = session.agent.command.iter().map(PathBuf::from);
        let certificates = CERTIFICATES.iter().filter_map(|name| command.environment.get(*name));
        let named = named.chain(certificates.map(OsString::clone).map(PathBuf::from));
        let programs = sandbox::named_programs(&session.agent.command, &command.environment);
        repositories.chain(named.filter(|path| path.is_absolute())).chain(programs).collect()
    }
}

/// The agent's command, confined where there is a confinement.
pub(super) fn confined(
    command: AgentCommand,
    confinement: Option<&Confinement>,
) -> Result<AgentCommand, StartError> {
    let Some(confinement) = confinement else { return Ok(command) };
    let (program, directory) =
        (command.program.display().to_string(), command.directory.display().to_string());
    confinement.confine(command).map_err(|cause| StartError { program, directory, cause })
}
