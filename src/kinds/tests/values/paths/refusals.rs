//! Texts that are no path for certain, each with its reason.

use super::{project, resolve, windows};
use callgate_kinds::path::{Os, Workspace};

#[test]
fn texts_that_two_systems_read_in_two_ways_are_refused_with_their_byte() {
    let long = "a/".repeat(2100);
    let name = format!("src/{}", "n".repeat(256));
    let deep = "a/".repeat(255);
    let table = [
        ("", "is an empty path"),
        (long.as_str(), "byte 4096: is longer than 4,096 bytes"),
        (name.as_str(), "byte 4: has a name of more than 255 bytes"),
        (deep.as_str(), "byte 508: has more than 256 directories"),
        ("~/x", "byte 0: begins with `~`"),
        ("~root", "byte 0: begins with `~`"),
        ("$HOME/x", "byte 0: begins with `$`"),
        (" a", "byte 0: begins with a blank"),
        ("a\t", "byte 1: ends with a blank"),
        ("a\u{3000}", "byte 1: ends with a blank"),
        ("a /", "byte 3: ends with a blank"),
        ("a\0.png", "byte 1: has a NUL"),
        ("a\nb", "byte 1: has a control character"),
        ("a\u{7f}b", "byte 1: has a control character"),
        ("a\u{85}b", "byte 1: has a control character"),
        ("a\u{2028}b", "byte 1: has a control character"),
        ("src/\u{202e}gnp.sr", "byte 4: has a character that changes the direction"),
        (".g\u{200c}it", "byte 2: has an invisible character"),
        (".git\u{feff}", "byte 4: has an invisible character"),
        (".gi\u{fe0f}t", "byte 3: has an invisible character"),
        ("a\u{e0041}", "byte 1: has an invisible character"),
        (".git\u{a0}/x", "byte 4: has a blank that is not the plain one"),
        ("a\u{2044}b", "byte 1: has a character that some programs read as a separator"),
        ("a\u{2105}b", "byte 1: has a character that some programs read as a separator"),
        ("..\u{ff0f}b", "byte 2: has a character that some programs read as a separator"),
        ("\u{2025}/b", "byte 0: has a character that some programs read as dots"),
        ("\u{ff0e}\u{ff0e}/b", "byte 0: has a character that some programs read as dots"),
        ("a\u{f05c}b", "byte 1: has a private character"),
        ("%2e%2E/x", "byte 0: has a percent-encoded"),
        ("a%2fb", "byte 1: has a percent-encoded"),
        ("a%5Cb", "byte 1: has a percent-encoded"),
        ("%252e%252e/x", "byte 0: has a percent-encoded"),
        ("%c0%ae/x", "byte 0: has a percent-encoded"),
        ("//host/x", "byte 0: begins with exactly two `/`"),
        ("a\\b", "byte 1: has a backslash"),
        ("a:b", "byte 1: has `:`"),
        ("file:///etc/passwd", "byte 4: has `:`"),
        ("src/*.rs", "byte 4: has a wildcard"),
        ("/..", "byte 1: has `..` that leads above the root"),
        ("a/../../../../x", "byte 11: has `..` that leads above the root"),
        ("/proc/self/root/etc/passwd", "names a link of the kernel"),
        ("/proc/1/../1/cwd", "names a link of the kernel"),
        ("/proc/self/task/1/root/x", "names a link of the kernel"),
        ("/dev/fd/3", "names a link of the kernel"),
    ];
    let workspace = project();
    for (text, reason) in table {
        let refusal = workspace.resolve(text, &workspace.root()).expect_err(text).to_string();
        assert!(refusal.starts_with(reason), "{text:?}: {refusal}");
    }
}

#[test]
fn names_that_only_look_unusual_are_read() {
    let table = [
        ("///work/project/a", "/work/project/a"),
        ("./a/./b//c/", "/work/project/a/b/c"),
        (".", "/work/project"),
        ("..", "/work"),
        ("../..", "/"),
        ("a/..", "/work/project"),
        ("src/..;/x", "/work/project/src/..;/x"),
        ("...", "/work/project/..."),
        ("-rf", "/work/project/-rf"),
        ("a b/c", "/work/project/a b/c"),
        ("app/[slug]/$id.tsx", "/work/project/app/[slug]/$id.tsx"),
        ("app/(auth)/{x}", "/work/project/app/(auth)/{x}"),
        ("a~/b~1", "/work/project/a~/b~1"),
        ("100%.txt", "/work/project/100%.txt"),
        ("a%", "/work/project/a%"),
        ("caf\u{e9}", "/work/project/caf\u{e9}"),
        ("cafe\u{301}", "/work/project/cafe\u{301}"),
        ("\u{65e5}\u{672c}.md", "/work/project/\u{65e5}\u{672c}.md"),
        ("/proc/cpuinfo", "/proc/cpuinfo"),
    ];
    for (text, normal) in table {
        assert_eq!(resolve(text, &project()).to_string(), normal, "{text:?}");
    }
}

#[test]
fn names_that_windows_reads_as_something_else_are_refused() {
    let table = [
        (r"\\server\share\x", "byte 0: names a device or a network share"),
        ("//server/share/x", "byte 0: names a device or a network share"),
        (r"\\?\C:\x", "byte 0: names a device or a network share"),
        (r"\\.\PhysicalDrive0", "byte 0: names a device or a network share"),
        (r"\??\C:\x", "byte 0: begins at the root of an unnamed drive"),
        (r"\x", "byte 0: begins at the root of an unnamed drive"),
        ("/x", "byte 0: begins at the root of an unnamed drive"),
        ("C:x", "byte 0: names a drive without an absolute path"),
        ("C:", "byte 0: names a drive without an absolute path"),
        (r"1:\x", "byte 0: names a drive without an absolute path"),
        (r"src\a:b", "byte 5: names a stream"),
        (r"src\a::$DATA", "byte 5: names a stream"),
        ("a\u{ff1a}b", "byte 1: has a character that Windows may map"),
        ("%USERPROFILE%\\x", "byte 12: has a name between two `%`"),
        (r"a|b", "byte 1: has a character that no file name"),
        (r"a<b", "byte 1: has a character that no file name"),
        (r"src\a.", "byte 4: has a name that ends in a dot"),
        (r"src\a \b", "byte 4: has a name that ends in a dot"),
        (r"src\...\x", "byte 4: has a name that ends in a dot"),
        (r"src\.. \x", "byte 4: has a name that ends in a dot"),
        (r"src\NUL", "byte 4: names a device"),
        (r"con", "byte 0: names a device"),
        (r"con.tar.gz", "byte 0: names a device"),
        (r"con .txt", "byte 0: names a device"),
        (r"com1.txt", "byte 0: names a device"),
        ("LPT\u{b2}", "byte 0: names a device"),
        ("conin$", "byte 0: names a device"),
        (r"GIT~1\config", "byte 0: has the short name"),
        (r"a\PROGR~12.TXT", "byte 2: has the short name"),
        (r"C:\..", "byte 3: has `..` that leads above"),
    ];
    let workspace = windows();
    for (text, reason) in table {
        let refusal = workspace.resolve(text, &workspace.root()).map(|path| path.to_string());
        let refusal = refusal.expect_err(text).to_string();
        assert!(refusal.starts_with(reason), "{text:?}: {refusal}");
    }
}

#[test]
fn windows_paths_with_either_separator_are_read() {
    let table = [
        (r"C:\work\project\src\a.rs", r"C:\work\project\src\a.rs"),
        ("c:/work/project/a", r"C:\work\project\a"),
        (r"src/a\b", r"C:\work\project\src\a\b"),
        (r"..\..", r"C:\"),
        (r"D:\", r"D:\"),
        ("console.log", r"C:\work\project\console.log"),
        ("com10", r"C:\work\project\com10"),
        ("a~b", r"C:\work\project\a~b"),
    ];
    for (text, normal) in table {
        assert_eq!(resolve(text, &windows()).to_string(), normal, "{text:?}");
    }
}

#[test]
fn a_strict_workspace_refuses_dots_after_a_name() {
    let workspace = project().strict(true);
    let (root, below) = (workspace.root(), resolve("src", &workspace));
    assert!(workspace.resolve("src/../b", &root).is_err());
    assert!(workspace.resolve("../b", &below).is_err(), "a name of the base may be a link, too");
    assert_eq!(workspace.resolve("../b", &root).unwrap().to_string(), "/work/b", "the root's own names are no links");
    assert_eq!(workspace.resolve("/work/project/src/a", &root).unwrap().to_string(), "/work/project/src/a");
}

#[test]
fn a_root_is_an_absolute_path_without_dots() {
    for root in ["work", "", "/work/../x", "~/x", "C:/work", "/work/*", &"/a".repeat(65)] {
        assert!(Workspace::new(root, Os::Posix).is_err(), "{root:?}");
    }
    for root in ["/work", r"work", r"\work", r"C:work", r"\\server\share"] {
        assert!(Workspace::new(root, Os::Windows).is_err(), "{root:?}");
    }
    assert_eq!(Workspace::new("/", Os::Posix).unwrap().root().to_string(), "/");
    assert_eq!(Workspace::new("/work/", Os::Posix).unwrap().root().to_string(), "/work");
}
