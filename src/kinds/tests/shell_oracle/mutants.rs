//! Seeded changes of lines.

/// Pieces of syntax that a change inserts.
const PIECES: &[&str] = &[
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    ">",
    ">>",
    "<",
    "<>",
    ">|",
    ">&",
    "<&",
    "&>",
    "2>",
    "2>&1",
    ">&2",
    "1>&-",
    "<<<",
    "<<",
    "(",
    ")",
    "{",
    "}",
    "{ ",
    "; }",
    "$(",
    "$(id)",
    "`",
    "`id`",
    "<(id)",
    ">(id)",
    "<(",
    ">(",
    "\"",
    "'",
    "\\",
    "\n",
    "\\\n",
    " ",
    " ",
    " ",
    "\t",
    "*",
    "?",
    "[",
    "]",
    "[a]",
    "~",
    "#",
    " #",
    "!",
    " ! ",
    "=",
    "==",
    "$",
    "$x",
    "${x}",
    "$?",
    "$$",
    "$!",
    "$((1))",
    "$((",
    "))",
    "$'",
    "$\"",
    "if ",
    "then ",
    "else ",
    "elif ",
    "; fi",
    "fi",
    "do ",
    "; done",
    "done",
    "for x in ",
    "for f in a b; do ",
    "while ",
    "until ",
    "time ",
    "case ",
    " in ",
    "esac",
    "[[ ",
    " ]]",
    "id",
    " id ",
    "ls",
    "\nid\n",
    ";id;",
    "-",
    "--",
    "-n",
    "+",
    "^",
    "%",
    ":",
    ",",
    ".",
    "..",
    "/",
    "@",
    "é",
    "\u{a0}",
    "x=",
    "x=a ",
    "x=a; ",
    " x=b; ",
    "a=$x ",
    "EOF",
    "<<EOF\nid\nEOF\n",
    "<<'EOF'\n$(id)\nEOF\n",
    " <<-E",
    "\nE\n",
    "1",
    "2",
    "9",
    "12",
    "{a,b}",
    "{1..3}",
    "{}",
    "a",
    "b",
    "cd ",
    "cd sub; ",
    "cd sub && ",
    "cd .. && ",
    "(cd a; ls)",
    "read x; ",
    "exec ",
    "command ",
    "builtin ",
    "export ",
    "set -e; ",
    "set -- ",
    "exit; ",
    "break; ",
    "true && ",
    "false || ",
    "; ls",
    " | cat",
    " & ",
    "0",
    "-0",
    "&-",
    "()",
    "() ",
    "${",
    "}",
    "\"$x\"",
    "\"$(",
    ")\"",
    "''",
    "\"\"",
    "$(<",
    "<(\n",
    "\n)",
    "\"\n",
    "'\n",
];

/// A source of numbers, xorshift.
pub struct Numbers(u64);

impl Numbers {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below the bound, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }
}

/// Returns a changed line.
pub fn mutant(lines: &[String], numbers: &mut Numbers) -> String {
    let mut line = lines[numbers.below(lines.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = boundary(&line, numbers);
        match numbers.below(10) {
            0..=4 => line.insert_str(at, PIECES[numbers.below(PIECES.len())]),
            5 => {
                let end = line[at..].char_indices().nth(numbers.below(5)).map_or(line.len(), |(length, _)| at + length);
                line.replace_range(at..end, "");
            }
            6 => {
                if let Some(character) = line[at..].chars().next() {
                    line.replace_range(at..at + character.len_utf8(), PIECES[numbers.below(PIECES.len())]);
                }
            }
            7 => {
                let other = &lines[numbers.below(lines.len())];
                let cut = boundary(other, numbers);
                line.truncate(at);
                line.push_str(&other[cut..]);
            }
            8 => {
                let other = &lines[numbers.below(lines.len())];
                let (start, end) = (boundary(other, numbers), boundary(other, numbers));
                line.insert_str(at, &other[start.min(end)..start.max(end)]);
            }
            _ => {
                let end = boundary(&line, numbers);
                let piece = line[at.min(end)..at.max(end)].to_owned();
                line.insert_str(at, &piece);
            }
        }
        let most = (0..=400.min(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
        line.truncate(most);
    }
    line
}

/// Returns a place between two characters.
fn boundary(line: &str, numbers: &mut Numbers) -> usize {
    let mut at = numbers.below(line.len() + 1);
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}
