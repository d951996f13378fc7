//! Models of build and test programs. Most of them run the project's own code.

use super::{HERE, Model, NETWORK, PROJECT, STOPS, WALKS, WORDS, model};

const CARGO: &str = "-qrv -F:t -j:n -p:t --all --all-features --all-targets --bench:t --benches --bin:t --bins --color:t --example:t --examples \
    --features:t --frozen --jobs:n --keep-going --lib --locked --manifest-path:r --message-format:t --no-default-features --offline \
    --package:t --exclude:t --profile:b --quiet --release --target:b --test:t --tests --verbose --workspace";
const CARGO_TEST: &str = "-qrv -F:t -j:n -p:t --all --all-features --all-targets --bench:t --benches --bin:t --bins --color:t --doc --example:t \
    --examples --features:t --frozen --jobs:n --keep-going --lib --locked --manifest-path:r --message-format:t --no-default-features \
    --no-fail-fast --no-run --offline --package:t --exclude:t --profile:b --quiet --release --target:b --test:t --tests --verbose --workspace";
const PYTEST: &str = "-hlqsvx -k:x -m:x -n:t -r:t --co --collect-only --cov=t --cov-report==term,term-missing --disable-warnings --durations:n --exitfirst --ff \
    --failed-first --last-failed --lf --maxfail:n --no-cov --no-header --no-summary --nf --quiet --show-capture:t --showlocals --sw \
    --stepwise --tb:t --timeout:n --verbose --color:t --strict-markers";
const GO: &str = "-a -n -race -v -x -p:n -tags:t -mod:=readonly,vendor";

/// The programs, by name.
pub(super) const MODELS: &[Model] = &[
    model("cargo check", CARGO, "", HERE | PROJECT),
    model("cargo build", CARGO, "", HERE | PROJECT),
    model("cargo clippy", CARGO, " -- l*", HERE | PROJECT),
    model("cargo test", CARGO_TEST, "x? -- x*", HERE | PROJECT),
    model(
        "cargo nextest run",
        "-q -E:x -F:t -j:n -p:t --all-features --all-targets --bin:t --features:t --lib --locked --no-capture --no-default-features \
         --no-fail-fast --nocapture --offline --package:t --release --retries:n --test:t --workspace",
        "x*",
        HERE | PROJECT,
    ),
    model(
        "cargo add",
        "-F:t --build --dev --dry-run --features:t --no-default-features --no-optional --offline --optional --package:t -p:t",
        "p+",
        HERE | NETWORK,
    ),
    model("cargo bench", CARGO_TEST, "x? -- x*", HERE | PROJECT),
    model("cargo run", CARGO, "x* -- x*", HERE | PROJECT | STOPS),
    model(
        "cargo doc",
        "-qv -p:t --document-private-items --lib --locked --no-deps --offline --package:t --workspace",
        "",
        HERE | PROJECT,
    ),
    model("cargo fmt", "-qv -p:t --all --check --package:t", " -- =--check", HERE | PROJECT),
    model(
        "cargo tree",
        "-de -i:t -p:t --depth:t --duplicates --edges:t --features:t --invert:t --locked --no-default-features --offline --package:t --workspace",
        "",
        HERE,
    ),
    model("cargo metadata", "-q --format-version:n --locked --no-deps --offline", "", HERE),
    model("cargo update", "-qvw -p:t --dry-run --package:t --precise:t --workspace", "b*", HERE | NETWORK),
    model("cargo fetch", "-qv --locked --target:b", "", HERE | NETWORK),
    model("npm test", "-s --if-present --silent", "x* -- x*", HERE | PROJECT),
    model("npm run", "-s --if-present --silent", "b x* -- x*", HERE | PROJECT),
    model("npm ci", "-s --ignore-scripts --no-audit --no-fund --silent", "", HERE | PROJECT | NETWORK),
    model(
        "npm install",
        "-DEs --ignore-scripts --no-audit --no-fund --no-save --save --save-dev --save-exact --silent",
        "p*",
        HERE | PROJECT | NETWORK,
    ),
    model("npm ls", "-al --all --depth:n --json --long", "p*", HERE),
    model(
        "pip install",
        "-qUv -c:r -e:r -r:r --constraint:r --editable:r --no-deps --quiet --requirement:r --upgrade",
        "p*",
        HERE | PROJECT | NETWORK,
    ),
    model("pip list", "--format:t --outdated", "", 0),
    model("pip show", "-f", "p+", 0),
    model("pytest", PYTEST, "y*", HERE | PROJECT),
    model("python -m pytest", PYTEST, "y*", HERE | PROJECT),
    model("python -m unittest", "-bcfqv -k:x", "b*", HERE | PROJECT),
    model(
        "go test",
        "-a -benchmem -cover -failfast -json -n -race -short -v -x -bench:x -count:n -cpu:t -list:x -p:n -parallel:n -run:x -shuffle:t -skip:x \
         -tags:t -timeout:n -vet:t -covermode:t -coverprofile:w",
        "q*",
        HERE | PROJECT | WORDS,
    ),
    model(
        "go build",
        "-a -n -race -v -x -trimpath -o:w -p:n -tags:t -mod:=readonly,vendor",
        "q*",
        HERE | PROJECT | WORDS,
    ),
    model("go vet", GO, "q*", HERE | PROJECT | WORDS),
    model("go run", GO, "q x*", HERE | PROJECT | WORDS | STOPS),
    model("go fmt", "-n -x", "q*", HERE | PROJECT | WORDS),
    model("go list", "-deps -e -json -m -test -u -f:x", "q*", HERE | WORDS),
    model("go doc", "-all -c -short -src -u", "b*", HERE | WORDS),
    model("go mod tidy", "-v -x -e", "", HERE | NETWORK | WORDS),
    model("go mod download", "-x -json", "", HERE | NETWORK | WORDS),
    model("go version", "", "", 0),
    model("gofmt", "-d -e -l -s", "r*", WORDS),
    model("tsc --noEmit", "-p:r --pretty --project:r --skipLibCheck --strict", "", HERE | PROJECT),
    model(
        "ruff check",
        "-q --diff --exit-zero --fix --ignore:t --no-fix --output-format:t --quiet --select:t --statistics",
        "w*",
        HERE | PROJECT | WALKS,
    ),
    model("ruff format", "-q --check --diff --line-length:n --quiet", "w*", HERE | PROJECT | WALKS),
    model("black", "-qS -l:n --check --diff --line-length:n --quiet", "w*", HERE | PROJECT | WALKS),
    model(
        "mypy",
        "-m:b -p:b --ignore-missing-imports --no-error-summary --no-incremental --pretty --show-error-codes --strict",
        "y*",
        HERE | PROJECT | WALKS,
    ),
    model("make", "-Bkns -j=n --dry-run --keep-going --silent --always-make", "b*", HERE | PROJECT),
    model("node --version", "", "", 0),
    model("node -v", "", "", 0),
    model("python --version", "", "", 0),
    model("rustc --version", "", "", 0),
    model("cargo --version", "", "", 0),
    model("npm --version", "", "", 0),
    model("git --version", "", "", 0),
    model("pip --version", "", "", 0),
    model("rustup show", "", "", 0),
];
