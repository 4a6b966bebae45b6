//! Texts with NUL, which PostgreSQL does not take.

use std::borrow::Cow;

/// Stands before what is written in another way. It is no character, so nearly no text has it.
const MARK: char = '\u{FDD0}';

/// A text without NUL, which [`decoded`] makes that text of.
pub(super) fn encoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 3);
    for character in text.chars() {
        match character {
            '\0' => encoded.extend([MARK, '0']),
            MARK => encoded.extend([MARK, '1']),
            other => encoded.push(other),
        }
    }
    Cow::Owned(encoded)
}

/// What a text was before it was [`encoded`].
pub(super) fn decoded(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    let mut decoded = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        decoded.push(match character {
            MARK if characters.next() == Some('0') => '\0',
            other => other,
        });
    }
    decoded
}
