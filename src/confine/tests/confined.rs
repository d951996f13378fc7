//! Shells try all that a confined program might.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use callgate_confine::{CONFINE_ARGUMENT, Confinement, Confining, NOT_STARTED};
use tempfile::TempDir;

const CONFINING: &str = env!("CARGO_BIN_EXE_callgate-confine");

/// Returns false where the system allows no user namespaces, and says so.
fn is_allowed() -> bool {
    let probed = Confinement::of("/bin/bash").probe(&Confining::at(CONFINING));
    let is_denied = probed.is_err_and(|fault| fault.to_string().contains("allow user namespaces"));
    if is_denied {
        println!("SKIPPED: no program can be confined here, because the system allows no user namespaces");
    }
    !is_denied
}

/// A shell that runs a script with what `with` adds.
fn shell(script: &str, with: impl FnOnce(&mut Confinement)) -> Command {
    let mut confinement = Confinement { arguments: vec!["-c".into(), script.into()], ..Confinement::of("/bin/bash") };
    with(&mut confinement);
    confinement.command(&Confining::at(CONFINING)).unwrap()
}

fn run(script: &str, with: impl FnOnce(&mut Confinement)) -> Output {
    shell(script, with).env("PATH", "/usr/bin:/bin").output().unwrap()
}

/// Returns a script's output.
fn says(script: &str, with: impl FnOnce(&mut Confinement)) -> String {
    let output = run(script, with);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_ne!(output.status.code(), Some(i32::from(NOT_STARTED)), "{err}");
    out.trim().to_owned()
}

/// A folder that every user can change.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    folder
}

#[test]
fn the_program_gets_its_input_its_arguments_and_no_environment() {
    if !is_allowed() {
        return;
    }
    let mut command = shell("read line; echo \"$line $1\"; env", |it| it.arguments.extend(["x".into(), "a b".into()]));
    command.env("GIVEN", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "hello a b");
    // Those that the shell sets itself.
    let own = ["PWD=/", "SHLVL=", "_="];
    let rest: Vec<_> = lines[1..].iter().filter(|line| !own.iter().any(|own| line.starts_with(own))).collect();
    assert_eq!(rest, [&"GIVEN=1"]);
}

#[test]
fn the_exit_code_is_the_programs() {
    if !is_allowed() {
        return;
    }
    assert_eq!(run("exit 7", |_| ()).status.code(), Some(7));
}

#[test]
fn no_path_is_there_that_is_not_listed() {
    if !is_allowed() {
        return;
    }
    let (secret, listed) = (folder(), folder());
    fs::write(secret.path().join("key"), "s3cret").unwrap();
    fs::write(listed.path().join("text"), "hello").unwrap();
    symlink(secret.path().join("key"), listed.path().join("link")).unwrap();
    let (secret, listed) = (secret.path().to_owned(), listed.path().to_owned());
    let script = format!(
        "cat {0}/key; cat {1}/link; cat {1}/../{2}/key; cat /proc/1/root/{0}/key; cat {1}/text; ls -A /root /home /var /etc/shadow /run; \
         ls -d /.old",
        secret.display(),
        listed.display(),
        secret.file_name().unwrap().display(),
    );
    assert_eq!(says(&script, |it| it.read.push(listed)), "hello");
}

#[test]
fn a_readable_path_cannot_be_changed_and_a_writable_one_can() {
    if !is_allowed() {
        return;
    }
    let (read, write) = (folder(), folder());
    fs::write(read.path().join("a"), "old").unwrap();
    fs::set_permissions(read.path().join("a"), Permissions::from_mode(0o666)).unwrap();
    let script = format!(
        "echo new > {0}/a; touch {0}/b; rm -f {0}/a; echo made > {1}/c; touch /usr/x /x /etc/x; echo t > /tmp/t; cat {0}/a {1}/c /tmp/t",
        read.path().display(),
        write.path().display()
    );
    let out = says(&script, |it| {
        it.read.push(read.path().to_owned());
        it.write.push(write.path().to_owned());
    });
    assert_eq!(out, "oldmade\nt");
    assert_eq!(fs::read_to_string(write.path().join("c")).unwrap(), "made\n");
    assert_eq!(fs::read_dir(read.path()).unwrap().count(), 1);
}

#[test]
fn a_mount_below_a_readable_path_cannot_be_changed_either() {
    if !is_allowed() {
        return;
    }
    // Machines have mounts below /sys, such as that of control groups.
    let mounts =
        |text: String| text.lines().filter(|line| line.contains(" /sys")).map(str::to_owned).collect::<Vec<_>>();
    let machine = mounts(fs::read_to_string("/proc/self/mountinfo").unwrap());
    let shown = mounts(says("cat /proc/self/mountinfo", |it| it.read.push("/sys".into())));
    assert_eq!(shown.len(), machine.len());
    assert!(shown.iter().all(|line| line.contains(" ro,")), "{shown:?}");
}

#[test]
fn the_network_is_out_of_reach_even_on_loopback() {
    if !is_allowed() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached");
    assert_eq!(says(&script, |_| ()), "");
    assert_eq!(says(&script, |it| it.network = true), "reached");
}

#[test]
fn the_user_is_nobody_and_can_get_no_rights() {
    if !is_allowed() {
        return;
    }
    let script = "id -u; id -G; grep -E '^(CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs):' /proc/self/status | tr -d '\\t'; \
                  unshare -U true && echo space; mount -t tmpfs x /tmp && echo mounted; chroot / true && echo rooted; \
                  find / -xdev -perm /4000 -exec {} \\; -quit >/dev/null 2>&1; id -u";
    let zero = "0000000000000000";
    let expected =
        format!("65534\n65534\nCapPrm:{zero}\nCapEff:{zero}\nCapBnd:{zero}\nCapAmb:{zero}\nNoNewPrivs:1\n65534");
    assert_eq!(says(script, |_| ()), expected);
}

#[test]
fn only_its_own_processes_are_there() {
    if !is_allowed() {
        return;
    }
    let me = std::process::id();
    let script =
        format!("kill -9 {me} && echo killed; ls /proc | grep -c '^[0-9]'; [ -e /proc/{me}/environ ] && echo seen");
    let out = says(&script, |_| ());
    assert!(out.parse::<u32>().is_ok_and(|count| count <= 4), "{out}");
}

#[test]
fn memory_processes_and_files_are_bounded() {
    if !is_allowed() {
        return;
    }
    let out = says("head -c 200M /dev/zero | tail > /dev/null; echo ${PIPESTATUS[1]}", |it| it.memory = 64 << 20);
    assert_eq!(out, "1");
    // Some shells end if they cannot start a process, and others try again for some seconds.
    let script = "n=0; while [ $n -lt 60 ]; do sleep 30 & n=$((n+1)); echo $n; done";
    let output = run(script, |it| {
        it.program = "/bin/sh".into();
        it.processes = 20;
    });
    let count = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!((1..=20).contains(&count), "{count}");
    assert_eq!(says("ulimit -n; ulimit -c", |it| it.open_files = 64), "64\n0");
    assert_eq!(
        says("head -c 200M /dev/zero > /tmp/big; [ $(stat -c %s /tmp/big) -lt 70000000 ] && echo full", |_| ()),
        "full"
    );
}

/// Waits until nobody holds the output of a program any more.
fn ends(mut output: impl std::io::Read, since: Instant) {
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert!(since.elapsed() < Duration::from_secs(30), "the program lived on");
}

#[test]
fn the_program_ends_with_the_process_that_waits_for_it() {
    if !is_allowed() {
        return;
    }
    let mut child = shell("trap '' TERM; (sleep 60 &); echo up; sleep 60", |_| ())
        .env("PATH", "/usr/bin:/bin")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 3]).unwrap();
    let since = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    ends(output, since);
}

#[test]
fn the_program_ends_with_the_process_that_started_it() {
    if !is_allowed() {
        return;
    }
    let confinement = shell("echo up; sleep 60", |_| ()).get_args().nth(1).unwrap().to_owned();
    let mut starter = Command::new("/bin/bash")
        .args(["-c", "\"$0\" \"$1\" \"$2\"; true", CONFINING, CONFINE_ARGUMENT])
        .arg(confinement)
        .env("PATH", "/usr/bin:/bin")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = starter.stdout.take().unwrap();
    output.read_exact(&mut [0; 3]).unwrap();
    let since = Instant::now();
    starter.kill().unwrap();
    starter.wait().unwrap();
    ends(output, since);
}

#[test]
fn a_program_that_cannot_be_confined_does_not_run() {
    if !is_allowed() {
        return;
    }
    let fault = |output: Output| {
        assert_eq!(output.status.code(), Some(i32::from(NOT_STARTED)));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = fault(run("echo ran", |it| it.read.push("/nowhere/at/all".into())));
    assert!(missing.contains("cannot show /nowhere/at/all to the program"), "{missing}");
    let above = fault(run("echo ran", |it| it.read.push("/usr/../etc".into())));
    assert!(above.contains("cannot show /usr/../etc"), "{above}");
    for own in ["/", "/proc/1", "/dev", "usr"] {
        assert!(fault(run("echo ran", |it| it.read.push(own.into()))).contains(&format!("cannot show {own} ")));
    }
    let program = fault(run("echo ran", |it| it.program = "/opt/none".into()));
    assert!(program.contains("cannot run /opt/none"), "{program}");
    let folder = fault(run("echo ran", |it| it.directory = "/root".into()));
    assert!(folder.contains("cannot run /bin/bash"), "{folder}");
    let inner = Command::new(CONFINING).args([CONFINE_ARGUMENT, "--inner", "{}"]).output().unwrap();
    assert!(fault(inner).contains("only the executor starts programs so"));
}

#[test]
fn a_probe_finds_a_fault_and_runs_nothing() {
    if !is_allowed() {
        return;
    }
    let confining = Confining::at(CONFINING);
    let confinement = Confinement { arguments: vec!["-c".into(), "echo ran".into()], ..Confinement::of("/bin/bash") };
    confinement.probe(&confining).unwrap();
    let missing = Confinement { read: vec!["/nowhere".into()], ..confinement };
    let fault = missing.probe(&confining).unwrap_err().to_string();
    assert!(fault.starts_with("cannot show /nowhere to the program"), "{fault}");
}

#[test]
fn a_file_that_the_starter_left_open_is_closed() {
    if !is_allowed() {
        return;
    }
    let folder = folder();
    fs::write(folder.path().join("open"), "").unwrap();
    let confinement = shell("ls /proc/self/fd | wc -l; true", |_| ()).get_args().nth(1).unwrap().to_owned();
    let script = "exec 7<\"$3\"; exec \"$0\" \"$1\" \"$2\"";
    let output = Command::new("/bin/bash")
        .args(["-c", script, CONFINING, CONFINE_ARGUMENT])
        .arg(confinement)
        .arg(folder.path().join("open"))
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    // Input, output, error, and the folder that is listed.
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4");
}
