//! Where the page may go: nowhere. A link that somebody wrote is opened outside the app, and only if
//! it is of a kind that a browser or a mail program takes.

use tauri::Url;

/// What is to be done with a place that the page wants to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is the app's own page.
    Here,
    /// To the system's browser or mail program.
    Outside,
    /// Nowhere.
    Nowhere,
}

/// Decide.
pub(crate) fn way(url: &Url) -> Way {
    // The page's own address is `tauri://localhost`, on Windows `http://tauri.localhost`.
    let own = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    match url.scheme() {
        _ if own => Way::Here,
        "https" | "http" | "mailto" => Way::Outside,
        _ => Way::Nowhere,
    }
}

/// Open a link outside, if it is one that may be opened.
pub(crate) fn open_outside(url: &Url) {
    if way(url) != Way::Outside {
        tracing::warn!(scheme = url.scheme(), "a link that is not opened");
        return;
    }
    if let Err(error) = tauri_plugin_opener::open_url(url.as_str(), None::<&str>) {
        tracing::warn!(%error, "a link could not be opened");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_47_only_links_of_a_browser_or_a_mail_program_leave_the_app() {
        for (url, expected) in [
            ("tauri://localhost/", Way::Here),
            ("tauri://localhost/index.html#settings", Way::Here),
            ("tauri://elsewhere/", Way::Nowhere),
            ("https://example.org/a?b#c", Way::Outside),
            ("http://example.org/", Way::Outside),
            ("mailto:ada@example.org", Way::Outside),
            ("javascript:alert(1)", Way::Nowhere),
            ("data:text/html,<script>alert(1)</script>", Way::Nowhere),
            ("file:///etc/passwd", Way::Nowhere),
            ("blob:tauri://localhost/5", Way::Nowhere),
            ("about:srcdoc", Way::Nowhere),
            ("ssh://example.org/", Way::Nowhere),
        ] {
            assert_eq!(way(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
