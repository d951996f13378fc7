//! Granted folders.

use callgate_contract::{FileGrant, FileMode};

#[test]
fn a_host_path_is_split_at_its_tenant() {
    for (host, expected) in [
        ("data", None),
        ("data/{tenant}", Some(("data/", vec![]))),
        ("{tenant}", Some((".", vec![]))),
        ("/srv/{tenant}/in/new/", Some(("/srv/", vec!["in", "new"]))),
    ] {
        let grant = FileGrant { host: host.into(), guest: "/data".into(), mode: FileMode::Ro, quota: 0 };
        let split = grant.per_tenant().map(|(above, below)| (above, below.collect::<Vec<_>>()));
        assert_eq!(split, expected, "{host}");
    }
}
