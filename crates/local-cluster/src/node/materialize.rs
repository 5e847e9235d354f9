//! Makes what a pod's shim is started on: folders, the files of volumes, the record.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::{
    folders::make_private,
    prepare::Preparation,
    volumes::{VolumeFile, VolumePlan},
};
use crate::shim::{PodFiles, write_private};

/// Bits of a mode that its owner has. Group and others get nothing: all processes here are one user's.
const OWNER: u32 = 0o700;
/// A file that its owner cannot read would be of no use.
const READABLE: u32 = 0o400;

/// Makes everything; doing it again replaces files that are there.
pub(crate) fn materialize(preparation: &Preparation, files: &PodFiles) -> io::Result<()> {
    make_private(&files.root())?;
    for volume in &preparation.volumes {
        make_volume(volume)?;
    }
    for part in preparation.sub_paths.iter().filter(|part| !part.exists()) {
        fs::create_dir_all(part)?;
    }
    write_private(&files.record(), &preparation.record)
}

fn make_volume(volume: &VolumePlan) -> io::Result<()> {
    if volume.is_made {
        make_private(&volume.folder)?;
    }
    volume.files.iter().try_for_each(|file| write_file(&volume.folder, file))
}

fn write_file(folder: &Path, file: &VolumeFile) -> io::Result<()> {
    let path = folder.join(&file.path);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = (file.mode & OWNER) | READABLE;
    let mut made = File::options().write(true).create_new(true).mode(mode).open(&path)?;
    made.write_all(&file.content)?;
    // The process's mask may have taken bits away.
    made.set_permissions(Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shim::{PodRecord, RestartPolicy};

    #[test]
    fn files_are_their_owners_alone_and_can_be_made_again() {
        let data = tempfile::tempdir().unwrap();
        let files = PodFiles::new(data.path().join("pod"));
        let volume = data.path().join("volume");
        let file = |content: &str, mode| VolumeFile { path: "a/b".into(), content: content.into(), mode };
        let plan = |file| Preparation {
            record: PodRecord {
                uid: "u".into(),
                restart_policy: RestartPolicy::Never,
                init: Vec::new(),
                containers: Vec::new(),
                deadline_seconds: None,
                grace_seconds: 1,
                shim_arguments: Vec::new(),
            },
            volumes: vec![VolumePlan { folder: volume.clone(), is_made: true, files: vec![file] }],
            sub_paths: vec![volume.join("a/b"), volume.join("part")],
        };
        for (content, mode, expected) in [("one", 0o444, 0o400), ("two", 0o755, 0o700)] {
            materialize(&plan(file(content, mode)), &files).unwrap();
            let path = volume.join("a/b");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, expected);
        }
        assert!(volume.join("part").is_dir());
        for private in [files.record(), volume] {
            assert_eq!(
                fs::metadata(&private).unwrap().permissions().mode() & 0o077,
                0,
                "{}",
                private.display()
            );
        }
    }
}
