//! Times as a config writes them (RFC 3339), as microseconds since the Unix epoch.

const MICROS: i64 = 1_000_000;

/// `2026-03-01T09:00:00Z`, with an offset such as `+01:00` in place of `Z`, and fractions of a second
/// of which six digits count. `None` for anything else and for times before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(clock, ':')?;
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let (micros, zone) = fraction(rest)?;
    let offset = offset_seconds(zone)?;
    let seconds =
        days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    if !valid {
        return None;
    }
    u64::try_from(seconds * MICROS + micros).ok()
}

/// In UTC, with six digits of a second.
#[must_use]
pub fn format(us: u64) -> String {
    let (seconds, micros) = (us / 1_000_000, us % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Three numbers of fixed width between separators.
fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut numbers = text.split(separator).map(number);
    let three = [numbers.next()??, numbers.next()??, numbers.next()??];
    let widths = text.split(separator).skip(1).all(|part| part.len() == 2);
    (numbers.next().is_none() && widths).then_some(three)
}

fn number(digits: &str) -> Option<i64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

/// Microseconds after the point, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, zone) = rest.split_at_checked(end)?;
    let six: String = digits.chars().chain("000000".chars()).take(6).collect();
    (!digits.is_empty()).then_some((number(&six)?, zone))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn two_digits(text: &str) -> Option<i64> {
    number(text).filter(|_| text.len() == 2)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar since 1970 (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `days_from_civil`).
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1 January 1970 (the same source, `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(format(951_827_445_000_001), "2000-02-29T12:30:45.000001Z");
        for day in (0..60_000).step_by(7) {
            let us = day * 86_400_000_000 + 86_399_999_999;
            assert_eq!(parse(&format(us)), Some(us), "{}", format(us));
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:45Z", 951_827_445),
            ("2026-03-01T09:00:00Z", 1_772_355_600),
            ("2026-03-01t10:00:00+01:00", 1_772_355_600),
            ("2026-02-28 23:30:00-09:30", 1_772_355_600),
        ] {
            assert_eq!(parse(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:01.25Z"), Some(1_250_000));
        assert_eq!(parse("1970-01-01T00:00:00.1234567Z"), Some(123_456));
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "now",
            "2026-03-01",
            "2026-03-01T09:00:00",
            "2026-3-1T09:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T09:00Z",
            "1969-12-31T23:59:59Z",
            "2026-03-01T09:00:00+1:00",
            "2026-03-01T09:00:00.Z",
            "2026-03-0é1T09:00:00Z",
            "2026-03-01T09:00:00+01:00x",
            "-026-03-01T09:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
