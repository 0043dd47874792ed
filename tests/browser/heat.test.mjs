// Heat maps: where in a picture the evidence for a label is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { card, finished, fixture, repository, stage } from "./harness.mjs";

const { visit } = await stage();
const { visit: visitPlain } = await stage({ MODEL_DIR: repository("tests/fixtures/models/nchw-f32") });
const POINT = "Point at a label to see where it lies in the picture.";

async function coffee(page) {
  await page.locator("#file").setInputFiles(fixture("coffee.png"));
  await finished(page, 1);
  const shown = card(page, "coffee.png");
  return { heat: shown.locator(".heat"), where: shown.locator(".where"), label: (at) => shown.locator(".labels li").nth(at) };
}

test("the map of a label lies over the preview while it is pointed at", () =>
  visit({
    work: async (page) => {
      const { heat, where, label } = await coffee(page);
      assert.equal(await heat.count(), 0);
      assert.equal(await where.textContent(), POINT);
      await label(0).hover();
      assert.match(await where.textContent(), /^espresso: mostly (in the centre|\w+ (left|right|centre))\.$/);
      // Same size and crop as the preview.
      const boxes = await Promise.all([heat, page.locator(".preview")].map((one) => one.boundingBox()));
      assert.deepEqual(boxes[0], boxes[1]);
      const drawn = await heat.evaluate((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const alpha = (x, y) => data[(Math.floor(y * canvas.height) * canvas.width + Math.floor(x * canvas.width)) * 4 + 3];
        const most = data.reduce((most, value, at) => (at % 4 === 3 ? Math.max(most, value) : most), 0);
        return { ratio: canvas.width / canvas.height, unseen: [alpha(0.1, 0.5), alpha(0.9, 0.5), alpha(0.5, 0.02)], most };
      });
      assert.ok(Math.abs(drawn.ratio - 1.5) < 0.02, `${drawn.ratio}`);
      // The model sees the centre: pixels 125 to 475 of 600, and 25 to 375 of 400.
      assert.deepEqual(drawn.unseen, [0, 0, 0]);
      assert.ok(drawn.most > 150, `${drawn.most}`);
      await label(1).hover();
      assert.match(await where.textContent(), /^cup: /);
      assert.equal(await heat.count(), 1);
      await page.mouse.move(0, 0);
      assert.equal(await heat.count(), 0);
      assert.equal(await where.textContent(), POINT);
    },
  }));

test("the keyboard reaches every label, and a screen reader is told where it lies", () =>
  visit({
    work: async (page) => {
      const { heat, where, label } = await coffee(page);
      await page.locator("#clear").focus();
      for (const [at, name] of ["espresso", "cup", "consomme"].entries()) {
        await page.keyboard.press("Tab");
        assert.ok(await label(at).locator("button").evaluate((button) => button === document.activeElement));
        assert.match(await where.textContent(), new RegExp(`^${name}: `));
        assert.equal(await heat.count(), 1);
      }
      // While the pointer is over a label, it takes precedence over the keyboard.
      await label(0).hover();
      assert.match(await where.textContent(), /^espresso: /);
      await page.keyboard.press("Shift+Tab");
      assert.match(await where.textContent(), /^espresso: /);
      await page.mouse.move(0, 0);
      assert.match(await where.textContent(), /^cup: /);
      await page.keyboard.press("Tab");
      assert.match(await where.textContent(), /^consomme: /);
      await page.keyboard.press("Escape");
      assert.equal(await heat.count(), 0);
      await page.keyboard.press("Tab");
      assert.equal(await where.textContent(), POINT);
      const button = page.getByRole("button", { name: /^espresso 浓缩咖啡 mostly / });
      assert.equal(await button.count(), 1);
    },
  }));

test("a tap shows the map, and one elsewhere takes it away", () =>
  visit({
    context: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, locale: "zh-CN" },
    work: async (page) => {
      const { heat, where, label } = await coffee(page);
      await label(1).locator(".bar").tap();
      assert.equal(await heat.count(), 1);
      assert.match(await where.textContent(), /^杯子：主要在/);
      await page.locator("h1").tap();
      assert.equal(await heat.count(), 0);
    },
  }));

test("a place is named by thirds of the whole picture", () =>
  visit({
    work: async (page) => {
      const found = await page.evaluate(async () => {
        const [{ placeOf }, { textsOf }] = await Promise.all([import("./heat.js"), import("./texts.js")]);
        const image = { width: 600, height: 200 };
        const region = { x: 200, y: 0, width: 200, height: 200 };
        const place = (values, part = region) =>
          textsOf("en").places(placeOf({ width: values[0].length, height: values.length, values, region: part }, image));
        const whole = { x: 0, y: 0, ...image };
        return [
          place([[1, 0], [0, 0]], whole),
          place([[0, 0, 1], [0, 0, 0.2], [0, 0, 0]], whole),
          // The left edge of what the model saw is the centre of the picture.
          place([[0, 0, 0], [1, 0.1, 0], [0, 0, 0]]),
          place([[0, 0, 0], [0, 0, 0], [0, 1, 0]], whole),
          place([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]], whole),
          place([[0, 0]], whole),
        ];
      });
      assert.deepEqual(found, [
        "mostly top left", "mostly top right", "mostly in the centre", "mostly bottom centre", "all over the picture",
        "nowhere in particular",
      ]);
    },
  }));

test("a model without heat maps is not asked for them", () =>
  visitPlain({
    work: async (page) => {
      const asked = page.waitForRequest("**/classify*");
      const { where, label } = await coffee(page);
      assert.ok(!(await asked).url().includes("explain"));
      assert.equal(await where.count(), 0);
      assert.equal(await label(0).locator("button").count(), 0);
    },
  }));
