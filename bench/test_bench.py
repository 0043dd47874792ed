"""Checks the peers, the pictures and the table, without measuring."""

import io
import json
import unittest

import function
import photos
import python_handler
import server
from PIL import Image, JpegImagePlugin
from table import Row, Side, passed


class Peer(unittest.TestCase):
    def test_the_python_handler_knows_an_espresso(self) -> None:
        event = function.event_of((photos.FIXTURES / "coffee.png").read_bytes())
        predictions = json.loads(python_handler.handler(json.loads(event), None)["body"])["predictions"]
        self.assertEqual([prediction["label"] for prediction in predictions], ["espresso", "cup", "consomme"])
        # Like ours, except for the rounding of the newest Pillow, which an 8-bit model amplifies. The amount of work is
        # the same.
        self.assertAlmostEqual(predictions[0]["score"], 0.9541841, delta=0.01)


class Pictures(unittest.TestCase):
    def check(self, image: bytes, size: tuple[int, int]) -> None:
        picture = Image.open(io.BytesIO(image))
        self.assertEqual((picture.format, picture.size, picture.mode), ("JPEG", size, "RGB"))
        self.assertEqual(JpegImagePlugin.get_sampling(picture), 2, "4:2:0")
        self.assertNotIn("progressive", picture.info)

    def test_small_ones_are_as_large_as_photos_of_their_size(self) -> None:
        for image in photos.small().values():
            self.check(image, (500, 375))
            self.assertTrue(40e3 < len(image) < 110e3, len(image))

    def test_the_large_one_passes_lambda(self) -> None:
        image = photos.large()
        self.check(image, (4032, 3024))
        self.assertGreater(len(image), 2e6)
        self.assertLess(len(function.event_of(image)), 6 * 1024 * 1024)

    def test_a_picture_in_other_bytes_is_the_same_picture(self) -> None:
        image = next(iter(photos.small().values()))
        first, second = photos.unlike(image, 1), photos.unlike(image, 2)
        self.assertNotEqual(first, second)
        pixels = [Image.open(io.BytesIO(each)).tobytes() for each in (image, first, second)]
        self.assertEqual(pixels[0], pixels[1])
        self.assertEqual(pixels[0], pixels[2])


class Rate(unittest.TestCase):
    def test_the_part_of_a_request_within_the_time_counts(self) -> None:
        # Before the interval, half inside, inside, a quarter inside, after it.
        requests = [(8, 9), (9, 11), (11, 12), (13, 17), (14, 15)]
        self.assertAlmostEqual(server.rate_between(10, 14, requests), (0.5 + 1 + 0.25) / 4)


class Verdicts(unittest.TestCase):
    def test_a_row_passes_or_fails_by_its_limit(self) -> None:
        side = lambda value: Side([value - 1, value, value + 90])
        cases = [
            (Row("", "", side(25), side(100), ratio_limit=0.25), "pass"),
            (Row("", "", side(26), side(100), ratio_limit=0.25), "FAIL"),
            (Row("", "", side(400), side(100), ratio_limit=4, at_least=True), "pass"),
            (Row("", "", side(399), side(100), ratio_limit=4, at_least=True), "FAIL"),
            (Row("", "", side(130), side(100), limit=130), "pass"),
            (Row("", "", side(131), limit=130), "FAIL"),
            (Row("", "", Side([0.004]), limit=0, digits=2), "pass"),
            (Row("", "", Side([0.006]), limit=0, digits=2), "FAIL"),
            (Row("", "", ratio_limit=1.25), "not measured"),
            (Row("", "", side(9), side(1)), ""),
        ]
        for row, verdict in cases:
            with self.subTest(row=row):
                self.assertEqual(row.verdict, verdict)
                self.assertEqual(passed([row]), verdict in ("pass", ""))


if __name__ == "__main__":
    unittest.main()
