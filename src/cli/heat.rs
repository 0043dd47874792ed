//! `classify --explain FILE.png`: draws the heat map of the best label over the picture.

use std::io;
use std::path::Path;

use ::image::{Rgb, RgbImage};

use crate::Classifier;
use crate::classifier::Classification;
use crate::model::HeatMap;

/// The colors for little evidence and for the strongest evidence.
const COLORS: [[f64; 3]; 2] = [[255.0, 0.0, 80.0], [255.0, 225.0, 0.0]];

/// Opacity of the color at the strongest evidence.
const COVER: f64 = 0.7;

/// Brightness of the areas that the model did not see.
const UNSEEN: f64 = 0.4;

/// Checks the output path. It must end in `.png`, because `--explain *.jpg` would overwrite a photo, and it
/// must not be the picture itself. Neither file has to exist.
///
/// # Errors
///
/// A message that says which kind of name to use instead.
pub(super) fn check_out(picture: &Path, out: &Path) -> Result<(), String> {
    if !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
        return Err(format!("--explain {} would be a PNG: name a file that ends in .png.", out.display()));
    }
    match (picture.canonicalize(), out.canonicalize()) {
        (Ok(picture), Ok(other)) if picture == other => {
            Err(format!("--explain {} would overwrite the picture itself: name another file.", out.display()))
        }
        _ => Ok(()),
    }
}

/// Writes the upright picture with the heat map of its best label, as a PNG.
///
/// # Errors
///
/// An error message if there is no label, or if the picture or the file causes an error.
pub(super) fn write(
    classifier: &Classifier,
    bytes: &[u8],
    found: &Classification,
    out: &Path,
) -> Result<(), String> {
    let best = found.predictions.first().and_then(|prediction| prediction.heat_map.as_ref());
    let map = best.ok_or("No label is likely enough for a heat map: lower MIN_SCORE.")?;
    let whole = |width, height| (width, height);
    let picture =
        upright::decode_within(bytes, &mut classifier.budget(), &whole).map_err(|error| error.to_string())?;
    let mut rgb = picture.raster.rgb().clone();
    paint(&mut rgb, map);
    let file = png_of(&rgb).map_err(|error| error.to_string())?;
    std::fs::write(out, file).map_err(|error| format!("{}: {error}", out.display()))
}

/// Draws a heat map over the picture for which it was computed.
fn paint(picture: &mut RgbImage, map: &HeatMap) {
    let region = map.region;
    for (x, y, Rgb(pixel)) in picture.enumerate_pixels_mut() {
        let across = (f64::from(x) + 0.5 - region.x) / region.width;
        let down = (f64::from(y) + 0.5 - region.y) / region.height;
        let is_seen = (0.0..=1.0).contains(&across) && (0.0..=1.0).contains(&down);
        let heat = if is_seen { smooth(map, across, down) } else { 0.0 };
        let light = if is_seen { 1.0 } else { UNSEEN };
        for (channel, value) in pixel.iter_mut().enumerate() {
            let color = COLORS[0][channel] + (COLORS[1][channel] - COLORS[0][channel]) * heat;
            let cover = COVER * heat;
            // The result is from 0 to 255, because both inputs are.
            *value = (f64::from(*value) * light * (1.0 - cover) + color * cover).round() as u8;
        }
    }
}

/// The bilinearly interpolated value at a position in the region. Positions are from 0 to 1 in both
/// directions.
fn smooth(map: &HeatMap, across: f64, down: f64) -> f64 {
    let cells = |place: f64, count: usize| {
        let place = (place * count as f64 - 0.5).clamp(0.0, count as f64 - 1.0);
        // The index is in the range from 0 to the last cell.
        let cell = place as usize;
        (cell, (cell + 1).min(count - 1), place.fract())
    };
    let ((left, right, over), (top, bottom, below)) = (cells(across, map.width), cells(down, map.height));
    let row = |row: usize| {
        let row = &map.values[row];
        f64::from(row[left]) * (1.0 - over) + f64::from(row[right]) * over
    };
    row(top) * (1.0 - below) + row(bottom) * below
}

fn png_of(picture: &RgbImage) -> Result<Vec<u8>, io::Error> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.as_raw())?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Region;

    #[test]
    fn what_is_hot_is_coloured_and_what_was_not_seen_is_dark() {
        let region = Region { x: 2.0, y: 0.0, width: 4.0, height: 4.0 };
        let map = HeatMap { width: 2, height: 2, values: vec![vec![0.0, 1.0], vec![0.0, 1.0]], region };
        let mut picture = RgbImage::from_pixel(8, 4, Rgb([100, 100, 100]));
        paint(&mut picture, &map);
        assert_eq!(picture.get_pixel(0, 0), &Rgb([40; 3]));
        assert_eq!(picture.get_pixel(7, 3), &Rgb([40; 3]));
        assert_eq!(picture.get_pixel(2, 2), &Rgb([100; 3]));
        // 0.3 times 100 plus 0.7 times the hottest color.
        assert_eq!(picture.get_pixel(5, 1), &Rgb([209, 188, 30]));
        let between = picture.get_pixel(4, 1);
        assert!(between[0] > 100 && between[0] < 209, "{between:?}");
    }

    #[test]
    fn a_picture_is_not_written_over_itself() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.png");
        assert!(check_out(&picture, &picture).is_ok());
        std::fs::write(&picture, "a").unwrap();
        assert!(check_out(&picture, &folder.path().join("./a.png")).unwrap_err().contains("overwrite"));
        assert!(check_out(&picture, &folder.path().join("b.PNG")).is_ok());
    }

    #[test]
    fn only_a_file_that_ends_in_png_is_written() {
        for out in ["b.jpg", "png", ".png", "a.png/b"] {
            assert!(
                check_out(Path::new("a.jpg"), Path::new(out)).unwrap_err().contains("ends in .png"),
                "{out}"
            );
        }
    }
}
