// Languages, keyboard, screen readers, phones.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import { bytes, card, file, finished, fixture, stage } from "./harness.mjs";

const { visit } = await stage();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

const choose = (page, ...names) => page.locator("#file").setInputFiles(names.map(fixture));

test("the language is the browser's at first, then the one that was chosen", async () => {
  const inChinese = async (page) => {
    assert.equal(await page.locator("html").getAttribute("lang"), "zh");
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "图像分类");
    assert.equal(await page.title(), "图像分类");
  };
  for (const locale of ["zh-CN", "zh-Hant-TW"]) await visit({ context: { locale }, work: inChinese });
  await visit({
    context: { locale: "de-DE" },
    work: async (page) => {
      assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Image classifier");
      await choose(page, "coffee.jpg");
      await finished(page, 1);
      await page.getByLabel("Language").selectOption("中文");
      await inChinese(page);
      // Results are translated, too: the Chinese name comes first. The service's own messages stay in English.
      const names = await card(page, "coffee.jpg").locator(".labels li:first-child .first > span").allTextContents();
      assert.deepEqual(names, ["浓缩咖啡", "espresso"]);
      await page.locator("#file").setInputFiles(file("cut.jpg", "image/jpeg", bytes("coffee.jpg").subarray(0, 5000)));
      await finished(page, 2);
      assert.match(await card(page, "cut.jpg").locator(".error[lang=en]").textContent(), /incomplete/);
      assert.match(await card(page, "cut.jpg").locator(".advice").textContent(), /图片结尾缺失/);
      assert.ok(!/[a-z]{4}/i.test(await page.locator("#drop h2").textContent()));
      await page.reload();
      await inChinese(page);
    },
  });
});

test("a language that nobody chose is not kept: the browser's counts anew with each visit", async () => {
  const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();
  let storageState;
  await visit({
    context: { locale: "zh-CN" },
    work: async (page) => {
      assert.equal(await heading(page), "图像分类");
      storageState = await page.context().storageState();
    },
  });
  await visit({
    context: { locale: "en-GB", storageState },
    work: async (page) => assert.equal(await heading(page), "Image classifier"),
  });
});

test("both languages have the same texts", async () => {
  await visit({
    work: async (page) => {
      const [english, chinese] = await page.evaluate(async () => {
        const { textsOf } = await import("./texts.js");
        const keys = (texts) =>
          Object.entries(texts).flatMap(([key, value]) =>
            typeof value === "object" ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
          );
        return ["en", "zh"].map((language) => keys(textsOf(language)));
      });
      assert.ok(english.length > 30);
      assert.deepEqual(english, chinese);
    },
  });
});

test("all of it can be done with the keyboard alone, and the focus is seen", () =>
  visit({
    work: async (page) => {
      const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
      const order = [];
      for (let step = 0; step < 4; step += 1) {
        await page.keyboard.press("Tab");
        order.push(await focused());
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, "none", order.at(-1));
        if (order.at(-1) === "choose") break;
      }
      assert.deepEqual(order, ["language", "choose"]);
      const chooser = page.waitForEvent("filechooser");
      await page.keyboard.press("Enter");
      await (await chooser).setFiles([fixture("coffee.jpg")]);
      await finished(page, 1);
      for (const id of ["basic", "clear"]) {
        await page.keyboard.press("Tab");
        assert.equal(await focused(), id);
      }
      await page.keyboard.press("Space");
      assert.equal(await page.locator("#results > li").count(), 0);
      assert.equal(await focused(), "choose");
    },
  }));

test("on a phone nothing is cut off and there is a button for the camera", () =>
  visit({
    context: PHONE,
    work: async (page) => {
      await choose(page, "coffee.jpg", "chelsea.png");
      const name = `${"a very long name ".repeat(8)}.jpg`;
      await page.locator("#file").setInputFiles(file(name, "image/jpeg", bytes("flower.jpg").subarray(0, 4000)));
      await finished(page, 3);
      const [inner, scrolled] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
      assert.ok(scrolled <= inner, `${scrolled} in ${inner}`);
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Take a photo" }).tap();
      assert.equal(await (await chooser).element().getAttribute("capture"), "environment");
      for (const button of await page.getByRole("button").all()) {
        const { height } = await button.boundingBox();
        assert.ok(height >= 44, `${await button.textContent()} is ${height} pixels high`);
      }
    },
  }));

test("without a finger there is no button for a camera", () =>
  visit({ work: async (page) => assert.equal(await page.locator("#shoot").isVisible(), false) }));

for (const colorScheme of ["light", "dark"]) {
  for (const locale of ["en-GB", "zh-CN"]) {
    test(`axe finds nothing: ${colorScheme}, ${locale}`, () =>
      visit({
        context: { colorScheme, locale },
        work: async (page) => {
          const check = async (state) => {
            // Not as one of the page's scripts, which its policy would forbid.
            await page.evaluate(AXE);
            const { violations, passes } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
            const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
            assert.deepEqual(found, [], state);
            assert.ok(passes.length > 15, `${passes.length} rules`);
          };
          await check("empty");
          await choose(page, "coffee.jpg", "chelsea.png");
          await page.locator("#file").setInputFiles(file("cut.jpg", "image/jpeg", bytes("coffee.jpg").subarray(0, 5000)));
          await finished(page, 3);
          await page.evaluate(() => (document.getElementById("token").hidden = false));
          await check("results, an error and the form");
          // Nothing is sent while the dialog is open.
          await page.evaluate(() => (document.getElementById("token").hidden = true));
          const held = new Promise(() => {});
          await page.route("**/classify*", () => held);
          await choose(page, "flower.jpg", "china.jpg", "rocket.jpg");
          await page.locator("#results > [data-state=sending]").nth(1).waitFor();
          await check("at work");
          await page.unrouteAll({ behavior: "ignoreErrors" });
        },
      }));
  }
}
