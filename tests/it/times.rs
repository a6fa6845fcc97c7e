//! `time::…`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{Place, code, refuses};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs_f64()
}

#[test]
fn now_is_the_time_of_the_system() {
    let before = now();
    let output = code("print(time::now());").run();
    let seen: f64 = output.out().trim().parse().unwrap_or_else(|_| panic!("{output}"));
    // The clock may be set meanwhile, by less than this.
    assert!(before - 1.0 <= seen && seen <= now() + 1.0, "{before} {output}");
}

#[test]
fn since_is_the_time_that_has_passed() {
    code("let start = time::now(); sleep(0.05); let took = time::since(start); print(took >= 0.04 && took < 60.0); print(type_of(took));")
        .run()
        .expect(0, "true\nf64\n");
    code("print(time::since(0) > 1.7e9); print(time::since(time::now() + 100) < -50);").run().expect(0, "true\ntrue\n");
}

#[test]
fn a_time_is_written_by_a_format() {
    let script = r#"print(time::format(0, "%Y-%m-%d %H:%M:%S %z %Z")); print(time::format(1721000000.1, "%c|%x|%j|%.3f|%s|%%é"));
        print(time::format(-0.5, "%F %T.%3f")); print(time::format(253402207200, "%Y")); print(time::format(0, "") == "");"#;
    let shown = "1970-01-01 00:00:00 +0000 UTC\nSun Jul 14 23:33:20 2024|07/14/24|196|.100|1721000000|%é\n\
        1969-12-31 23:59:59.500\n9999\ntrue\n";
    code(script).env("TZ", Some("UTC0")).run().expect(0, shown);
}

#[test]
fn a_time_is_local_where_tz_says_that_the_script_is() {
    let show = |t: &str| format!("print(time::format({t}, \"%H:%M %Z %z\"));");
    // In summer and in winter.
    let script = format!("{} {}", show("1721000000"), show("1704067200"));
    let berlin = Some("CET-1CEST,M3.5.0,M10.5.0/3");
    code(&script).env("TZ", berlin).run().expect(0, "01:33 CEST +0200\n01:00 CET +0100\n");
    code(&script).env("TZ", Some("")).run().expect(0, "23:33 UTC +0000\n00:00 UTC +0000\n");
    let script =
        format!("{0} env::set(\"TZ\", \"<HERE>-5\"); {0} run([\"date\", \"-d\", \"@0\", \"+%Z\"]);", show("0"));
    code(&script).env("TZ", berlin).run().expect(0, "01:00 CET +0100\n05:00 HERE +0500\nHERE\n");
}

#[test]
fn without_tz_a_time_is_that_of_the_machine() {
    let date = std::process::Command::new("date").args(["-d", "@1721000000", "+%F %T %Z"]).env_remove("TZ").output();
    let seen = code("print(time::format(1721000000, \"%F %T %Z\"));").env("TZ", None).run();
    assert_eq!(seen.stdout, date.expect("there is a date").stdout, "{seen}");
    let script = "env::unset(\"TZ\"); print(time::format(1721000000, \"%F %T %Z\"));";
    assert_eq!(code(script).env("TZ", Some("<here>-5")).run().stdout, seen.stdout);
}

#[test]
fn a_time_zone_in_a_pipe_is_waited_for_by_nobody() {
    let place = Place::new();
    crate::files::make_fifo(&place, "pipe");
    let script = "try { time::format(0, \"%F\"); } catch (e) { print(e.message); }";
    let run = code(script).env("TZ", place.path().join("pipe").to_str()).run();
    run.expect_code(0);
    assert!(run.out().starts_with("time::format: there is no time zone "), "{run}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let unknown = "the format \"%Q %E\" is wrong: found unrecognized specifier directive `E`";
    refuses("time::format(0, \"%Q %E\");", &format!("time::format: {unknown}"));
    refuses("time::format(0, \"100%\");", "time::format: the format \"100%\" is wrong: ");
    refuses("time::format(1e20, \"%F\");", "time::format: the time 1e20 is not in -377705023201 to 253402207200");
    refuses("time::format(9223372036854775807, \"%F\");", "time::format: the time 9223372036854775807 is not in");
    refuses("time::format(0.0 / 0.0, \"%F\");", "time::format: expected a time in seconds since 1970, not `NaN`");
    refuses("time::format(0, 5);", "time::format: expected a string, not `5`");
    refuses("time::since(\"x\");", "time::since: expected a time in seconds since 1970, not the string \"x\"");
    code("time::format(0, \"%F\");")
        .env("TZ", Some("Nowhere/Land"))
        .run()
        .expect_code(1)
        .expect_error("error: time::format: there is no time zone \"Nowhere/Land\", which TZ names");
}
