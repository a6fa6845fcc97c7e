//! The time of day where the user is.

use jiff::ZonedDateTime;

/// The local time now, in a format of strftime(3) that is known to be valid. Where the system does not say where it is,
/// that of UTC.
#[must_use]
pub fn now(format: &'static str) -> String {
    ZonedDateTime::now().strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_form_that_was_asked_for() {
        let time = now("%Y-%m-%d %H:%M:%S");
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(digits, "0000-00-00 00:00:00", "{time}");
    }
}
