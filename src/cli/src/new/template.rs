//! The files of a new tool, filled from templates.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::append;
use super::language::Language;

/// The schema of the example's arguments.
pub(super) const PARAMETERS: &str = include_str!("../../templates/new/parameters.json");
const ENTRY: &str = include_str!("../../templates/new/tool.yaml.j2");
const CONTRACT: &str = include_str!("../../templates/new/contract.yaml.j2");
const README: &str = include_str!("../../templates/new/README.md.j2");
const TEST: &str = include_str!("../../templates/new/test.sh.j2");
const ARGUMENTS: &str = include_str!("../../templates/new/arguments.json");
const RESULT: &str = include_str!("../../templates/new/result.json");
/// Spaces before the entries of `spec.tools` in a new contract.
const INDENT: usize = 4;

/// The names the templates are filled with.
pub(super) struct TemplateNames<'a> {
    pub(super) tool: &'a str,
    /// The contract's file, without its folder.
    pub(super) file: &'a str,
    /// The contract's name.
    pub(super) folder: &'a str,
    pub(super) language: &'static Language,
}

/// One file of a new tool.
pub(super) struct Filled {
    pub(super) path: &'static str,
    pub(super) text: String,
    pub(super) mode: u32,
}

// === impl TemplateNames ===

impl TemplateNames<'_> {
    /// Returns the tool's entry in `spec.tools`, without indentation.
    pub(super) fn entry(&self) -> Result<String, minijinja::Error> {
        self.fill(ENTRY, None)
    }

    /// Returns a contract with `entry` as its only tool.
    pub(super) fn contract(&self, entry: &str) -> Result<String, minijinja::Error> {
        let mut text = self.fill(CONTRACT, None)?;
        text.push_str(&append::indented(entry, INDENT, "\n"));
        Ok(text)
    }

    /// Returns all files of the tool's folder. `role` may call the tool.
    pub(super) fn files(&self, role: Option<&str>) -> Result<Vec<Filled>, minijinja::Error> {
        let plain = |path, text: &str| Filled { path, text: text.to_owned(), mode: 0o644 };
        let script = |path, text| Filled { path, text, mode: 0o755 };
        let mut files = vec![
            plain("README.md", &self.fill(README, role)?),
            plain("parameters.json", PARAMETERS),
            plain("test/arguments.json", ARGUMENTS),
            plain("test/result.json", RESULT),
            script("test.sh", self.fill(TEST, role)?),
            script("build.sh", self.fill(self.language.build, role)?),
        ];
        files.extend(self.language.files.iter().map(|(path, text)| plain(path, text)));
        Ok(files)
    }

    fn fill(&self, template: &str, role: Option<&str>) -> Result<String, minijinja::Error> {
        let Language { source, about, memory, fuel, timeout, .. } = self.language;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_keep_trailing_newline(true);
        environment.render_str(
            template,
            context! { name => self.tool, file => self.file, folder => self.folder, role, source, about, memory, fuel, timeout },
        )
    }
}
