//! The few words that the window itself says, outside of its page: in notifications and in the tray.

/// One language. That all of them have all words is seen by the compiler.
pub(crate) struct Words {
    /// In the menu of the tray.
    pub(crate) open: &'static str,
    /// Likewise.
    pub(crate) quit: &'static str,
    /// Beside the tray's icon: how much is unread.
    pub(crate) unread: fn(&str) -> String,
    /// A notification that shows nothing of what was written.
    pub(crate) new_message: &'static str,
    /// Likewise, of several messages.
    pub(crate) new_messages: fn(&str) -> String,
    /// A summary: how many messages, in how many conversations.
    pub(crate) summary: fn(&str, u64) -> String,
    /// Said once, when the window is closed and nothing on the screen shows that the app goes on.
    pub(crate) goes_on: &'static str,
    /// Likewise: what to do.
    pub(crate) goes_on_how: &'static str,
}

const ENGLISH: Words = Words {
    open: "Open Kith",
    quit: "Quit",
    unread: |count| format!("{count} unread"),
    new_message: "New message",
    new_messages: |count| format!("{count} new messages"),
    summary: |count, conversations| {
        format!("{count} new messages in {conversations} conversations")
    },
    goes_on: "Kith goes on in the background",
    goes_on_how: "You are still notified of messages. Start Kith again to see its window.",
};

const CHINESE: Words = Words {
    open: "打开 Kith",
    quit: "退出",
    unread: |count| format!("{count} 条未读"),
    new_message: "新消息",
    new_messages: |count| format!("{count} 条新消息"),
    summary: |count, conversations| format!("{conversations} 个会话中有 {count} 条新消息"),
    goes_on: "Kith 仍在后台运行",
    goes_on_how: "新消息仍会通知你。再次启动 Kith 即可打开窗口。",
};

/// The words of a language of the settings; an empty one is the system's.
pub(crate) fn words(language: &str) -> &'static Words {
    let wish = match language {
        "" => sys_locale::get_locale().unwrap_or_default(),
        chosen => chosen.to_owned(),
    };
    match wish.split(['-', '_', '.']).next() {
        Some("zh") => &CHINESE,
        _ => &ENGLISH,
    }
}

/// A derived count as it is shown: nobody needs more than three digits of it.
pub(crate) fn count(unread: u64) -> String {
    if unread > 999 { "999+".to_owned() } else { unread.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_with_and_without_its_region_and_any_other_is_english() {
        for (language, quit) in [
            ("zh-CN", "退出"),
            ("zh", "退出"),
            ("zh_TW.UTF-8", "退出"),
            ("en", "Quit"),
            ("de", "Quit"),
        ] {
            assert_eq!(words(language).quit, quit, "{language}");
        }
    }

    #[test]
    fn large_counts_are_cut() {
        assert_eq!([count(1), count(999), count(1000)], ["1", "999", "999+"]);
    }
}
