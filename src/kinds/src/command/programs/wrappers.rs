//! Models of programs that run another program, which the judge judges too.

use super::{Model, STOPS, model};

/// The programs, by name.
pub(super) const MODELS: &[Model] = &[
    model("env", "-i --ignore-environment", "a* c", STOPS),
    model("command", "-p", "c", STOPS),
    model("command -v", "", "b+", 0),
    model("command -V", "", "b+", 0),
    model("exec", "", "c", STOPS),
    model("nice", "-# -n:n --adjustment:n", "c", STOPS),
    model("nohup", "", "c", STOPS),
    model("timeout", "-v -k:n -s:b --foreground --kill-after:n --preserve-status --signal:b --verbose", "n c", STOPS),
    model("stdbuf", "-e:b -i:b -o:b --error:b --input:b --output:b", "c", STOPS),
    model("setsid", "-fw --fork --wait", "c", STOPS),
    model("time", "-p", "c", STOPS),
    model("xargs", "-0rt -L:n -n:n -P:n -I:x --max-args:n --max-procs:n --no-run-if-empty --null", "c", STOPS),
];
