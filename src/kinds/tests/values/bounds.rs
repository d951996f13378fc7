//! Time and memory have bounds that no text moves.

use callgate_kinds::cidr::CidrBlock;
use callgate_kinds::email::EmailAddress;
use callgate_kinds::path::{Glob, Os, Workspace};
use callgate_kinds::url::Url;

/// Characters that begin something for one of the readers.
const OPENERS: [&str; 24] = [
    "/", ".", "../", "a/", "\\", ":", "%", "{", "{a,", "{a,b}", "[", "[a", "*", "**/", "?", "@", "#", "~", "$", "!",
    "(", "1.", "::", "\u{e9}",
];

#[test]
fn a_text_over_its_bound_is_refused_for_its_length_before_it_is_read() {
    for os in [Os::Posix, Os::Windows] {
        let workspace = Workspace::new(if os == Os::Posix { "/w" } else { "C:\\w" }, os).unwrap();
        let root = workspace.root();
        for opener in OPENERS {
            let text = opener.repeat(65_536 / opener.len());
            let path = workspace.resolve(&text, &root).map(drop);
            let glob = Glob::read(&text, &workspace, &root).map(drop);
            let word = Glob::read_word(&text, &workspace, &root).map(drop);
            let results = [
                path,
                glob,
                word,
                Url::read(&text).map(drop),
                EmailAddress::read(&text).map(drop),
                CidrBlock::read(&text).map(drop),
            ];
            for result in results {
                let reason = result.unwrap_err().reason;
                assert!(reason.starts_with("is longer than"), "{opener:?}: {reason}");
            }
        }
    }
}
