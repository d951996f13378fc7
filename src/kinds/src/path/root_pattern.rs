//! A pattern of workspaces: `/home/*/src/*`, in which each `*` is the name of one directory.
//!
//! An absolute path of the call says which workspace it is about. The names of the root are taken as they are written, without `..`, and
//! `*` matches no name that begins with a dot.

use super::pattern::NamePattern;
use super::root::Root;
use super::route::{Component, Segment};
use super::{Os, PathRules, ResolvedPath, Workspace, text};
use crate::{KindRefusal, Refusal};

/// The pattern of a name that `*` matches.
const NAME: &str = "[!.]*";

/// A pattern of the roots of workspaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPattern {
    os: Os,
    is_strict: bool,
    names: Vec<Segment>,
    /// The pattern as the contract writes it, in one form.
    text: String,
}

// === impl RootPattern ===

impl RootPattern {
    /// Reads a pattern: an absolute path with `*` for whole names, which begins with a name.
    ///
    /// # Errors
    ///
    /// The problem, as a sentence without the pattern.
    pub fn read(pattern: &str, os: Os, is_strict: bool) -> Result<Self, String> {
        if pattern.contains(['?', '[', ']', '{', '}']) || pattern.contains("**") {
            return Err("has a pattern other than `*`".to_owned());
        }
        let windows = os == Os::Windows;
        let parts = || pattern.split(|c| c == '/' || (windows && c == '\\'));
        if parts().any(|name| name.contains('*') && name != "*") {
            return Err("has `*` beside other characters of a name; each `*` is one whole name".to_owned());
        }
        // A path in which each `*` is a plain name has the same faults.
        let plain = Workspace::new(&pattern.replace('*', "x"), os).map_err(|refusal| refusal.to_string())?;
        let mut stars = parts().filter(|name| !matches!(*name, "" | ".")).map(|name| name == "*");
        let any = NamePattern::read(NAME, false).map_err(|(_, reason)| reason.to_owned())?;
        let mut names = Vec::new();
        for name in plain.root().components() {
            let is_star = stars.next().unwrap_or_default();
            names.push(if is_star { Segment::Pattern(any.clone()) } else { Segment::Name(name.clone()) });
        }
        let first = names.get(usize::from(windows));
        if matches!(first, Some(Segment::Pattern(_))) {
            return Err("begins with `*`, which every directory of the system matches".to_owned());
        }
        let text = shown(&names, os);
        Ok(Self { os, is_strict, names, text })
    }

    /// Returns the operating system.
    #[must_use]
    pub fn os(&self) -> Os {
        self.os
    }

    /// Returns the workspace in which an absolute path lies.
    ///
    /// # Errors
    ///
    /// The path is refused, is relative, or lies in no workspace of the pattern.
    pub fn workspace_of(&self, path: &str) -> Result<Workspace, KindRefusal> {
        let whole = Workspace::whole(self.os);
        text::check_length(path).map_err(KindRefusal::Unreadable)?;
        if !whole.is_absolute(path) {
            let refusal = Refusal::whole("is relative, and the call names no directory of a workspace");
            return Err(KindRefusal::Unreadable(refusal));
        }
        let found = whole.resolve_above(path, &ResolvedPath::default(), self.names.len());
        let found = found.map_err(KindRefusal::Unreadable)?;
        let names = found.components().get(..self.names.len());
        let names = names.filter(|names| self.names.iter().zip(names.iter()).all(|(own, name)| is_one(own, name)));
        let outside = KindRefusal::Forbidden(Refusal::whole("lies in no workspace of the contract's pattern"));
        let names = names.ok_or(outside)?;
        let fixed = self.names.iter().take_while(|name| matches!(name, Segment::Name(_))).count();
        let root = Root::new(ResolvedPath::of(names), fixed);
        Ok(Workspace::at(root, self.os).strict(self.is_strict))
    }

    /// Returns the first entry that allows paths of more than one workspace, or outside of the call's.
    #[must_use]
    pub fn crossed_by(&self, rules: &PathRules) -> Option<usize> {
        rules.absolute_over(|| {
            self.names.iter().map(|name| match name {
                Segment::Name(name) => Component::Name(name),
                Segment::Pattern(pattern) => Component::Pattern(pattern),
                Segment::AnyDepth => Component::AnyDepth,
            })
        })
    }
}

impl std::fmt::Display for RootPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns true if a name of a path is one of the pattern. It is compared exactly.
fn is_one(own: &Segment, name: &str) -> bool {
    match own {
        Segment::Name(own) => own == name,
        Segment::Pattern(pattern) => pattern.matches(name),
        Segment::AnyDepth => false,
    }
}

/// Writes the pattern.
fn shown(names: &[Segment], os: Os) -> String {
    let name = |name: &Segment| if let Segment::Name(name) = name { name.clone() } else { "*".to_owned() };
    let names: Vec<String> = names.iter().map(name).collect();
    match os {
        Os::Posix => format!("/{}", names.join("/")),
        Os::Windows => names.join("\\"),
    }
}
