//! Models of programs that read, write, move and delete files.

use super::{HARMLESS, HERE, Model, TARGET, WALKS, model};

/// The programs, by name.
pub(super) const MODELS: &[Model] = &[
    model(
        "ls",
        "-1aAbBcCdfFgGhHiklLmnNopqQrsStuUvxXZ *-R -I:t -w:n -T:n --all --almost-all --color=t --directory --human-readable --inode --size \
         --sort:t --time:t --time-style:t --reverse *--recursive --group-directories-first --full-time --no-group --classify=t --hide:t \
         --ignore:t --format:t --si --width:n",
        "r*",
        HERE | HARMLESS,
    ),
    model(
        "cat",
        "-AbeEnstTuv --number --number-nonblank --show-all --show-ends --show-tabs --squeeze-blank",
        "r*",
        HARMLESS,
    ),
    model("head", "-qvz -# -n:n -c:n --lines:n --bytes:n --quiet --silent --verbose --zero-terminated", "r*", HARMLESS),
    model("tail", "-qvz -# -n:n -c:n --lines:n --bytes:n --quiet --silent --verbose --zero-terminated", "r*", HARMLESS),
    model("wc", "-clmwL --lines --words --bytes --chars --max-line-length", "r*", 0),
    model(
        "nl",
        "-p -b:t -d:x -f:t -h:t -i:n -l:n -n:t -s:x -v:n -w:n --body-numbering:t --number-width:n",
        "r*",
        HARMLESS,
    ),
    model("stat", "-Lft -c:x --format:x --printf:x --dereference --file-system --terse", "r+", HARMLESS),
    model("tac", "-br -s:x --separator:x", "r*", HARMLESS),
    model("rev", "", "r*", HARMLESS),
    model("fold", "-bs -w:n --width:n --spaces", "r*", HARMLESS),
    model("column", "-tx -s:x -c:n -o:x -N:t --table --separator:x --output-separator:x", "r*", 0),
    model(
        "cut",
        "-nsz -b:t -c:t -d:x -f:t --delimiter:x --fields:t --characters:t --bytes:t --complement --only-delimited --output-delimiter:x",
        "r*",
        HARMLESS,
    ),
    model("paste", "-sz -d:x --delimiters:x --serial", "r*", HARMLESS),
    model("tr", "-cCdst --delete --squeeze-repeats --complement", "x x?", 0),
    model(
        "sort",
        "-bcCdfghiMmnrRsuVz -k:t -t:x -o:w -S:n --reverse --unique --numeric-sort --general-numeric-sort --human-numeric-sort --version-sort \
         --month-sort --key:t --field-separator:x --stable --check=t --ignore-case --dictionary-order --ignore-leading-blanks --merge \
         --zero-terminated --output:w --parallel:n",
        "r*",
        0,
    ),
    model(
        "uniq",
        "-cdDiuz -f:n -s:n -w:n --count --repeated --unique --ignore-case --skip-fields:n --zero-terminated",
        "r? w?",
        0,
    ),
    model("comm", "-123iz --total --output-delimiter:x", "r r", 0),
    model("join", "-iz -1:n -2:n -a:n -e:x -j:n -o:t -t:x -v:n", "r r", 0),
    model(
        "diff",
        "-abBcdeinNpqstTuwyZ -# *-r -C:n -I:x -U:n -W:n -x:t --brief --color=t --unified=n --context=n --exclude:t --ignore-all-space \
         --ignore-blank-lines --ignore-case --ignore-space-change --ignore-trailing-space --minimal --new-file *--recursive \
         --report-identical-files --side-by-side --strip-trailing-cr --suppress-common-lines --text --width:n",
        "r r",
        0,
    ),
    model("cmp", "-bls -n:n -i:n --bytes:n --print-bytes --silent --quiet --verbose", "r r n? n?", 0),
    model(
        "tree",
        "-aACdDfFghinNpqQrstuv -I:x -L:n -P:x --dirsfirst --du --filelimit:n --filesfirst --gitignore --noreport --prune --si",
        "r*",
        HERE | WALKS,
    ),
    model(
        "du",
        "-0abchklmsSx -d:n -t:n --all --apparent-size --bytes --exclude:x --human-readable --max-depth:n --summarize --threshold:n --total",
        "r*",
        HERE | WALKS,
    ),
    model("file", "-bhiIkLnNr0 --brief --dereference --mime --mime-type --mime-encoding --no-dereference", "r+", 0),
    model("basename", "-az -s:x --multiple --suffix:x", "x+", HARMLESS),
    model("dirname", "-z", "x+", HARMLESS),
    model(
        "realpath",
        "-eLmPqsz --canonicalize-existing --canonicalize-missing --no-symlinks --relative-to:r --relative-base:r",
        "r+",
        0,
    ),
    model("readlink", "-efmnqz --canonicalize", "r+", 0),
    model("md5sum", "-bt", "r*", 0),
    model("sha1sum", "-bt", "r*", 0),
    model("sha256sum", "-bt", "r*", 0),
    model("od", "-bcdosvx -A:t -t:t -N:n -j:n -w=n", "r*", 0),
    model("hexdump", "-bCcdovx -n:n -s:n", "r*", 0),
    model("xxd", "-abeEiCpu -c:n -g:n -l:n -o:n -s:n", "r? w?", 0),
    model("base64", "-d -i -w:n --decode --wrap:n", "r?", 0),
    model("mkdir", "-pv -m:m --parents --verbose --mode:m", "w+", HARMLESS),
    model("touch", "-acm -d:t -r:r -t:t --date:t --no-create --reference:r --time:t", "w+", HARMLESS),
    model("rmdir", "-v --ignore-fail-on-non-empty --verbose", "d+", 0),
    model("rm", "-dfiIv *-rR --dir --force *--recursive --verbose", "d+", 0),
    model(
        "cp",
        "-fHiLnPpuvTx *-rRa -t:W --archive --force --interactive --no-clobber --no-target-directory --preserve=t --recursive --target-directory:W \
         --update=t --verbose",
        "r+ w",
        TARGET,
    ),
    model(
        "mv",
        "-finuvT -t:W --force --interactive --no-clobber --no-target-directory --target-directory:W --update=t --verbose",
        "v+ w",
        TARGET,
    ),
    model(
        "tar",
        "-actvzjJ -f:w -C:r --auto-compress --bzip2 --create --directory:r --exclude:x --exclude-vcs --file:w --gzip --list --verbose --xz",
        "r*",
        WALKS,
    ),
    model("unzip -l", "", "r x*", 0),
    model("df", "-ahiklPT --human-readable", "r*", 0),
    model("tee", "-ai --append --ignore-interrupts", "w*", HARMLESS),
    model("chmod", "-cfv *-R --changes *--recursive --silent --verbose", "m w+", 0),
];
