//! What people are found by: a range of lower-case words, the same in every store.

/// The range of words, without its end, that begin with what somebody typed; `None` for a query without
/// a visible character, which would be everybody.
pub(crate) fn range(query: &str) -> Option<(String, String)> {
    let query = query.trim().to_lowercase();
    // No text begins with the last code point there is: it is no character.
    let end = format!("{query}\u{10ffff}");
    (!query.is_empty()).then_some((query, end))
}

/// The account name, and the display name from the beginning of each of its words to its end.
pub(crate) fn words(name: &str, display_name: &str) -> Vec<String> {
    let lower = display_name.trim().to_lowercase();
    let mut words = vec![name.to_lowercase()];
    let mut inside = false;
    for (at, c) in lower.char_indices() {
        if at == 0 || c.is_alphanumeric() && !inside {
            words.push(lower[at..].to_owned());
        }
        inside = c.is_alphanumeric();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_display_name_is_found_from_each_of_its_words_on() {
        assert_eq!(words("ada", "Ada King-Noel"), ["ada", "ada king-noel", "king-noel", "noel"]);
        assert_eq!(words("ada", "(Ada)"), ["ada", "(ada)", "ada)"]);
        assert_eq!(words("wei", "张伟"), ["wei", "张伟"]);
        assert_eq!(words("x", ""), ["x"]);
    }
}
