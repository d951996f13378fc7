//! The page of programs in the documents is the table of models.

use std::fmt::Write as _;

use callgate_kinds::command::{self, ProgramModel};

const HEAD: &str = "\
# Modelled programs

<!-- Written by `CALLGATE_WRITE_DOCS=1 cargo test -p callgate-kinds --test programs page` from `src/kinds/src/command/programs`. -->

A profile's `run: [\"git diff\"]` allows the options and operands of this table, and refuses all others. A model is an allow-list: a new
option of a program is refused until the table has it. Long options are compared in full, so an abbreviation is refused.

Options without a value stand alone; `-abc` are three of them. `-n:S` takes a value in the same or the next word, `-n=S` in the same word.
`-#` is a number such as `-5`. With an option after `*` the program walks directories; one after `^` replaces the first operand, as does a value
in capitals. Operands after `--` in the table follow the word `--`. Letters stand for:

| letter | value or operand |
|---|---|
| `x` | free text; the output of another command may stand here |
| `t` | text; an absolute path in it must be readable |
| `n`, `m`, `f` | a number with a unit; a mode without set-id bits; `+FORMAT` |
| `r`, `w`, `d`, `v` | a path that is read, written, deleted, moved |
| `o` | a path that git reads; `:!PATTERN` leaves one out |
| `g`, `G` | a revision, `REVISION:PATH`, or a path that is read (`G`: or written) |
| `L`, `y`, `q` | lines of a path (`1,5:PATH`); a test in a file; a package of the project |
| `s`, `k`, `j` | a script of `sed`, `awk`, `jq` without effects |
| `i`, `b`, `h`, `p`, `l` | a suffix of copies; a name; a remote; a package of a registry; a level of lints |
| `u` | a URL of a listed host |
| `a`, `c` | `NAME=VALUE`; another command, judged like one that stands alone |
| `=A,B` | one of these words |

`?` is at most one operand, `*` any number, `+` one and more. **code**: the program runs code of the project, so with write access it can do
all that its user can. **net**: it reaches the network. **walk**: it reaches files that the line does not name.

These builtin commands need no entry, since each is judged by itself: `cd`, `pwd`, `true`, `false`, `:`, `exit`, `break`, `continue`, `wait`,
`read`, `set -e -u -x -o pipefail`, `export` of a listed variable, `command -v`, `type`. Nor do `sh -c LINE`, `bash -lc LINE` and the programs
whose last operand is `c`: the command inside is judged.

| program | operands | does | options |
|---|---|---|---|
";

const TAIL: &str = r#"
## Refused although it may be harmless

| line | reason | instead |
|---|---|---|
| `FOO=1 cargo test` | about a hundred variables make some program run code; only listed ones may be set | set it where the agent starts |
| `find … \| xargs cat` | `xargs` splits names at blanks, so a name can hold another path | `find … -print0 \| xargs -0 cat` |
| `cat names \| xargs -0 cat` | the line does not show the names | name the files |
| `find . -delete`, `find . -exec sed -i …` | the line does not name what it changes, and a `!` entry may forbid a part | name the files, or `rm -r DIRECTORY` |
| `rm *`, `sort *` | a file's name may be an option | `rm ./*` |
| `cat *`, if a `!` entry has a name without a dot | the pattern may match the forbidden name | `cat *.rs` |
| `find . -name *.rs` | the shell replaces the pattern first | `find . -name '*.rs'` |
| `cd` in a loop, `cd -`, `pushd` | the directory is not certain | `(cd DIRECTORY && …)` |
| `cp -r .`, `cp -r docs new` over a `!docs/secret` | the copy of a forbidden file would have another name | copy what is below |
| `[ a -a b ]`, `[ "$x" -eq 1 ]` | shells read long conditions in several ways; zsh evaluates numbers as code | `[ a ] && [ b ]`, `[ "$x" = 1 ]` |
| `printf %d "$x"` | some shells evaluate the argument | `printf %s "$x"` |
| an awk program with `>` or `\|` | it may write a file or run a program | turn the comparison round |
| `sed -i '' s/a/b/ FILE` | GNU's and BSD's `sed` read it differently | `sed -i.bak s/a/b/ FILE` |
| `git tag NAME`, `git branch NAME`, `git apply` | no model | an entry with `args`; the tool of patches |
| `tar xf a.tar` | the line does not name what the archive holds, which may be any path, link or hook | list it, and extract by hand |
| `git rebase -i`, `-x`; `git merge -s`, `-X`, `-e` | they run a line, an editor, or a program by its name | without these options |
| `git push --force`, `git clean -fd` | no model has the option | an entry with `args` |

## Honest lines that an example profile refuses

`agents_not_allowed.txt` in the tests lists 174 lines of agents that the profile `edit` of `contracts/agents` does not allow, and 369 others
are allowed. The reasons:

| message | for example | instead |
|---|---|---|
| `` no `run` or `ask` entry of the profile allows this command `` | `npx`, `gh`, `docker`, `ssh`, `python -c`, `node script.js`, `./build.sh`: they run any code, reach any host, or have no model | an entry with `args: any`, in a sandbox |
| the same | `curl`, `ps aux`, `env`, `kill`: the host is not listed, or other processes are seen or ended | an entry |
| `a path that the profile forbids may be among the matches` | `cat *`, `ls *.toml` beside `!@secrets`, which has `secrets.toml` | name the files, or `src/*.rs` |
| `has a class that programs read in two ways` | `ls [a-c]*.txt`: the language of the system changes ranges | `[abc]*.txt` |
| `` may become an option; write `./` or `--` before it `` | `wc -l "$f"` with a text that is not known | `wc -l -- "$f"` for known names; name the files |
| `` names that the line does not show; use `xargs -0` behind a program that lists files `` | `git ls-files \| xargs wc -l` | `git ls-files -z \| xargs -0 wc -l --` |
| `changes paths that are not in the line, and the profile may forbid some; name them` | `find . -name '*.log' -delete` | name the files |
| `a variable that is not on the list of harmless ones` | `FOO=bar ./run.sh` | set it where the agent starts |
| `` a shell that does not run one literal line: `sh -c LINE` `` | `bash scripts/setup.sh` | an entry with `args` for the script |
| `` a shell with other options than `-c` and `-lc` `` | `bash -n script.sh` | `shellcheck`, with an entry |
| `a program that runs another one, without that one` | `env`, which prints secrets; `xargs` alone | name the variable |
| `` `tar` that neither makes nor lists an archive `` | `tar xzf a.tar.gz` | see above |
| `an option that the program's model does not have` | `tail -f`, which never ends; `cargo doc --open`, which starts a browser | without it |
| `an operand more than the program's model has` | `git tag v1.2.0` | an entry with `args` |
| `is an empty path` | `sed -i '' …` of BSD | `sed -i.bak …` |
| `reads outside the profile's paths`, `writes outside the profile's paths` | `cat /etc/hosts`, `> /tmp/out.log` | a path that the profile allows |
| `reads a path that the profile forbids`, `writes a path that the profile forbids` | `[ -f .env ]`, `touch .git/config`: a `!` entry names it | another path |

## A directory that is deleted, moved, copied or changed

`rm -r`, `mv`, `cp -r`, `chmod -R`, `git rm -r`, `git mv`, `git checkout -- DIRECTORY` and `git restore` take all below a directory along.

| a `!` entry | `recursive: allow` (default) | `recursive: refuse` |
|---|---|---|
| the path itself, in any spelling or by a pattern | refused | refused |
| a path below it: `!docs/secret`, `!**/.cargo/config` and the operand `docs`, `.cargo`, `do*` | refused: delete, move, copy | refused |
| a name at any depth: `!.env`, `!*.pem` | **not seen** below the directory | refused |

With `recursive: refuse`, `rm FILE` without `-r` is still allowed, since it deletes no directory. `mv` may move a directory, so copy the file and delete it.
The whole of the workspace or of an allowed entry never goes, nor does all in it (`rm -rf ./*`).

## Not seen

- Symbolic links, `PATH`, aliases, and the start files of the agent's shell.
- Code that listed programs run: scripts of npm, tests, build scripts, hooks; `.git/config`, `.gitattributes`, `~/.curlrc`, `.cargo/config.toml`.
- Files that a walk reaches (`rg`, `grep -r`, `find`, `git diff`), unless the profile says `recursive: refuse`; names in directories that go
  as a whole (above).
- Redirects of a listed host, if `curl` has `-L`.
- Options of BSD programs that differ from GNU's, but for those that could reach another path.
"#;

fn row(model: &ProgramModel) -> String {
    let traits = [(model.is_project_code, "code"), (model.is_network, "net"), (model.walks, "walk")];
    let does: Vec<&str> = traits.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    let code = |text: &str| if text.trim().is_empty() { String::new() } else { format!("`{}`", text.trim()) };
    format!("| `{}` | {} | {} | {} |\n", model.words, code(model.operands), does.join(", "), code(model.options))
}

#[test]
fn the_page_of_programs_is_the_table_of_models() {
    let mut page = HEAD.to_owned();
    for model in command::program_models() {
        write!(page, "{}", row(&model)).unwrap();
    }
    page.push_str(TAIL);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/programs.md");
    if std::env::var_os("CALLGATE_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/programs.md differs; run CALLGATE_WRITE_DOCS=1 cargo test -p callgate-kinds --test programs page"
    );
}
