//! Where programs are: an agent that was installed into a person's home must be readable there, and the rest of the home not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::carrier::AgentCommand;

/// The folder in which npm has a package and those that it needs.
const NODE_MODULES: &str = "node_modules";
/// The file that a virtual environment of Python's has.
const PYTHON: &str = "pyvenv.cfg";

/// The program of a command, by its path as it is seen where the command starts, or by its name.
pub(super) fn find(command: &AgentCommand) -> Option<PathBuf> {
    let is_path = command.program.components().count() > 1;
    let named = if is_path { command.directory.join(&command.program) } else { command.program.clone() };
    find_named(&named, &command.environment)
}

/// A program by its path, or by its name on the search path of its environment.
pub(super) fn find_named(program: &Path, environment: &BTreeMap<String, OsString>) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| path.is_file();
    if program.components().count() > 1 {
        return Some(program.to_owned()).filter(is_file);
    }
    search_path(environment).into_iter().map(|folder| folder.join(program)).find(is_file)
}

/// The folders of the search path.
pub(super) fn search_path(environment: &BTreeMap<String, OsString>) -> Vec<PathBuf> {
    environment.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
}

/// What a program needs of where it is installed: its own file, behind all links, and the packages beside it.
pub(super) fn roots(program: &Path) -> Vec<PathBuf> {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let packages = packages_of(&real);
    let python = virtual_environment(program);
    [program.to_owned(), real].into_iter().chain(packages).chain(python).collect()
}

/// Of a program in a virtual environment of Python's: that, and the Python that it was made with (`home` in its file).
fn virtual_environment(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent().and_then(Path::parent) else { return Vec::new() };
    let Ok(file) = std::fs::read_to_string(folder.join(PYTHON)) else { return Vec::new() };
    let mut fields = file.lines().filter_map(|line| line.split_once('='));
    let home = fields.find(|(name, _)| name.trim() == "home").map(|(_, home)| PathBuf::from(home.trim()));
    // Its programs are in a folder beside its libraries.
    let python = home.as_deref().and_then(Path::parent).map(Path::to_owned);
    std::iter::once(folder.to_owned()).chain(python).collect()
}

fn packages_of(program: &Path) -> Option<PathBuf> {
    let components: Vec<_> = program.components().collect();
    let at = components.iter().position(|one| *one == Component::Normal(NODE_MODULES.as_ref()))?;
    Some(components[..=at].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_with_its_packages_and_without_the_rest_of_the_home() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let script = root.join("lib/node_modules/agent/bin.js");
        std::fs::create_dir_all(script.parent().unwrap()).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        std::fs::write(&script, "").unwrap();
        std::os::unix::fs::symlink(&script, root.join("bin/agent")).unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), root.join("bin").into_os_string())]);
        let found = find_named(Path::new("agent"), &environment).unwrap();
        assert_eq!(found, root.join("bin/agent"));
        assert_eq!(roots(&found), [root.join("bin/agent"), script.clone(), root.join("lib/node_modules")]);
        assert_eq!(find_named(Path::new("other"), &environment), None);
        std::fs::write(root.join(PYTHON), "home = /opt/python/bin\nversion = 3.11\n").unwrap();
        let python = [root.clone(), PathBuf::from("/opt/python")];
        assert_eq!(roots(&found)[3..], python, "a virtual environment of Python's");
        assert_eq!(find_named(&script, &environment), Some(script));
    }
}
