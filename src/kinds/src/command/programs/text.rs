//! Models of programs that search and rewrite text, and of the shell's small builtins.

use super::{ALL_TEXT, HARMLESS, HERE, HERE_IF_WALKED, LISTS, Model, NETWORK, STOPS, WALKS, WORDS, model};

const GREP: &str = "-abcEFGhHiIlLnoPqsTUvwxyzZ -# *-rR -A:n -B:n -C:n -D:=read,skip -d:=read,skip -e:X -f:R -m:n --after-context:n \
    --before-context:n --basic-regexp --byte-offset --color=t --colour=t --context:n --count --dereference-recursive --exclude:x \
    --exclude-dir:x --extended-regexp --files-with-matches --files-without-match --fixed-strings --ignore-case --include:x \
    --initial-tab --invert-match --line-number --line-regexp --max-count:n --no-filename --no-ignore-case --no-messages --null \
    --null-data --only-matching --perl-regexp --quiet *--recursive --regexp:X --silent --text --with-filename --word-regexp";

/// The programs, by name.
pub(super) const MODELS: &[Model] = &[
    model("grep", GREP, "x r*", HERE_IF_WALKED | HARMLESS | LISTS),
    model("egrep", GREP, "x r*", HERE_IF_WALKED | HARMLESS),
    model("fgrep", GREP, "x r*", HERE_IF_WALKED | HARMLESS),
    model(
        "rg",
        "-.0abcFHhIilNnopPqsSUuvwx -A:n -B:n -C:n -d:n -E:t -e:X -f:R -g:x -j:n -M:n -m:n -r:x -T:t -t:t --after-context:n --before-context:n \
         --byte-offset --case-sensitive --color:t --colors:t --column --context:n --context-separator:x --count --count-matches --crlf \
         --encoding:t ^--files --files-with-matches --files-without-match --fixed-strings --glob:x --glob-case-insensitive --heading --hidden \
         --iglob:x --ignore-case --include-zero --invert-match --json --line-number --line-regexp --max-columns:n --max-columns-preview \
         --max-count:n --max-depth:n --max-filesize:n --multiline --multiline-dotall --no-config --no-filename --no-heading --no-hidden \
         --no-ignore --no-ignore-vcs --no-line-number --no-messages --null --null-data --one-file-system --only-matching --passthru --pcre2 \
         --pretty --quiet --regexp:X --replace:x --smart-case --sort:t --sortr:t --stats --text --threads:n --trim --type:t ^--type-list \
         --type-not:t --unrestricted --vimgrep --with-filename --word-regexp",
        "x r*",
        HERE | WALKS | LISTS,
    ),
    model(
        "fd",
        "-0agHiIFpqsu1 -d:n -E:x -e:t -S:t -t:t --absolute-path --case-sensitive --changed-before:t --changed-within:t --color:t --exclude:x \
         --extension:t --fixed-strings --full-path --glob --hidden --ignore-case --max-depth:n --max-results:n --min-depth:n --no-ignore \
         --print0 --quiet --size:t --type:t",
        "x? r*",
        HERE | WALKS | LISTS,
    ),
    model(
        "find",
        "-a -amin:n -and -anewer:r -atime:n -cmin:n -cnewer:r -ctime:n -daystart -delete -depth -empty -executable -false -gid:n -group:b \
         -ilname:x -iname:x -inum:n -ipath:x -iregex:x -iwholename:x -links:n -lname:x -ls -maxdepth:n -mindepth:n -mmin:n -mount -mtime:n \
         -name:x -newer:r -newermt:x -nogroup -not -nouser -o -or -path:x -perm:x -print -print0 -printf:x -prune -quit -readable -regex:x \
         -regextype:b -samefile:r -size:n -true -type:x -uid:n -user:b -wholename:x -writable -xdev",
        "r*",
        HERE | WALKS | WORDS | LISTS,
    ),
    model("apply_patch", "", "", 0),
    model(
        "sed",
        "-Enrsuz -i=i -e:S --expression:S --in-place=i --null-data --quiet --regexp-extended --separate --silent --unbuffered",
        "s r*",
        0,
    ),
    model("awk", "-F:x -v:x", "k r*", STOPS),
    model(
        "jq",
        "-aCcejMnRrSs --arg:xx --argjson:xx --ascii-output --color-output --compact-output --exit-status --indent:n --join-output \
         --monochrome-output --null-input --raw-input --raw-output --slurp --sort-keys --stream --tab",
        "j r*",
        0,
    ),
    model("echo", "", "x*", ALL_TEXT | HARMLESS),
    model("printf", "", "x x*", STOPS),
    model("test", "", "x*", ALL_TEXT),
    model("[", "", "x*", ALL_TEXT),
    model("pwd", "-LP", "", 0),
    model("true", "", "x*", ALL_TEXT),
    model("false", "", "x*", ALL_TEXT),
    model(":", "", "x*", ALL_TEXT),
    model("date", "-uR -I=t --iso-8601=t --rfc-3339:t --utc --universal", "f?", 0),
    model("seq", "-w -f:x -s:x --equal-width --separator:x", "n n? n?", 0),
    model("sleep", "", "n+", 0),
    model("which", "-a", "b+", 0),
    model("type", "", "b+", 0),
    model("uname", "-amnoprsv", "", 0),
    model("whoami", "", "", 0),
    model("nproc", "--all", "", 0),
    model("hostname", "-fs", "", 0),
    model("uptime", "-ps", "", 0),
    model("free", "-bghkmt", "", 0),
    // Letters without a dash: `e` would print the environment of processes.
    model("ps", "-Aef -p:n", "=aux,ax?", 0),
    model(
        "curl",
        "-fgIiLsSv -A:x -m:n -o:w --compressed --connect-timeout:n --fail --fail-with-body --globoff --head --http1.1 --http2 --include \
         --location --max-redirs:n --max-time:n --output:w --progress-bar --retry:n --show-error --silent --user-agent:x --verbose",
        "u+",
        NETWORK,
    ),
];
