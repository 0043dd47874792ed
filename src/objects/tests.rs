use clap::Parser as _;

use super::*;
use crate::cli::Arguments;

fn objects() -> Objects {
    let arguments = ["", "--s3-buckets", "photos, more-photos", "--results", "s3://labels/v1", "serve"];
    Objects::new(&Config::from_settings(&Arguments::parse_from(arguments).settings).unwrap())
}

#[test]
fn only_buckets_that_are_named_are_read_and_only_that_of_the_results_is_written() {
    let objects = objects();
    assert!(objects.may_read("photos") && objects.may_read("more-photos"));
    assert!(!objects.may_read("labels") && !objects.may_read("photo"));
    assert!(objects.may_write("labels") && !objects.may_write("photos"));
}

#[test]
fn the_person_at_the_command_line_may_name_any_bucket() {
    let arguments = Arguments::parse_from(["", "serve"]);
    let objects = Objects::for_operator(&Config::from_settings(&arguments.settings).unwrap());
    assert!(objects.may_read("photos") && objects.may_write("labels"));
}
