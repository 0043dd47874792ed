//! Every kind of file that is refused, and those that Pillow refuses and this decoder does not; `parity` has the
//! rest.

use super::Right::{Code, Unsupported};
use super::{LIMITS, Right, check, decode, fixtures, names, read};

const CORRUPT: Right = Code("undecodable_image");
const TRUNCATED: Right = Code("truncated_image");
const TOO_LARGE: Right = Code("image_too_large");

const REFUSED: &[(&str, Right)] = &[
    // JPEG
    ("arithmetic_progressive.jpg", Unsupported("An arithmetic-coded JPEG")),
    ("closed_early.jpg", TRUNCATED),
    ("closed_early_progressive.jpg", TRUNCATED),
    ("dc_only_progressive_open.jpg", TRUNCATED),
    ("extended_12_bit.jpg", Unsupported("A 12-bit JPEG")),
    ("fractional_sampling.jpg", CORRUPT),
    ("height_0.jpg", CORRUPT),
    ("hierarchical.jpg", Unsupported("A hierarchical JPEG")),
    ("jpeg_ls.jpg", Unsupported("A JPEG-LS image")),
    ("lossless.jpg", Unsupported("A lossless JPEG")),
    ("lost_interval.jpg", TRUNCATED),
    ("no_scan.jpg", CORRUPT),
    ("short_interval.jpg", TRUNCATED),
    ("width_0.jpg", CORRUPT),
    // PNG
    ("bad_filter.png", CORRUPT),
    ("bad_zlib.png", CORRUPT),
    ("cgbi.png", Unsupported("A PNG in Apple's own variant (CgBI)")),
    ("crc_of_ihdr.png", CORRUPT),
    ("crc_of_long_idat.png", CORRUPT),
    ("crc_of_plte.png", CORRUPT),
    ("crlf.png", CORRUPT),
    ("impossible_depth.png", CORRUPT),
    ("no_idat.png", CORRUPT),
    ("no_palette.png", CORRUPT),
    ("one_row.png", TOO_LARGE),
    ("short_zlib.png", CORRUPT),
    // GIF
    ("0x0_frame.gif", CORRUPT),
    ("bad_code_size.gif", CORRUPT),
    ("bomb_frame.gif", TOO_LARGE),
    ("few_pixels.gif", TRUNCATED),
    ("no_frame.gif", CORRUPT),
    // BMP
    ("0x0.bmp", CORRUPT),
    ("bomb.bmp", TOO_LARGE),
    ("jpeg_inside.bmp", Unsupported("A JPEG inside a BMP")),
    ("long_side.bmp", TOO_LARGE),
    ("negative_width.bmp", CORRUPT),
    ("no_last_pixel.bmp", TRUNCATED),
    ("png_inside.bmp", Unsupported("A PNG inside a BMP")),
    ("rle4_early_end.bmp", TRUNCATED),
    ("rle8_cut.bmp", TRUNCATED),
    ("rle8_early_end.bmp", TRUNCATED),
    // WebP
    ("bomb_canvas.webp", TOO_LARGE),
    ("damaged_lossless.webp", CORRUPT),
    ("frame_outside.webp", CORRUPT),
    ("no_image.webp", CORRUPT),
    ("orientation_cut.webp", TRUNCATED),
    ("tree_bomb.webp", CORRUPT),
    ("tree_bomb_alpha.webp", CORRUPT),
    ("wrong_canvas.webp", CORRUPT),
    ("flags_lie_cut.webp", TRUNCATED),
    // TIFF
    ("0x0.tif", CORRUPT),
    ("bad_zlib.tif", CORRUPT),
    ("bomb.tif", TOO_LARGE),
    ("few_strips.tif", TRUNCATED),
    ("float.tif", Unsupported("A TIFF image with samples that are signed or floating-point numbers")),
    ("header_only.tif", TRUNCATED),
    ("high_tiles.tif", CORRUPT),
    ("lab.tif", Unsupported("A TIFF image with CIELAB colours")),
    ("lzma.tif", Unsupported("A TIFF image with LZMA compression")),
    ("no_offsets.tif", CORRUPT),
    ("no_palette.tif", CORRUPT),
    ("old_jpeg.tif", Unsupported("A TIFF image with old-style JPEG compression")),
    ("one_row.tif", TOO_LARGE),
    ("short_lzw.tif", TRUNCATED),
    ("signed.tif", Unsupported("A TIFF image with samples that are signed or floating-point numbers")),
    ("strip_outside.tif", TRUNCATED),
    ("tiff_ccitt.tif", Unsupported("A TIFF image with CCITT Modified Huffman compression")),
    ("tile_bomb.tif", CORRUPT),
    ("zstd.tif", Unsupported("A TIFF image with Zstandard compression")),
    // AVIF
    ("0x0.avif", CORRUPT),
    ("bomb.avif", TOO_LARGE),
    ("hevc_inside.avif", Unsupported("An AVIF image with an item of kind hvc1")),
    ("layers.avif", Unsupported("An AVIF image in layers")),
    ("matrix_14.avif", Unsupported("An AVIF image with matrix coefficients 14")),
    ("no_item.avif", CORRUPT),
    ("no_meta.avif", TRUNCATED),
    ("no_place.avif", CORRUPT),
    ("no_primary.avif", CORRUPT),
    ("no_sequence_header.avif", CORRUPT),
    ("no_size.avif", CORRUPT),
    ("other_size.avif", CORRUPT),
    ("unknown_property.avif", Unsupported("An AVIF image with the property skip")),
    ("zeros_for_pixels.avif", CORRUPT),
];

/// Files without a golden that are accepted, and the file whose pixels they have.
const SAME: &[(&str, &str)] = &[
    ("16_zero_masks.bmp", "16.bmp"),
    ("alpha_0_ce.bmp", "alpha_0_v56.bmp"),
    ("exif_byte.jpg", "exif_header_twice.jpg"),
    ("exif_byte.png", "exif_swapped_magic_mm.png"),
    ("exif_byte.webp", "exif_header_twice.webp"),
    ("exif_header_five_times.jpg", "exif_header_twice.jpg"),
    ("exif_header_five_times.png", "exif_swapped_magic_mm.png"),
    ("exif_header_five_times.webp", "exif_header_twice.webp"),
    ("exif_header_twice.png", "exif_swapped_magic_mm.png"),
    ("raw_profile_app1.png", "raw_profile.png"),
    ("raw_profile_app1_xmp.png", "raw_profile.png"),
    ("raw_profile_xmp.png", "raw_profile.png"),
    ("444_as_2x2.jpg", "444_as_2x2.jpg"),
    ("bad_chunks.png", "rgb_8.png"),
    ("crc_of_gama.png", "rgb_8.png"),
    ("itxt_bomb.png", "ztxt_bomb.png"),
    ("ztxt_bomb.png", "itxt_bomb.png"),
    ("raw_profile_bomb.png", "ztxt_bomb.png"),
    ("trns_before_plte.png", "palette_partial_trns.png"),
    ("24_os2_short.bmp", "24.bmp"),
    ("32_alpha_ce.bmp", "32_alpha_v3.bmp"),
    ("many_colors.bmp", "8.bmp"),
    ("metadata_cut.webp", "lossy.webp"),
    ("bigtiff_big_endian.tif", "rgb.tif"),
    ("grey_12.tif", "grey_8.tif"),
    ("no_lengths.tif", "rgb.tif"),
    ("palette_8_narrow.tif", "palette_8.tif"),
    ("two_soi.jpg", "plain.jpg"),
    ("fill_bytes.jpg", "plain.jpg"),
    ("dnl.jpg", "plain.jpg"),
    ("bytes_before_soi.jpg", "plain.jpg"),
    ("text_before_soi.jpg", "plain.jpg"),
];

/// Accepted, and compared with nothing; `tools/make_goldens.py` says why.
const WITHOUT_GOLDEN: [&str; 5] =
    ["420_as_4x4.jpg", "alpha_16.bmp", "dc_only_progressive.jpg", "rle8_skipped_row.bmp", "size_1x40.jpg"];

#[test]
fn every_kind_that_is_refused_is_refused_for_its_own_reason() {
    for (name, right) in REFUSED {
        check(name, right, decode(&read("kinds", name), LIMITS));
    }
}

#[test]
fn what_only_pillow_refuses_has_the_pixels_of_its_sound_sibling() {
    for (name, sibling) in SAME {
        let picture =
            decode(&read("kinds", name), LIMITS).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(picture.raster == decode(&read("kinds", sibling), LIMITS).unwrap().raster, "{name}");
    }
    for name in WITHOUT_GOLDEN {
        assert!(decode(&read("kinds", name), LIMITS).is_ok(), "{name}");
    }
}

#[test]
fn every_kind_is_asked_about_somewhere() {
    for name in names("kinds") {
        let asked = REFUSED.iter().any(|(row, _)| *row == name)
            || SAME.iter().any(|(row, _)| *row == name)
            || WITHOUT_GOLDEN.contains(&name.as_str())
            || fixtures("goldens").join(format!("{name}.png")).exists();
        assert!(asked, "{name}");
    }
}

#[test]
fn leading_white_space_and_trailing_bytes_change_nothing() {
    for name in ["plain.jpg", "rgb_8.png", "lossless.webp", "global.gif", "24.bmp"] {
        let bytes = read("kinds", name);
        let right = decode(&bytes, LIMITS).unwrap();
        let padded = [&b"\r\n \t"[..], &bytes, b"\0\xff\xd8\xff\xe0 and more"].concat();
        let picture = decode(&padded, LIMITS).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!((picture.format, picture.raster) == (right.format, right.raster), "{name}");
    }
}
