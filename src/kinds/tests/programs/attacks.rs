//! Attacks on the judge itself: on positions, sets of values, directories, pipes, names and bounds.

use callgate_kinds::command::{CommandRules, EntryArguments};
use callgate_kinds::{Decision, Refusal};

use crate::profiles::{LOOK, Profile, entries, entry};

fn refused(profile: &Profile, lines: &[&str]) {
    let passed: Vec<&&str> = lines.iter().filter(|line| profile.judge(line).is_ok()).collect();
    assert!(passed.is_empty(), "passed: {passed:#?}");
}

fn allowed(profile: &Profile, lines: &[&str]) {
    let refused: Vec<String> = lines
        .iter()
        .filter_map(|line| profile.judge(line).err().map(|refusal| format!("{line:?}: {refusal}")))
        .collect();
    assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
}

#[test]
fn a_directory_that_the_line_enters_moves_later_paths() {
    let wide = Profile::wide();
    refused(
        &wide,
        &[
            "cd .. && ls",
            "cd /tmp && ls",
            "cd src/../.. && ls",
            "cd a && cat ../../x",
            "cd a; cat ../x",
            "cd a || cat ../../x",
            "cd a && cd b && cat ../../../x",
            "cd .git && cat config",
            "cd a && cat ../.git/config",
            "if cd a; then cat ../x; else cat ../x; fi",
            "cd a | cat ../../x",
            "(cd a) && cat ../x",
            "(cd a && ls) ; cat ../x",
            "while true; do cd a; done",
            "for d in a b; do cd $d; ls; cd ..; done",
            "git -C .. status",
            "git -C /tmp status",
            "git -C a diff -- ../../x",
            "git -C a -C ../.. status",
            "pushd a && ls",
            "popd",
            "cd a b",
            "cd -- -",
            "cd +1",
            "cd ''",
            "bash -c 'cd a'; cat ../x",
            "bash -c 'cd .. && ls'",
            "find . -exec cd {} \\;",
            "timeout 5 cd ..",
        ],
    );
    allowed(
        &wide,
        &[
            "cd a && cat ../x",
            "(cd a && cat ../x) && cat x",
            "cd a && git -C ../b status",
            "cd a && (cat ../x)",
            "cd a && cat ../x | head",
            "for d in a b; do (cd $d && ls); done",
        ],
    );
}

#[test]
fn more_than_eight_directories_are_not_followed() {
    let many: Vec<String> = (0..9).map(|n| format!("cd /work/project/d{n};")).collect();
    let refusal = Profile::wide().judge(&format!("{} ls", many.concat())).unwrap_err();
    assert!(refusal.to_string().contains("more than 8 directories"), "{refusal}");
}

#[test]
fn each_value_of_a_loop_is_judged() {
    let wide = Profile::wide();
    refused(
        &wide,
        &[
            "for f in a /etc/passwd; do cat $f; done",
            "for f in a ../x; do cat \"$f\"; done",
            "for f in a -o; do sort $f; done",
            "for f in -o /etc/x; do sort $f; done",
            "for c in ls id; do $c; done",
            "for s in status clean; do git $s; done",
            "for f in a .env; do cat $f; done",
            "for d in a /tmp; do (cd $d && ls); done",
            "for f in a; do cat $f; f=/etc/passwd; cat $f; done",
            "f=/etc/passwd; cat $f",
            "f=a; f=/etc/passwd; cat \"$f\"",
            "for s in p 'w x'; do sed -n $s a; done",
        ],
    );
}

#[test]
fn a_pattern_may_not_become_an_option_or_reach_a_forbidden_name() {
    let wide = Profile::wide();
    refused(
        &wide,
        &[
            "sort *",
            "rm *",
            "wc *",
            "cp * x",
            "chmod +x *",
            "rg foo *",
            "cat .*",
            "cat .e*",
            "cat .[a-z]*",
            "cat */.env",
            "cat src/.e*",
            "cat /etc/*",
            "cat ../*",
            "cat ?(a)",
            "cat src/*/../../../x",
            "cp a src/*",
            "mv src/* *",
            "tee src/* < a > .git/*",
            "uniq src/*",
            "sed -n s/a/b/* x",
            "grep foo* x",
            "find . -name *.rs",
            "find *",
            "git checkout *",
            "ls > *",
            "echo /etc/*",
            "xxd src/*",
            "cmp src/*",
            "rm -rf ./*/.git",
            "cp evil/.g* .",
        ],
    );
    allowed(
        &wide,
        &["cat *", "cat src/*", "wc -l ./*", "rm ./build/*", "cp src/*.rs dst", "sort -- *", "git add src/*.rs"],
    );
    refused(
        &Profile::new(&entries(LOOK), &[], &[".", "!secrets*"], &[]),
        &["cat *", "cat src/*", "cat src/s*", "head -5 ?ecrets"],
    );
    allowed(&Profile::new(&entries(LOOK), &[], &[".", "!secrets*"], &[]), &["cat src/a*"]);
}

#[test]
fn an_abbreviated_option_is_refused() {
    let wide = Profile::wide();
    refused(
        &wide,
        &[
            "sort --rev a",
            "sort --outpu a",
            "cp --recurs a b",
            "git log --onelin",
            "grep --recursiv x .",
            "ls --al",
            "rm --recurs a",
            "git diff --stagd",
        ],
    );
}

#[test]
fn an_option_after_the_operands_is_still_an_option() {
    let wide = Profile::wide();
    refused(
        &wide,
        &[
            "sort a -o /etc/x",
            "cp a b -t /etc",
            "rg x . --pre sh",
            "git log HEAD --output=/etc/x",
            "cargo test x --config y",
            "ls a -I /etc/passwd",
            "touch a -r /etc/x",
        ],
    );
    // After `--` a word is an operand.
    refused(&wide, &["cat -- -n /etc/passwd", "rm -- -rf /"]);
    allowed(&wide, &["cat -- -n", "grep -- -n a", "git log -- -x"]);
}

#[test]
fn xargs_hands_over_only_names_below_judged_directories() {
    let wide = Profile::wide();
    allowed(
        &wide,
        &[
            "find . -print0 | xargs -0 cat",
            "find src -name '*.rs' -print0 | sort -z | xargs -0 wc -l",
            "git ls-files -z | head -z -n 5 | xargs -0 cat",
            "rg -l0 x src | xargs -0 sort",
            "find src -print0 | xargs -0 -I{} head -1 {}",
            "grep -rlZ x src | xargs -0 cat",
        ],
    );
    refused(
        &wide,
        &[
            "find . -print0 | (xargs -0 id)",
            "find . -print0 | xargs -0 rm",
            "find . -print0 | xargs -0 tee",
            "find . -print0 | xargs -0 touch",
            "find . -print0 | xargs -0 cp -t dst",
            "find . -print0 | xargs -0 mv -t dst",
            "find . -print0 | xargs -0 sed -n",
            "find . -print0 | xargs -0 awk",
            "find . -print0 | xargs -0 sh -c",
            "find . -print0 | xargs -0 env",
            "find . -print0 | xargs -0 timeout 5",
            "find . -print0 | xargs -0",
            "find . -print0 | xargs -0 git",
            "find . -print0 | xargs -0 cargo",
            "find . -print0 | xargs -0 find",
            "find . -print0 | xargs -0 cd",
            "find . -print0 | xargs -0 bash",
            "find . -print0 | cat /etc/passwd - | xargs -0 cat",
            "find . -print0 | tr a / | xargs -0 cat",
            "rg -l0 x | xargs -0 rg --pre",
            "rg -l0 x | xargs -0 uniq",
            "grep -rc x . | xargs -0 cat",
            "grep -rhl x . | grep -o x | xargs -0 cat",
            "rg --json -l0 x | xargs -0 cat",
            "find . -print0 | head -z -c 5 | xargs -0 cat",
        ],
    );
    refused(
        &Profile::wide().without_recursion(),
        &["find . -print0 | xargs -0 cat", "rg x", "grep -r x .", "git diff", "ls -R"],
    );
    allowed(&Profile::wide().without_recursion(), &["ls", "grep x a", "git status", "cat a", "git log --oneline"]);
}

#[test]
fn entries_decide_by_their_words() {
    let paths = ["."];
    let words = |list: &[&str]| EntryArguments::Words(list.iter().map(|word| (*word).to_owned()).collect());
    let profile = Profile::new(
        &[
            entry("git", EntryArguments::Any),
            entry("terraform plan", EntryArguments::Any),
            entry("make", EntryArguments::None),
            entry("cargo build", words(&["--release", "-p", "*", "--features", "*"])),
            entry("/usr/bin/tool", EntryArguments::None),
        ],
        &[entry("git push", EntryArguments::Any), entry("terraform apply", EntryArguments::None)],
        &paths,
        &paths,
    );
    allowed(
        &profile,
        &[
            "git anything --at-all",
            "terraform plan -out x",
            "make",
            "cargo build",
            "cargo build --release -p json --features a,b -p x",
            "/usr/bin/tool",
        ],
    );
    refused(
        &profile,
        &[
            "terraform",
            "terraform -chdir=/ plan",
            "make test",
            "make > /etc/x",
            "cargo build --target-dir /tmp",
            "cargo build -p",
            "cargo build -p --release",
            "cargo build json",
            "cargo build -p \"$x\"",
            "tool",
            "./usr/bin/tool",
            "terraform apply -auto-approve",
        ],
    );
    let decision = |line: &str| profile.judge(line).map(|judged| judged.decision);
    assert_eq!(decision("git push --force"), Ok(Decision::Ask));
    assert_eq!(decision("git status && git push"), Ok(Decision::Ask));
    assert_eq!(decision("timeout 5 git push"), Ok(Decision::Ask));
    assert_eq!(decision("bash -c 'git push'"), Ok(Decision::Ask));
    assert_eq!(decision("echo $(git push)"), Err(no_entry(1, 2)));
    assert_eq!(decision("git status"), Ok(Decision::Allow));
    assert_eq!(decision("terraform apply"), Ok(Decision::Ask));
}

fn no_entry(index: u16, of: u16) -> Refusal {
    let spot = callgate_kinds::Spot::Command { index, of, word: Some(1) };
    Refusal { spot, reason: "no `run` or `ask` entry of the profile allows this command" }
}

#[test]
fn an_entry_without_meaning_is_an_error_that_says_what_to_do() {
    for (words, problem) in [
        ("terraform plan", "no model of"),
        ("", "names no program"),
        ("git foo", "no model of"),
        ("bash", "needs no entry"),
    ] {
        let faults = CommandRules::compile(&entries(&[words]), &[]).unwrap_err();
        assert!(faults[0].problem.contains(problem), "{words}: {}", faults[0].problem);
    }
    let rules = CommandRules::compile(&[entry("terraform", EntryArguments::Any)], &[]).unwrap();
    assert!(rules.warnings()[0].problem.contains("nobody judges"));
}

#[test]
fn a_refusal_names_the_command_and_the_word_and_no_value() {
    let look = Profile::look();
    for (line, message) in [
        ("ls && cat a /etc/passwd && pwd", "command 2 of 3, word 3: reads outside the profile's paths"),
        ("ls > out", "command 1 of 1: writes outside the profile's paths"),
        ("ls; id secret", "command 2 of 2, word 1: no `run` or `ask` entry of the profile allows this command"),
        ("git log --output=secret", "command 1 of 1, word 3: an option that the program's model does not have"),
        ("timeout 5 cat /etc/passwd", "command 1 of 1, word 4: reads outside the profile's paths"),
        ("cat .git/config", "command 1 of 1, word 2: reads a path that the profile forbids"),
    ] {
        assert_eq!(look.judge(line).unwrap_err().to_string(), message, "{line}");
    }
}

#[test]
fn the_reading_says_what_was_understood() {
    let judged = Profile::edit().judge(
        "cd src && sed -i s/a/b/ lib.rs && timeout 9 git push origin main | tee \"$x.log\" 2>/dev/null; ls $(pwd)",
    );
    assert!(judged.is_err());
    let judged = Profile::edit()
        .judge("cd src && sed -i s/a/b/ lib.rs && timeout 9 git push -u origin main; echo \"$x\" | tee log")
        .unwrap();
    let shown: Vec<String> = judged
        .reading
        .commands
        .iter()
        .map(|command| {
            let words: Vec<String> =
                command.words.iter().map(|word| format!("{}:{}", word.text, word.sort.as_str())).collect();
            let bases: Vec<String> = command.bases.iter().map(ToString::to_string).collect();
            let paths: Vec<String> =
                command.paths.iter().map(|path| format!("{} {}", path.mode.as_str(), path.path)).collect();
            format!(
                "{} in {} uses [{}] by {:?}",
                words.join(" "),
                bases.join(" or "),
                paths.join(", "),
                command.entries
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "cd:program src:path in /work/project uses [read /work/project/src] by []",
            "sed:program -i:option s/a/b/:script lib.rs:path in /work/project/src uses [write /work/project/src/lib.rs] by [\"sed -i\"]",
            "timeout:program 9:number git:program push:subcommand -u:option origin:text main:text in /work/project/src uses [read /work/project/src] by [\"git push\"]",
            "echo:program …:text in /work/project/src or /work/project uses [] by [\"echo\"]",
            "tee:program log:path in /work/project/src or /work/project uses [write /work/project/src/log, write /work/project/log] by [\"tee\"]",
        ]
    );
    let reading = &judged.reading;
    assert_eq!(reading.programs().collect::<Vec<_>>(), ["cd", "sed", "timeout", "git", "echo", "tee"]);
    assert_eq!((reading.is_network(), reading.is_unknown()), (true, true));
    assert_eq!((reading.reads().count(), reading.writes().count()), (2, 3));
}

#[test]
fn work_and_depth_are_bounded() {
    let wide = Profile::wide();
    let nested = "timeout 5 ".repeat(17);
    assert!(wide.judge(&format!("{nested} ls")).unwrap_err().to_string().contains("more than 16 programs"));
    assert!(wide.judge(&format!("{} ls", "timeout 5 ".repeat(15))).is_ok());
    // 32 values, 8 directories and 80 words are more than one line may check.
    let values: Vec<String> = (0..32).map(|n| format!("v{n}")).collect();
    let moves: Vec<String> = (0..7).map(|n| format!("cd /work/project/d{n};")).collect();
    let words = " $f".repeat(80);
    let line = format!("{} for f in {}; do cat{words}; done", moves.concat(), values.join(" "));
    assert!(wide.judge(&line).unwrap_err().to_string().contains("more paths than are checked"));
    assert!(wide.judge(&format!("cat {}", "a ".repeat(4000))).is_ok());
    // Deep directories cost more, so that many commands in them do not add up.
    let deep: Vec<String> = (0..7).map(|n| format!("cd /work/project/d{n}/{};", "a/".repeat(240))).collect();
    assert!(
        wide.judge(&format!("{} {}", deep.concat(), "ls;".repeat(1500)))
            .unwrap_err()
            .to_string()
            .contains("more paths than")
    );
    // The names of a directory are read again for each path below it.
    let long = format!("{}/", "e".repeat(200)).repeat(19);
    let line = |words| format!("cd {long} && cat {}", "a ".repeat(words));
    assert!(wide.judge(&line(100)).is_ok());
    assert!(wide.judge(&line(4000)).unwrap_err().to_string().contains("more paths than"));
}
