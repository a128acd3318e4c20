//! `context_based`: a long prompt goes to the longest context, a hard one to the first member, the rest
//! to the last. A member with a condition is picked by that instead.

/// The order in which to use `windows.len()` members.
///
/// `windows` are context windows in tokens, unknown ones smallest; `long` says that the prompt is
/// past the threshold, `hard` that its complexity is high or it carries a reasoning cue.
#[must_use]
pub fn by_context(
    windows: &[Option<u32>],
    long: bool,
    hard: bool,
    conditions: &[Option<bool>],
) -> Vec<usize> {
    let members = windows.len();
    let longest = || {
        let keyed = windows.iter().enumerate().map(|(member, window)| (*window, member));
        keyed.max_by_key(|(window, member)| (*window, members - member)).map(|(_, member)| member)
    };
    let chosen = conditions
        .iter()
        .position(|held| *held == Some(true))
        .or_else(|| long.then(longest).flatten())
        .or_else(|| hard.then_some(0))
        .unwrap_or(members.saturating_sub(1));
    let mut order: Vec<usize> = (0..members).collect();
    order.sort_by_key(|member| *member != chosen);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: [Option<u32>; 3] = [Some(163_840), Some(262_144), Some(32_768)];
    const NONE: [Option<bool>; 3] = [None, None, None];

    #[test]
    fn long_then_hard_then_standard() {
        assert_eq!(by_context(&WINDOWS, true, true, &NONE), [1, 0, 2]);
        assert_eq!(by_context(&WINDOWS, false, true, &NONE), [0, 1, 2]);
        assert_eq!(by_context(&WINDOWS, false, false, &NONE), [2, 0, 1]);
    }
}
