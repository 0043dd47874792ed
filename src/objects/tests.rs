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
