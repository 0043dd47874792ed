//! No body may crash the process or take disproportionate time.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::tests::{JPEG, PNG};
use super::*;

const TYPES: [&str; 8] = [
    "",
    "image/jpeg",
    "text/plain",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\"",
];

/// xorshift64*: the same numbers on every run and machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Fragments that are significant to the parser, to be combined at random.
const PIECES: [&[u8]; 57] = [
    b"--x",
    b"--x--",
    b"--",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; name=\"image\"",
    b"; filename=\"a\"",
    b"; filename*=utf-8''%",
    b"Content-Type: image/png",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"\r\n--xy",
    b"%FF%D8%FF",
    b":",
    b";",
    b"=",
    b"==",
    b"&",
    b"%",
    b"%3D",
    b"%2",
    b"+",
    b" ",
    b"\"",
    b"'",
    b"b'",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"image",
    b"images",
    b"inputs",
    b"parameters",
    b"top_k",
    b"min_score",
    b"\"data\":",
    b"\"instances\":[",
    b"\"requests\":[",
    b"{\"0\":255",
    b"[255,",
    b"\"function_to_apply\":",
    b"data:",
    b";base64,",
    b"iVBORw0KGgo",
    b"/9j/4AAQ",
    b"\xEF\xBF\xBD",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xFF\xD8\xFF",
];

fn seeds() -> Vec<Vec<u8>> {
    use ::base64::Engine as _;
    let text = ::base64::engine::general_purpose::STANDARD.encode(JPEG);
    let part =
        [b"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n", JPEG, b"\r\n"]
            .concat();
    let option = b"--x\r\nContent-Disposition: form-data; name=\"top_k\"\r\n\r\n5\r\n".to_vec();
    let multipart = [&part[..], &option, &part, b"--x--\r\n"].concat();
    vec![
        JPEG.to_vec(),
        PNG.to_vec(),
        text.clone().into(),
        format!("data:image/png;base64,{text}").into(),
        format!("{{\"image\":\"{text}\",\"top_k\":5,\"min_score\":0.1}}").into(),
        format!("{{\"inputs\":[\"{text}\",\"{text}\"],\"parameters\":{{\"top_k\":5}}}}").into(),
        format!("image={text}&top_k=5").into(),
        format!("{{\"instances\":[{{\"b64\":\"{text}\"}},{{\"image\":{{\"content\":\"{text}\"}}}}]}}").into(),
        format!("{{\"image\":{{\"type\":\"Buffer\",\"data\":{JPEG:?}}},\"MaxLabels\":5}}").into(),
        ::base64::engine::general_purpose::STANDARD.encode(&multipart).into(),
        multipart,
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ]
}

/// Parses under every content type, and checks the invariants that hold for every body.
fn hold(body: &[u8]) {
    let limits = Limits { max_bytes: 4096, max_images: 3 };
    for content_type in TYPES {
        match parse(Some(content_type), Bytes::copy_from_slice(body), limits) {
            Ok(submission) => {
                assert!((1..=3).contains(&submission.images.len()));
                assert!(submission.several || submission.images.iter().all(Result::is_ok));
                let sizes = submission
                    .images
                    .iter()
                    .flatten()
                    .filter_map(Image::sent)
                    .map(|upload| upload.bytes.len());
                assert!(sizes.clone().all(|size| size > 0) && sizes.sum::<usize>() <= 4096);
            }
            Err(error) => {
                assert!(matches!(error.status(), 400 | 413), "{error:?}");
                assert!(
                    error.to_string().len() < 1024 && !error.to_string().chars().any(char::is_control),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn no_mutation_of_a_good_body_panics() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let seeds = seeds();
    for round in 0..20_000 {
        let mut body = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            match random.below(6) {
                0 => body.truncate(at),
                1 => body[at..].iter_mut().take(1).for_each(|byte| *byte = random.below(256) as u8),
                2 => drop(body.splice(at..at, random.pick(&PIECES).iter().copied())),
                3 => drop(body.drain(at..(at + random.below(9)).min(body.len()))),
                4 => body.extend_from_within(at..),
                _ => body[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            }
            if body.is_empty() {
                break;
            }
        }
        hold(&body);
    }
}

#[test]
fn no_random_body_panics() {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for _ in 0..10_000 {
        let pieces: Vec<u8> = (0..random.below(24)).flat_map(|_| random.pick(&PIECES)).copied().collect();
        hold(&pieces);
        let noise: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
        hold(&noise);
    }
}

#[test]
fn a_megabyte_of_anything_takes_no_time_to_speak_of() {
    // Large enough that a quadratic search would take minutes. A body ten times as large takes 0.3 s at
    // worst.
    const SIZE: usize = 1 << 20;
    let limits = Limits { max_bytes: SIZE, max_images: 16 };
    let header = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    let fillers: Vec<&[u8]> = [
        &PIECES[..],
        &[
            b"A",
            b"a=b&",
            b"image=&",
            b"a: b\r\n",
            b"\r\n--x\r\n",
            b"\n--x\n\n",
            b"\"\",",
            b"0,",
            b"\0",
            b"--x\r\na:b\r\n\r\n",
            b"%41",
            b"QUFB\r\n",
            b"A ",
            b"data:,",
            b"-----BEGIN \n-----END ",
            b"\xC3\xBF",
            b"{\"a\":",
            b" \t",
            b"\r\n--x \t ",
        ],
    ]
    .concat();
    let starts: [&[u8]; 10] = [
        b"",
        b"{\"image\":\"",
        b"{\"images\":[",
        b"[",
        b"image=",
        b"--x\r\n",
        header,
        b"data:image/png;base64,",
        b"\"",
        b"\xFF\xFE",
    ];
    for start in starts {
        for (index, filler) in fillers.iter().enumerate() {
            let body = Bytes::from([start, &filler.repeat(SIZE / filler.len())].concat());
            let content_type = TYPES[index % TYPES.len()];
            let clock = Instant::now();
            drop(parse(Some(content_type), body, limits));
            let (start, filler) = (String::from_utf8_lossy(start), String::from_utf8_lossy(filler));
            assert!(clock.elapsed() < Duration::from_secs(2), "{content_type:?}, {start:?}, {filler:?}");
        }
    }
}
