//! The time of day where the user is.

use std::ffi::OsStr;
use std::path::Path;

use jiff::ZonedDateTime;
pub use jiff::tz::TimeZone;

/// The time zone of the machine, in a form that names none. Source: localtime(5).
const LOCALTIME: &str = "/etc/localtime";

/// The time zone that a value of TZ means; without one that of the machine, or else UTC. `None` if there is no such zone.
/// Source: tzset(3).
#[must_use]
pub fn zone(name: Option<&OsStr>) -> Option<TimeZone> {
    let Some(name) = name else { return Some(in_file(LOCALTIME).unwrap_or(TimeZone::UTC)) };
    let name = name.to_str()?;
    let name = name.strip_prefix(':').unwrap_or(name);
    if name.is_empty() {
        return Some(TimeZone::UTC);
    }
    let known = TimeZone::get(name).or_else(|_| TimeZone::posix(name));
    known.ok().or_else(|| in_file(name).filter(|_| Path::new(name).is_absolute()))
}

fn in_file(path: &str) -> Option<TimeZone> {
    // A pipe would be waited for, and a device has no end.
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    if is_file { TimeZone::tzif(path, &std::fs::read(path).ok()?).ok() } else { None }
}

/// The time now, in a format of strftime(3) that is known to be valid.
#[must_use]
pub fn now(format: &'static str, zone: &TimeZone) -> String {
    ZonedDateTime::now().with_time_zone(zone.clone()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_form_that_was_asked_for() {
        let time = now("%Y-%m-%d %H:%M:%S %Z", &TimeZone::UTC);
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(digits, "0000-00-00 00:00:00 UTC", "{time}");
    }
}
