//! A script that only calls a few builtins has no library: it says and does the same as one that has all of it.

use crate::harness::code;

/// Mistakes among them: what is wrong with an argument is told with what it is.
const SCRIPTS: [&str; 30] = [
    "print(\"a\\nb\\u{1F600}\"); print()",
    "print(\"a\", \"b\")",
    "eprint(\"x\"); eprint()",
    "run([\"echo\", 5, \"a\"]); sh(\"echo $1 $2\", \"a\", 5)",
    "run(5)",
    "run([[1]])",
    "run([1, 2])",
    "run([])",
    "run([\"echo\", [1]])",
    "run([\"no-such-program\"])",
    "run(run)",
    "sh([\"echo\"])",
    "sh(\"exit 3\")",
    "succeeds([\"false\"]); succeeds(5)",
    "cd(5)",
    "cd(\"nowhere\")",
    "exit([1])",
    "exit(\"message\")",
    "exit(300)",
    "exit_now(\"x\")",
    "kill(1)",
    "kill(\"a\", \"b\")",
    "trap([\"NOPE\"])",
    "trap(5)",
    "untrap([5])",
    "sleep(\"a\")",
    "sleep([1])",
    "print(\"a\")(\"b\")",
    "print print",
    "5",
];

#[test]
fn a_plain_script_does_what_it_does_with_all_of_the_library() {
    // A word with which everything is there.
    const ALL: &str = " // eval";
    for script in SCRIPTS {
        let (plain, full) = (code(script).run(), code(&format!("{script}{ALL}")).run());
        assert_eq!(plain.out(), full.out(), "{script}");
        assert_eq!(plain.err(), full.err().replace(ALL, ""), "{script}");
        assert_eq!(plain.status, full.status, "{script}");
    }
}
