//! A row of names and patterns that leads from a directory to what an entry names.

use super::pattern::{NamePattern, Overlap};

/// The most segments: each is a bit of the set of positions, and one bit is the end.
pub(super) const MOST_SEGMENTS: usize = 127;

/// A part of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// `**`: any number of directories.
    AnyDepth,
    /// This name.
    Name(String),
    /// A name that the pattern matches.
    Pattern(NamePattern),
}

/// A row of at most [`MOST_SEGMENTS`] segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) segments: Vec<Segment>,
}

/// A comparison of a path, or of a glob, with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RouteReach {
    /// The number of components that lead to the end of the route. `Some(0)` if the route is the directory itself.
    pub(super) end: Option<usize>,
    /// True if the route may end below the path.
    pub(super) goes_on: bool,
    /// True if a name of the path is one that the route needs, and the route may end below it: `.cargo` for `**/.cargo/credentials`.
    pub(super) has_begun: bool,
}

/// The overlaps of names that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Those of [`Overlap::Aimed`]. `*` and `**` are not aimed at any name.
    Aimed,
    /// All.
    Possible,
    /// All that a shell's pattern can match: `*`, `?`, `[…]` and `**` do not match a dot at the start of a name.
    Shell,
    /// As [`Shell`](Self::Shell), but two patterns that meet only in stars do not count if the shell's writes a letter or a digit: `*.rs`
    /// and `id_rsa*`.
    ShellWritten,
}

// === impl Route ===

impl Route {
    /// Compares the components of a path or a glob. The route follows the segments of `root`: together at most [`MOST_SEGMENTS`].
    pub(super) fn reach<'a>(
        &self,
        root: &[Segment],
        mut components: impl Iterator<Item = Component<'a>>,
        strictness: Strictness,
    ) -> RouteReach {
        // One name at any depth is the form of most entries that forbid. It needs no set of positions.
        if let ([], [Segment::AnyDepth, segment]) = (root, self.segments.as_slice()) {
            let found = components.position(|component| segment.ends_at(component, strictness));
            return RouteReach { end: found.map(|index| index + 1), goes_on: true, has_begun: found.is_some() };
        }
        RootedRoute { root, rest: &self.segments }.reach(components, strictness)
    }

    /// Compares the names of a path, as [`reach`](Self::reach) does.
    pub(super) fn reach_names(&self, root: &[Segment], names: &[String]) -> RouteReach {
        self.reach(root, names.iter().map(|name| Component::Name(name)), Strictness::Possible)
    }
}

/// The segments of a root, and those of a route that follow them.
#[derive(Clone, Copy)]
struct RootedRoute<'r> {
    root: &'r [Segment],
    rest: &'r [Segment],
}

// === impl RootedRoute ===

impl<'r> RootedRoute<'r> {
    fn len(self) -> usize {
        self.root.len() + self.rest.len()
    }

    fn segments(self) -> impl Iterator<Item = (usize, &'r Segment)> {
        self.root.iter().chain(self.rest).enumerate()
    }

    fn reach<'a>(self, components: impl Iterator<Item = Component<'a>>, strictness: Strictness) -> RouteReach {
        let end = bit(self.len());
        let start = self.skip_depths(1);
        let mut at = start;
        if at & end != 0 {
            return RouteReach { end: Some(0), goes_on: true, has_begun: true };
        }
        for (index, component) in components.enumerate() {
            at = self.step(at, component, strictness);
            let is_counted = strictness != Strictness::Aimed || !matches!(component, Component::AnyDepth);
            if at & end != 0 && is_counted {
                return RouteReach { end: Some(index + 1), goes_on: true, has_begun: true };
            }
            at &= !end;
            if at == 0 {
                break;
            }
        }
        RouteReach { end: None, goes_on: at != 0, has_begun: at & !start != 0 }
    }

    /// Moves all positions over one component.
    fn step(self, from: u128, component: Component<'_>, strictness: Strictness) -> u128 {
        if matches!(component, Component::AnyDepth) {
            if strictness.is_shell() {
                return self.skip_plain(from);
            }
            return if from == 0 { 0 } else { u128::MAX << from.trailing_zeros() };
        }
        let mut to = 0;
        for (index, segment) in self.segments() {
            let here = bit(index);
            if from & here == 0 {
                continue;
            }
            // Only the last name must be aimed at: `*/keys` aims at `secrets/keys`.
            let is_last = index + 1 == self.len();
            if *segment == Segment::AnyDepth {
                to |= here;
            } else if segment.meets(component, if is_last { strictness } else { strictness.before_last() }) {
                to |= bit(index + 1);
            }
        }
        self.skip_depths(to)
    }

    /// Adds the positions after any number of names without a dot at the start.
    fn skip_plain(self, mut positions: u128) -> u128 {
        for (index, segment) in self.segments() {
            if positions & bit(index) != 0 && !segment.needs_dot() {
                positions |= bit(index + 1);
            }
        }
        positions
    }

    /// Adds the positions after `**` that match nothing.
    fn skip_depths(self, mut positions: u128) -> u128 {
        for (index, segment) in self.segments() {
            if *segment == Segment::AnyDepth && positions & bit(index) != 0 {
                positions |= bit(index + 1);
            }
        }
        positions
    }
}

/// Returns the bit of a position.
fn bit(index: usize) -> u128 {
    1u128 << (index & MOST_SEGMENTS)
}

/// A component of what is compared with a route.
#[derive(Clone, Copy, Debug)]
pub(super) enum Component<'a> {
    /// A name.
    Name(&'a str),
    /// A pattern of a glob.
    Pattern(&'a NamePattern),
    /// `**` of a glob.
    AnyDepth,
}

// === impl Strictness ===

impl Strictness {
    /// Returns true for a pattern of a shell.
    fn is_shell(self) -> bool {
        matches!(self, Self::Shell | Self::ShellWritten)
    }

    /// Returns the strictness for names before the last one.
    fn before_last(self) -> Self {
        if self.is_shell() { Self::Shell } else { Self::Possible }
    }
}

// === impl Segment ===

impl Segment {
    /// Returns true if one name matches both, with the strictness. `self` is not `**`.
    fn meets(&self, component: Component<'_>, strictness: Strictness) -> bool {
        match (self, component) {
            (Self::AnyDepth, _) | (_, Component::AnyDepth) => true,
            (Self::Name(name), Component::Name(other)) => name == other,
            (Self::Pattern(pattern), Component::Name(other)) => pattern.matches(other),
            (_, Component::Pattern(other)) if strictness.is_shell() && self.needs_dot() && !other.begins_with_dot() => {
                false
            }
            (Self::Name(name), Component::Pattern(other)) => other.matches(name),
            (Self::Pattern(pattern), Component::Pattern(other)) => match pattern.overlap(other) {
                Overlap::Aimed => true,
                Overlap::Chance if strictness == Strictness::ShellWritten => !other.writes(),
                Overlap::Chance => strictness != Strictness::Aimed,
                Overlap::Nothing => false,
            },
        }
    }

    /// Returns true if the segment, the last one of a route after `**`, may match the component or a name below it.
    fn ends_at(&self, component: Component<'_>, strictness: Strictness) -> bool {
        match component {
            Component::AnyDepth if strictness.is_shell() => !self.needs_dot(),
            // `**` is not aimed at any name.
            Component::AnyDepth => strictness != Strictness::Aimed,
            _ => self.meets(component, strictness),
        }
    }

    /// Returns true if every name that it matches begins with a dot.
    fn needs_dot(&self) -> bool {
        match self {
            Self::Name(name) => name.starts_with('.'),
            Self::Pattern(pattern) => pattern.needs_dot(),
            Self::AnyDepth => false,
        }
    }
}
