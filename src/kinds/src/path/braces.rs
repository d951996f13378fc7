//! Alternatives in braces: `src/{a,b}/*.rs` is two patterns.

/// The most alternatives of one text.
const MOST_ALTERNATIVES: usize = 64;

/// Returns every alternative of the text.
///
/// # Errors
///
/// The byte, and the reason: nested, empty or open braces, a range, or more than 64 alternatives.
pub(crate) fn expand(text: &str) -> Result<Vec<String>, (usize, &'static str)> {
    let mut texts = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let at = text.len() - after.len() - 1;
        let (inside, behind) = after.split_once('}').ok_or((at, "has `{` without `}`"))?;
        if before.contains('}') {
            return Err((at, "has `}` without `{`"));
        }
        if inside.contains('{') {
            return Err((at, "has braces in braces"));
        }
        if !inside.contains(',') {
            return Err((at, "has braces without a comma, which programs read in two ways"));
        }
        let choices = inside.split(',');
        if texts.len() * choices.clone().count() > MOST_ALTERNATIVES {
            return Err((at, "has more than 64 alternatives"));
        }
        texts =
            texts.iter().flat_map(|head| choices.clone().map(move |choice| [head, before, choice].concat())).collect();
        rest = behind;
    }
    if let Some(at) = rest.find('}') {
        return Err((text.len() - rest.len() + at, "has `}` without `{`"));
    }
    texts.iter_mut().for_each(|head| head.push_str(rest));
    Ok(texts)
}
