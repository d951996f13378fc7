//! Models of git's subcommands. The configuration and the hooks of the repository are not seen.

use super::{HERE, LISTS, Model, NETWORK, PROJECT, WALKS, model};

/// Options before the subcommand.
pub(in super::super) const GLOBAL: Model =
    model("git", "-P -C:r --no-pager --no-optional-locks --literal-pathspecs --no-replace-objects", "c", super::STOPS);

const DIFF: &str = "-abBCDMpRsuWwz -# -G:x -S:x -U:n -l:n --abbrev=n --binary --cached --check --color=t --color-moved=t --color-words=x \
    --compact-summary --cumulative --diff-algorithm:t --diff-filter:t --dirstat=t --exit-code --find-copies --find-renames=t \
    --full-index --function-context --histogram --ignore-all-space --ignore-blank-lines --ignore-space-at-eol --ignore-space-change \
    --inter-hunk-context:n --merge-base --minimal --name-only --name-status --no-color --no-ext-diff --no-patch --no-prefix \
    --no-renames --no-textconv --numstat --patch --patch-with-stat --patience --pickaxe-all --pickaxe-regex --quiet --raw --relative=r \
    --shortstat --staged --stat=t --submodule=t --summary --text --unified:n --word-diff=t --word-diff-regex:x";
const LOG: &str = "-abcgiMCmrswzEF *-pu -# -G:x *-L:L -n:n -S:x -U:n --abbrev-commit --abbrev=n --after:x --all --all-match --ancestry-path=x --author:x \
    --author-date-order --before:x --boundary --branches=x --cherry --cherry-mark --cherry-pick --children --committer:x \
    --date-order --date:x --decorate=t --decorate-refs:x --diff-filter:t --dirstat=t --exclude:x --find-renames=t --first-parent --follow \
    --format=x --full-history --glob:x --graph --grep:x --histogram --ignore-all-space --invert-grep --left-right --max-count:n --merges \
    --merge-base --minimal --name-only --name-status --no-color --no-decorate --no-ext-diff --no-merges --no-patch --no-renames --no-textconv \
    --no-walk=t --not --numstat --oneline --parents *--patch *--patch-with-stat --pickaxe-regex --pretty=x --quiet --raw \
    --regexp-ignore-case --relative-date --remotes=x --reverse --shortstat --simplify-by-decoration --since:x --skip:n --source --stat=t \
    --summary --tags=x --text --topo-order --unified:n --until:x --walk-reflogs --word-diff=t --color=t";

/// The subcommands.
pub(super) const MODELS: &[Model] = &[
    model(
        "git status",
        "-bsvz -u=t --ahead-behind --branch --column=t --ignored=t --long --no-renames --porcelain=t --renames --short --show-stash \
         --untracked-files=t --verbose",
        "r* -- r*",
        HERE,
    ),
    model("git diff", DIFF, "g* -- o*", HERE | WALKS),
    model("git log", LOG, "g* -- o*", HERE),
    model("git show", LOG, "g* -- o*", HERE | WALKS),
    model(
        "git shortlog",
        "-cens --all --after:x --before:x --email --no-merges --numbered --since:x --summary --until:x",
        "g* -- o*",
        HERE,
    ),
    model("git reflog", "-n:n -# --all --date:x --format=x --oneline --pretty=x", "=show g*", HERE),
    model(
        "git blame",
        "-bcCeflMnpstw -L:L --abbrev=n --date:x --ignore-rev:x --line-porcelain --porcelain --root --show-email --show-name --show-number \
         --show-stats",
        "g* -- r*",
        HERE,
    ),
    model(
        "git ls-files",
        "-cdikmorstuvz -x:x --abbrev=n --cached --deduplicate --deleted --eol --error-unmatch --exclude-standard --exclude:x --full-name \
         --ignored --killed --modified --others --stage --unmerged",
        "o* -- o*",
        HERE | LISTS,
    ),
    model("git ls-tree", "-dlrtz --abbrev=n --full-name --long --name-only --name-status", "g o*", HERE),
    model(
        "git rev-parse",
        "-q --abbrev-ref=t --absolute-git-dir --all --branches=x --git-common-dir --git-dir --is-bare-repository --is-inside-git-dir \
         --is-inside-work-tree --quiet --remotes=x --short=n --show-cdup --show-prefix --show-toplevel --symbolic-full-name --tags=x --verify",
        "g*",
        HERE,
    ),
    model(
        "git rev-list",
        "-# -n:n --all --branches=x --count --first-parent --left-right --max-count:n --merges --no-merges --reverse --since:x --tags=x --until:x",
        "g* -- o*",
        HERE,
    ),
    model("git merge-base", "-a --all --fork-point --independent --is-ancestor --octopus", "g*", HERE),
    model(
        "git describe",
        "-# --abbrev=n --all --always --contains --dirty=x --exact-match --first-parent --long --match:x --tags",
        "g*",
        HERE,
    ),
    model("git cat-file", "-epst", "g g?", HERE),
    model("git name-rev", "--always --name-only --tags", "g*", HERE),
    model("git check-ignore", "-nqv --no-index --non-matching --quiet --verbose", "r* -- r*", HERE),
    model(
        "git grep",
        "-acEFGhHiIlLnPpqvwWz -# -A:n -B:n -C:n -e:X -m:n --after-context:n --all-match --and --before-context:n --break --cached --column \
         --context:n --count --extended-regexp --files-with-matches --files-without-match --fixed-strings --function-context --heading \
         --ignore-case --invert-match --line-number --max-count:n --max-depth:n --name-only --not --null --only-matching --or \
         --perl-regexp --quiet --show-function --text --untracked --word-regexp -o",
        "x g* -- o*",
        HERE | WALKS | LISTS,
    ),
    model(
        "git branch",
        "-alqrv --abbrev=n --all --column=t --contains=x --format:x --ignore-case --list --merged=x --no-color --no-contains=x --no-merged=x \
         --points-at:x --remotes --show-current --sort:t --verbose",
        "",
        HERE,
    ),
    model(
        "git tag",
        "-l -n=n --column=t --contains=x --format:x --list --merged=x --no-merged=x --points-at:x --sort:t",
        "",
        HERE,
    ),
    model("git tag -l", "-n=n --format:x --sort:t", "x*", HERE),
    model("git remote", "-v --verbose", "=get-url b?", HERE),
    model("git config", "--get:b --get-all:b --show-origin --type:t --global --local", "", HERE),
    model("git stash list", "-# --format=x --oneline", "", HERE),
    model(
        "git stash show",
        "-pu --include-untracked --name-only --name-status --numstat --patch --stat=t",
        "g?",
        HERE | WALKS,
    ),
    model(
        "git stash push",
        "-kqSu -m:x --all --include-untracked --keep-index --message:x --quiet --staged",
        " -- w*",
        HERE | PROJECT,
    ),
    model("git stash pop", "-q --index --quiet", "g?", HERE | PROJECT),
    model("git stash apply", "-q --index --quiet", "g?", HERE | PROJECT),
    model(
        "git stash",
        "-kqSu -m:x --all --include-untracked --keep-index --message:x --quiet --staged",
        "",
        HERE | PROJECT,
    ),
    model(
        "git add",
        "-AnNuv --all --dry-run --ignore-errors --intent-to-add --no-all --refresh --update --verbose",
        "o* -- o*",
        HERE,
    ),
    model(
        "git commit",
        "-aqsv -m:x -F:r -t:r --all --allow-empty --amend --author:x --date:x --dry-run --file:r --fixup:g --message:x --no-edit \
         --no-gpg-sign --no-status --only --quiet --reset-author --short --signoff --squash:g --status --trailer:x --verbose -o",
        "o* -- o*",
        HERE | PROJECT,
    ),
    model(
        "git checkout",
        "-fqt -b:b --detach --force --no-track --ours --quiet --theirs --track=t",
        "G* -- w*",
        HERE | PROJECT | WALKS,
    ),
    model("git switch", "-qt -c:b --create:b --detach --no-track --quiet --track=t", "b? b?", HERE | PROJECT),
    model("git restore", "-qSW -s:g --ours --quiet --source:g --staged --theirs --worktree", "w* -- w*", HERE | WALKS),
    model(
        "git reset",
        "-Nq --hard --intent-to-add --keep --merge --mixed --no-refresh --quiet --soft",
        "G* -- w*",
        HERE | WALKS,
    ),
    // `-s` and `-X` name programs of git's own directory or of PATH, `-e` starts an editor, `-S` a program of the configuration.
    model(
        "git merge",
        "-nqv -F:r -m:x --abort --allow-unrelated-histories --commit --continue --ff --ff-only --file:r --message:x --no-commit --no-edit \
         --no-ff --no-gpg-sign --no-log --no-squash --no-stat --progress --quiet --quit --signoff --squash --stat --verbose",
        "g*",
        HERE | PROJECT | WALKS,
    ),
    // `-x` and `--exec` run a line, `-i` starts an editor.
    model(
        "git rebase",
        "-nqv --abort --autostash --continue --ff --fork-point --keep-base --no-autosquash --no-autostash --no-ff --no-fork-point \
         --no-gpg-sign --no-rebase-merges --no-stat --no-update-refs --onto:g --quiet --quit --root --skip --stat --verbose",
        "g? g?",
        HERE | PROJECT | WALKS,
    ),
    model(
        "git cherry-pick",
        "-nsx -m:n --abort --allow-empty --continue --ff --keep-redundant-commits --mainline:n --no-commit --no-gpg-sign --quit --signoff --skip",
        "g*",
        HERE | PROJECT | WALKS,
    ),
    model(
        "git revert",
        "-ns -m:n --abort --continue --mainline:n --no-commit --no-edit --no-gpg-sign --quit --signoff --skip",
        "g*",
        HERE | PROJECT | WALKS,
    ),
    // Other forms delete.
    model("git clean -n", "-dqxX -e:x --exclude:x --quiet", "o* -- o*", HERE),
    model("git clean -nd", "-qxX -e:x --exclude:x --quiet", "o* -- o*", HERE),
    model("git clean --dry-run", "-dqxX -e:x --exclude:x --quiet", "o* -- o*", HERE),
    model("git worktree list", "-vz --porcelain --verbose", "", HERE),
    model("git submodule status", "--cached --quiet --recursive", "r*", HERE),
    model("git diff-tree", DIFF, "g* -- o*", HERE | WALKS),
    model(
        "git for-each-ref",
        "--contains=x --count:n --format:x --merged=x --no-contains=x --no-merged=x --points-at:x --sort:t",
        "b*",
        HERE,
    ),
    model("git count-objects", "-vH --human-readable --verbose", "", HERE),
    model("git symbolic-ref", "-q --quiet --short", "b", HERE),
    model("git rm", "-fnq *-r --cached --dry-run --force --quiet", "d* -- d*", HERE),
    model("git mv", "-fknv --dry-run --force --verbose", "v+ w", HERE | super::TARGET),
    model(
        "git push",
        "-nquv --dry-run --porcelain --quiet --set-upstream --tags --verbose",
        "h? b*",
        HERE | NETWORK | PROJECT,
    ),
    model(
        "git fetch",
        "-apqtv --all --deepen:n --depth:n --dry-run --no-tags --prune --quiet --tags --unshallow --verbose",
        "h? b*",
        HERE | NETWORK,
    ),
    model(
        "git pull",
        "-qrv --ff-only --ff --no-rebase --prune --quiet --rebase --verbose",
        "h? b*",
        HERE | NETWORK | PROJECT,
    ),
];
