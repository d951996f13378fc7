//! The names known to a condition.

use std::sync::Arc;

use crate::patterns::Patterns;
use crate::types::{Member, Type, list};

/// Facts and functions, each with a name and a type. Facts and functions are counted from 0 in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    facts: Vec<(String, Member)>,
    functions: Vec<(String, Signature)>,
    pub(crate) patterns: Patterns,
}

/// The arguments that a function takes.
#[derive(Debug, Clone)]
pub(crate) enum Takes {
    /// Any values of its parameters.
    Values,
    /// One of these literal texts.
    Names(Arc<[String]>),
    /// A text with one of these dotted names, and then literal texts. The function is asked by the name.
    Named(Arc<[String]>),
}

/// The types of a function.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Type>,
    pub(crate) result: Type,
    pub(crate) takes: Takes,
}

// === impl Environment ===

impl Environment {
    /// Shares compiled patterns with the conditions of other environments.
    #[must_use]
    pub fn sharing(self, patterns: &Patterns) -> Environment {
        Environment { patterns: patterns.clone(), ..self }
    }

    /// Adds a fact. Its name may have dots: `caller.role`.
    #[must_use]
    pub fn fact(mut self, name: &str, member: Member) -> Environment {
        self.facts.push((name.to_owned(), member));
        self
    }

    /// Adds a function. Its name may have dots: `conversation.called`.
    #[must_use]
    pub fn function(mut self, name: &str, parameters: &[Type], result: Type) -> Environment {
        self.functions
            .push((name.to_owned(), Signature { parameters: parameters.to_vec(), result, takes: Takes::Values }));
        self
    }

    /// Adds a function of one text, which must be a literal and one of `names`.
    #[must_use]
    pub fn function_of_names(mut self, name: &str, names: Arc<[String]>, result: Type) -> Environment {
        let signature = Signature { parameters: vec![Type::Text], result, takes: Takes::Names(names) };
        self.functions.push((name.to_owned(), signature));
        self
    }

    /// Adds a function of one text that has a dotted name, such as `command(args.c)`; it must be one of `names`. The function is asked
    /// by the name.
    ///
    /// A name with `[]` is that of the items of a list, which the variable of a macro stands for: `args.files[].path` is `f.path` in
    /// `args.files.all(f, …)`. The function is asked by a name with the position: `args.files[2].path`.
    #[must_use]
    pub fn function_of_named(mut self, name: &str, names: Arc<[String]>, result: Type) -> Environment {
        let signature = Signature { parameters: vec![Type::Text], result, takes: Takes::Named(names) };
        self.functions.push((name.to_owned(), signature));
        self
    }

    /// Adds a method of a function of one named text, such as `path(args.p).within('docs')`. Its argument is a literal text, which
    /// [`Condition::literals`](crate::Condition::literals) lists. The function is asked by the name and the literal.
    #[must_use]
    pub fn method_of_named(mut self, of: &str, method: &str, names: Arc<[String]>, result: Type) -> Environment {
        let signature = Signature { parameters: vec![Type::Text; 2], result, takes: Takes::Named(names) };
        self.functions.push((format!("{of}().{method}"), signature));
        self
    }

    pub(crate) fn find_fact(&self, name: &str) -> Option<(usize, &Member)> {
        let position = self.facts.iter().position(|(known, _)| known == name)?;
        self.facts.get(position).map(|(_, member)| (position, member))
    }

    pub(crate) fn find_function(&self, name: &str) -> Option<(usize, &Signature)> {
        let position = self.functions.iter().position(|(known, _)| known == name)?;
        self.functions.get(position).map(|(_, signature)| (position, signature))
    }

    /// Returns true if `name` begins a dotted name, as `caller` does for `caller.role`.
    pub(crate) fn begins(&self, name: &str) -> bool {
        let names = self.facts.iter().map(|(name, _)| name).chain(self.functions.iter().map(|(name, _)| name));
        names.into_iter().any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The known names, for a message.
    pub(crate) fn names(&self) -> String {
        list(
            self.facts
                .iter()
                .map(|(name, _)| name.as_str())
                .chain(self.functions.iter().map(|(name, _)| name.as_str())),
        )
    }
}
