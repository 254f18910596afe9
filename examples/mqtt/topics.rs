//! Topic names and filters (MQTT 3.1.1, 4.7).

/// Whether messages can have this topic.
pub(crate) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#'])
}

/// Whether this is a filter: `+` stands for one level, `#` at the end for any number of levels.
pub(crate) fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut is_valid = !filter.is_empty();
    while let Some(level) = levels.next() {
        let is_last = levels.peek().is_none();
        is_valid &= level == "+" || (level == "#" && is_last) || !level.contains(['+', '#']);
    }
    is_valid
}

/// Whether messages with the topic reach subscriptions with the filter.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    // Topics of the server, such as `$SYS/uptime`, are not part of `#` and `+/uptime`.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}
