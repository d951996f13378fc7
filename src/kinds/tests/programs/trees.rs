//! Programs that delete, move, copy or change a directory with all that lies below it.

use crate::profiles::Profile;

fn verdicts(profile: &Profile, lines: &[&str], is_allowed: bool) {
    let wrong: Vec<String> = lines
        .iter()
        .map(|line| (line, profile.judge(line)))
        .filter(|(_, judged)| judged.is_ok() != is_allowed)
        .map(|(line, judged)| format!("{line}: {:?}", judged.map(|_| ())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PATHS: &[&str] =
    &[".", "!.git", "!.env*", "!docs/secret", "!**/.cargo/credentials*", "!*.pem", "!id_rsa*", "!keys"];

#[test]
fn a_directory_goes_with_forbidden_names_below_it_unless_walks_are_refused() {
    let lines = [
        "rm -rf target",
        "rm -r src/old",
        "rm -rf node_modules dist",
        "rm -rf ./build/x*",
        "mv src/a src/b",
        "mv src/*.js lib/",
        "cp -r src/a src/b",
        "chmod -R +x scripts",
        "git rm -r src/old",
        "git mv src/a src/b",
        "git checkout -- src",
        "git restore src",
        "rg x src",
    ];
    verdicts(&Profile::wide_in(PATHS), &lines, true);
    verdicts(&Profile::wide_in(PATHS).without_recursion(), &lines, false);
    // Without a name that can lie below, the directory is certain.
    verdicts(&Profile::wide_in(&[".", "!docs/secret"]).without_recursion(), &lines, true);
}

#[test]
fn files_are_deleted_and_changed_though_walks_are_refused() {
    verdicts(
        &Profile::wide_in(PATHS).without_recursion(),
        &[
            "rm src/a.rs",
            "rm -f a b",
            "rm -- -x",
            "rmdir src/empty",
            "cp src/a.rs src/b.rs && rm src/a.rs",
            "git rm src/a.rs",
            "chmod +x run.sh",
            "sed -i.bak s/a/b/ src/a.rs",
            "touch a",
            "cat src/a.rs",
        ],
        true,
    );
}

#[test]
fn a_directory_that_an_entry_reaches_into_does_not_go() {
    for profile in [Profile::wide_in(PATHS), Profile::wide_in(PATHS).without_recursion()] {
        verdicts(
            &profile,
            &[
                "rm -rf docs",
                "rm -rf doc*",
                "rm -rf ./d*",
                "mv docs d2",
                "mv doc* d2",
                "mv ./d?cs d2",
                "cp -r docs d2",
                "cp -r do* d2",
                "cp -a [d]ocs d2",
                "git mv docs d2",
                "git mv do* d2",
                "rm -rf .cargo",
                "mv .cargo c",
                "mv a/.cargo c",
                "mv a/.car* c",
                "cp -r a/.cargo c",
                "cp -r a/.c* c",
                "mv .CARGO c",
                "rm -rf docs/secret",
                "mv docs/s* x",
                "rm -rf .",
                "rm -rf ./*",
                "mv ./* docs",
                "cp -r ./* x",
                "find . -delete",
                "find src -name x -exec rm -rf {} +",
            ],
            false,
        );
    }
}

#[test]
fn a_pattern_with_a_letter_meets_a_forbidden_pattern_in_stars_only_if_walks_are_refused() {
    let lines = ["cat src/*.rs", "wc -l src/*.rs", "rm ./*.log", "ls src/*.js", "git add src/*.ts", "mv src/*.c lib"];
    verdicts(&Profile::wide_in(PATHS), &lines, true);
    verdicts(&Profile::wide_in(PATHS).without_recursion(), &lines, false);
    verdicts(
        &Profile::wide_in(PATHS),
        &["cat *", "cat src/*", "cat *.p*", "cat k*", "cat id_*", "cat *_rsa", "cat src/k*/x", "cat [k]eys"],
        false,
    );
}

#[test]
fn an_option_before_a_pattern_stays_that_option() {
    let wide = Profile::wide();
    verdicts(&wide, &["grep -rn foo --include=*.rs src", "grep --exclude=*.min.* x -r ."], true);
    verdicts(
        &wide,
        &[
            "sort --output=* a",
            "grep --fi*=x a",
            "git diff --outp*=x",
            "tar -cf x.tar --fil*=y src",
            "cargo test --target=*",
        ],
        false,
    );
}

#[test]
fn what_is_read_only_gets_no_other_name() {
    // The profile may write the directory, and may not read a part of it.
    let read = [".", "!docs/secret"];
    let profile = Profile::new(&crate::profiles::entries(&["mv", "cp", "cat"]), &[], &read, &["."]);
    verdicts(&profile, &["mv docs d2", "mv do* d2", "cp -r docs d2", "cat docs/secret"], false);
    verdicts(&profile, &["mv src d2", "mv docs/open d2", "cp -r src d2"], true);
}
