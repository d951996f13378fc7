//! The options of the validator.

use jsonschema::PatternOptions;

/// The options with which every schema is compiled.
pub(crate) fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options().offline().should_validate_formats(true).with_pattern_options(PatternOptions::regex())
}
