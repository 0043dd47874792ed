use super::*;

#[test]
fn a_file_is_read_up_to_the_limit_and_the_first_bytes_of_an_uncertain_one_decide() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 200]].concat();
    fs::write(&path, &png).unwrap();
    for is_certain in [false, true] {
        assert_eq!(read(&path, is_certain, 208).unwrap().unwrap(), png);
        for limit in [207, 10] {
            let error = read(&path, is_certain, limit).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        }
    }
    fs::write(&path, "Thumbs").unwrap();
    assert_eq!(read(&path, false, 3).unwrap(), None);
    assert_eq!(read(&path, true, 6).unwrap().unwrap(), b"Thumbs");
    assert_eq!(read(dir.path(), true, 6).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn an_argument_is_what_lies_there() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.jpg");
    fs::write(&file, "").unwrap();
    assert_eq!(Source::of(dir.path(), false), Ok(Source::Folder(dir.path().to_owned())));
    assert_eq!(Source::of(&file, false), Ok(Source::File(file)));
    let standard_input = Source::of(Path::new("-"), true).unwrap();
    assert!(!standard_input.is_countable());
    // The lines may contain S3 URLs.
    fs::write(dir.path().join("list"), "s3://photos/").unwrap();
    let list = Source::list(&dir.path().join("list"), false).unwrap();
    assert!(list.is_remote() && !list.is_countable());
    let message = Source::of(Path::new("/nowhere"), false).unwrap_err();
    assert!(message.contains("/nowhere: No such file"), "{message}");
}
