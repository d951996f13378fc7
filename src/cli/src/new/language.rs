//! The languages of new tools: their files, and the limits their run-times need.

use clap::ValueEnum;

/// A language of new tools.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// A command, by cargo for wasm32-wasip1
    Rust,
    /// A command, by clang for wasm32-wasi
    C,
    /// A typed component, by componentize-py
    Python,
    /// A command, by Go or TinyGo for wasip1
    Go,
    /// A typed component, by componentize-js
    Js,
}

/// The data of one language.
pub(super) struct Language {
    /// The file a tool's owner changes first.
    pub(super) source: &'static str,
    /// Path and text of files copied unchanged.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The template of `build.sh`.
    pub(super) build: &'static str,
    /// The section of the README on the language.
    pub(super) about: &'static str,
    pub(super) memory: &'static str,
    pub(super) fuel: &'static str,
    pub(super) timeout: &'static str,
}

/// The typed world, for languages with tool chains that make bindings from it.
const WIT: (&str, &str) = ("wit/tool.wit", include_str!("../../../sandbox/wit/tool.wit"));

macro_rules! text {
    ($path:literal) => {
        include_str!(concat!("../../templates/new/", $path))
    };
}

static RUST: Language = Language {
    source: "src/main.rs",
    files: &[
        ("Cargo.toml", text!("rust/Cargo.toml")),
        ("src/main.rs", text!("rust/src/main.rs")),
        (".gitignore", "/target\n"),
    ],
    build: text!("rust/build.sh.j2"),
    about: text!("rust/about.md"),
    memory: "16MiB",
    fuel: "50M",
    timeout: "2s",
};

static C: Language = Language {
    source: "tool.c",
    files: &[("tool.c", text!("c/tool.c"))],
    build: text!("c/build.sh.j2"),
    about: text!("c/about.md"),
    memory: "4MiB",
    fuel: "50M",
    timeout: "2s",
};

static PYTHON: Language = Language {
    source: "app.py",
    files: &[("app.py", text!("python/app.py")), WIT, (".gitignore", "__pycache__/\n")],
    build: text!("python/build.sh.j2"),
    about: text!("python/about.md"),
    memory: "128MiB",
    fuel: "5G",
    timeout: "10s",
};

static GO: Language = Language {
    source: "main.go",
    files: &[("go.mod", text!("go/go.mod")), ("main.go", text!("go/main.go"))],
    build: text!("go/build.sh.j2"),
    about: text!("go/about.md"),
    memory: "64MiB",
    fuel: "500M",
    timeout: "2s",
};

static JS: Language = Language {
    source: "tool.js",
    files: &[
        ("tool.js", text!("js/tool.js")),
        ("build.mjs", text!("js/build.mjs")),
        ("package.json", text!("js/package.json")),
        WIT,
        (".gitignore", "/node_modules\n"),
    ],
    build: text!("js/build.sh.j2"),
    about: text!("js/about.md"),
    memory: "128MiB",
    fuel: "5G",
    timeout: "10s",
};

// === impl Lang ===

impl Lang {
    pub(super) fn language(self) -> &'static Language {
        match self {
            Self::Rust => &RUST,
            Self::C => &C,
            Self::Python => &PYTHON,
            Self::Go => &GO,
            Self::Js => &JS,
        }
    }
}
