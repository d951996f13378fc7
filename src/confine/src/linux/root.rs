//! The program's file system: an empty one in memory, with the listed paths in it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::step;
use crate::{ConfineError, Confinement};

/// The machine's file system while the new one is built.
const OLD: &str = "/.old";

/// Paths that most programs need: programs, libraries, certificates and time zones. They hold no secret on common systems.
const SYSTEM: [&str; 12] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/localtime",
    "/etc/mime.types",
];

/// Paths that programs with a network need.
const NAMES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// Folders that the program has of its own.
const OWN: [&str; 3] = [OLD, "/dev", "/proc"];

/// Devices without harm.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// The users that the program can look up.
const PASSWD: &str = "nobody:x:65534:65534:nobody:/tmp:/sbin/nologin\n";
const GROUP: &str = "nogroup:x:65534:\n";

/// Builds the file system and enters it. The machine's own is out of reach then.
pub(super) fn build(confinement: &Confinement) -> Result<(), ConfineError> {
    let mounts = step("read the mounts", mounts())?;
    step("part the mounts", mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC))?;
    // Any folder will do: it is hidden in this process only.
    let folder = "/proc";
    step("make a root", mount("tmpfs", folder, "tmpfs", quiet(), Some(c"size=1m,mode=755")))?;
    step("make a root", fs::create_dir(format!("{folder}{OLD}")))?;
    step("change the root", pivot_root(folder, format!("{folder}{OLD}")))?;
    step("enter the root", chdir("/"))?;
    for path in SYSTEM.iter().chain(if confinement.network { &NAMES[..] } else { &[] }) {
        let path = Path::new(path);
        if old(path).symlink_metadata().is_ok() {
            show(path, false, &mounts)?;
        }
    }
    devices()?;
    processes()?;
    step("make /tmp", in_memory("/tmp", c"size=64m,mode=1777"))?;
    step("make /dev/shm", in_memory("/dev/shm", c"size=64m,mode=1777"))?;
    step("name its user", fs::create_dir_all("/etc").and_then(|()| fs::write("/etc/passwd", PASSWD)))?;
    step("name its group", fs::write("/etc/group", GROUP))?;
    // After the others: a listed path may lie in /tmp.
    for path in &confinement.read {
        show(path, false, &mounts)?;
    }
    for path in &confinement.write {
        show(path, true, &mounts)?;
    }
    step("leave the old root", unmount(OLD, UnmountFlags::DETACH))?;
    step("leave the old root", fs::remove_dir(OLD))?;
    step("protect the root", mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | quiet(), c""))
}

/// No program gets rights from a file, and no file is a device.
fn quiet() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV
}

/// Returns the place of a path while the new file system is built.
fn old(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}

/// Shows a path of the machine to the program, with all below.
fn show(path: &Path, may_write: bool, mounts: &[PathBuf]) -> Result<(), ConfineError> {
    let shown = || -> io::Result<()> {
        let source = old(path);
        let is_own = path == Path::new("/") || OWN.iter().any(|own| path.starts_with(own));
        if is_own || !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let kind = source.symlink_metadata()?.file_type();
        if kind.is_symlink() {
            return symlink(fs::read_link(&source)?, path);
        }
        if kind.is_dir() {
            fs::create_dir_all(path)?;
        } else if !path.exists() {
            fs::File::create_new(path)?;
        }
        mount_bind_recursive(&source, path)?;
        let below = mounts.iter().filter(|mount| mount.starts_with(path) && *mount != path);
        for place in [path].into_iter().chain(below.map(PathBuf::as_path)) {
            protect(place, may_write)?;
        }
        Ok(())
    };
    shown().map_err(|reason| ConfineError::Path { path: path.to_owned(), reason })
}

/// Sets the flags of one mount. Those that the machine set stay: a user without its rights cannot remove them.
fn protect(place: &Path, may_write: bool) -> io::Result<()> {
    let is = statvfs(place)?.f_flag;
    let kept = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let mut flags = MountFlags::BIND | quiet();
    for (flag, kept) in kept {
        if is.contains(flag) {
            flags |= kept;
        }
    }
    if !may_write {
        flags |= MountFlags::RDONLY;
    }
    Ok(mount_remount(place, flags, c"")?)
}

/// Makes an empty folder in memory.
fn in_memory(place: &str, options: &std::ffi::CStr) -> io::Result<()> {
    fs::create_dir_all(place)?;
    Ok(mount("tmpfs", place, "tmpfs", quiet(), Some(options))?)
}

fn devices() -> Result<(), ConfineError> {
    step("make /dev", fs::create_dir_all("/dev"))?;
    for name in DEVICES {
        let place = PathBuf::from("/dev").join(name);
        step("make a device", fs::File::create_new(&place))?;
        step("make a device", mount_bind(old(&place), &place))?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        step("make a device", symlink(target, Path::new("/dev").join(name)))?;
    }
    Ok(())
}

/// Shows the program its own processes. Where a container hides parts of /proc, the system does not allow it, and the program has none.
fn processes() -> Result<(), ConfineError> {
    step("make /proc", fs::create_dir_all("/proc"))?;
    let _ = mount("proc", "/proc", "proc", quiet() | MountFlags::NOEXEC, None::<&std::ffi::CStr>);
    // A further user namespace would give the program rights over more of the system's code. Without the file it can still make one.
    let _ = fs::write("/proc/sys/user/max_user_namespaces", "0");
    Ok(())
}

/// Returns the places of all mounts of the machine.
fn mounts() -> io::Result<Vec<PathBuf>> {
    // proc_pid_mountinfo(5): the fifth field, with octal escapes.
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(text.lines().filter_map(|line| line.split(' ').nth(4)).map(|place| PathBuf::from(unescape(place))).collect())
}

/// Replaces the escapes of blanks and backslashes, such as `\040`.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character))
}
