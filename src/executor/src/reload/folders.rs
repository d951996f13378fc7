//! Notifies when one of our files may have changed.
//!
//! It watches folders, not files: a roll-out replaces files, redirects a link, or moves a folder. A path is walked as
//! the system walks it, through every link, and each folder on the way is watched for the one name the walk takes
//! there. Other names in these folders notify nobody. For a missing folder, the one above it is watched.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

/// Files are written in several steps: all changes of one name within this time are one event.
const SETTLE: Duration = Duration::from_millis(500);
/// The maximum links of one path, as in the system.
const LINKS: usize = 40;

/// Watches folders until it is dropped.
#[derive(Default)]
pub(super) struct Folders {
    walk: Walk,
    watcher: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    /// The last logged reason why not all folders are watched.
    said: Option<String>,
}

/// The folders and entries on the way of the paths.
#[derive(Debug, Default, PartialEq, Eq)]
struct Walk {
    /// Each folder with its device and inode.
    folders: BTreeMap<PathBuf, (u64, u64)>,
    /// The relevant entries of these folders.
    entries: BTreeSet<PathBuf>,
}

// === impl Folders ===

impl Folders {
    /// Watches all folders on the way of `paths` instead of the earlier ones. Returns true if they differ: a change
    /// until now may then have gone unnoticed. Blocks.
    pub(super) fn watch(&mut self, paths: &[PathBuf], wake: &mpsc::Sender<()>) -> bool {
        let walk = Walk::of(paths);
        if walk == self.walk {
            return false;
        }
        let watched = watcher(&walk, wake);
        let fault = match watched {
            Ok((watcher, fault)) => {
                self.watcher = Some(watcher);
                fault
            }
            Err(error) => Some(error.to_string()),
        };
        if fault.is_some() && fault != self.said {
            tracing::warn!(reason = fault, "not all folders are watched; a look every 30 seconds and SIGHUP remain");
        }
        self.said = fault;
        self.walk = walk;
        true
    }
}

type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

/// Returns the watcher, and the reason it does not watch a folder.
fn watcher(walk: &Walk, wake: &mpsc::Sender<()>) -> notify::Result<(Watcher, Option<String>)> {
    let (entries, wake) = (walk.entries.clone(), wake.clone());
    let mut watcher = new_debouncer(SETTLE, None, move |result: DebounceEventResult| {
        let ours = match &result {
            Ok(events) => events.iter().any(|event| {
                let ours = || event.paths.iter().any(|path| entries.contains(path));
                event.need_rescan() || !event.kind.is_access() && ours()
            }),
            // An event was lost.
            Err(_) => true,
        };
        if ours {
            // A full channel has a look due already.
            let _ = wake.try_send(());
        }
    })?;
    let mut fault = None;
    for folder in walk.folders.keys() {
        // One unreadable folder, far above our files, must not stop the watch.
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            fault = Some(format!("{}: {error}", folder.display()));
        }
    }
    Ok((watcher, fault))
}

// === impl Walk ===

impl Walk {
    fn of(paths: &[PathBuf]) -> Self {
        let mut walk = Self::default();
        for path in paths {
            // A relative path that cannot be made absolute has no folder to watch.
            if let Ok(path) = std::path::absolute(path) {
                walk.take(&path);
            }
        }
        walk
    }

    /// Walks an absolute path as far as it goes.
    fn take(&mut self, path: &Path) {
        let mut links = 0;
        let mut here = PathBuf::from("/");
        let mut rest: VecDeque<OsString> = parts(path);
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let Ok(folder) = here.symlink_metadata() else { return };
            self.folders.insert(here.clone(), (folder.dev(), folder.ino()));
            let next = here.join(&name);
            self.entries.insert(next.clone());
            let Ok(found) = next.symlink_metadata() else { return };
            if !found.is_symlink() {
                here = next;
                continue;
            }
            links += 1;
            let Ok(target) = std::fs::read_link(&next) else { return };
            if links > LINKS {
                return;
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                rest.push_front(part);
            }
        }
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, rename, write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_walked_through_its_links_and_as_far_as_it_goes() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        create_dir_all(root.join("..1/sub")).unwrap();
        write(root.join("..1/sub/a.yaml"), "").unwrap();
        symlink("..1", root.join("..data")).unwrap();
        symlink("..data/sub/../sub/a.yaml", root.join("a.yaml")).unwrap();
        let walk = Walk::of(&[root.join("a.yaml"), root.join("later/deep/b.yaml")]);
        let entries: BTreeSet<_> = walk.entries.iter().filter_map(|path| path.strip_prefix(&root).ok()).collect();
        let expected = ["", "a.yaml", "..data", "..1", "..1/sub", "..1/sub/a.yaml", "later"];
        assert_eq!(entries, expected.iter().map(Path::new).collect());
        let folders: BTreeSet<_> = walk.folders.keys().filter_map(|path| path.strip_prefix(&root).ok()).collect();
        assert_eq!(folders, ["", "..1", "..1/sub"].iter().map(Path::new).collect());
    }

    #[test]
    fn links_that_turn_in_a_circle_end() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        assert!(Walk::of(&[root.path().join("a")]).entries.contains(&root.path().join("b")));
    }

    #[tokio::test]
    async fn only_our_names_wake_and_a_folder_that_is_swapped_is_watched_again() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (folder, file) = (root.join("desk"), root.join("desk/contract.yaml"));
        create_dir_all(&folder).unwrap();
        write(&file, "1").unwrap();
        let (wake, mut woken) = mpsc::channel(1);
        let mut folders = Folders::default();
        let paths = [file.clone()];
        assert!(folders.watch(&paths, &wake) && !folders.watch(&paths, &wake));
        write(folder.join("executor.log"), "busy").unwrap();
        let within = |woken: Duration| woken;
        assert!(tokio::time::timeout(within(SETTLE * 4), woken.recv()).await.is_err(), "a file nearby");
        write(&file, "2").unwrap();
        tokio::time::timeout(within(SETTLE * 40), woken.recv()).await.unwrap().unwrap();

        rename(&folder, root.join("away")).unwrap();
        tokio::time::timeout(within(SETTLE * 40), woken.recv()).await.unwrap().unwrap();
        assert!(folders.watch(&paths, &wake));
        rename(root.join("away"), &folder).unwrap();
        tokio::time::timeout(within(SETTLE * 40), woken.recv()).await.unwrap().unwrap();
        assert!(folders.watch(&paths, &wake), "the folder is watched again");
        while woken.try_recv().is_ok() {}
        write(&file, "3").unwrap();
        tokio::time::timeout(within(SETTLE * 40), woken.recv()).await.unwrap().unwrap();
    }
}
