// A service that requires a token.

import assert from "node:assert/strict";
import { test } from "node:test";

import { best, bytes, file, finished, fixture, stage } from "./harness.mjs";

const { visit } = await stage({ API_TOKEN: "s3cret" });

test("a service that wants a token asks for it, and what was refused is sent again with it", () =>
  visit({
    work: async (page) => {
      assert.equal(await page.getByLabel("API token").isVisible(), false);
      await page.locator("#file").setInputFiles([fixture("coffee.jpg"), fixture("flower.jpg")]);
      await finished(page, 2);
      assert.equal(await page.locator('.error[data-code="unauthorized"]').count(), 2);
      await page.getByLabel("API token").fill("wrong");
      await page.keyboard.press("Enter");
      await page.locator("#token:not([hidden])").waitFor();
      await finished(page, 2);
      await page.getByLabel("API token").fill("s3cret");
      await page.getByRole("button", { name: "Use token" }).click();
      await page.locator("#results > [data-state=done]").nth(1).waitFor();
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      assert.equal(await page.getByLabel("API token").isVisible(), false);
      // The page remembers it in this tab.
      await page.reload();
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
      assert.equal(await best(page, "coffee.jpg"), "espresso");
    },
  }));

test("while the token is asked for nothing more is sent, and what was refused after it came is sent again", () =>
  visit({
    work: async (page) => {
      let sent = 0;
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await page.route("**/classify*", async (route) => {
        sent += 1;
        if (sent === 2) await held;
        await route.continue();
      });
      await page.locator("#file").setInputFiles(["coffee.jpg", "flower.jpg", "china.jpg", "rocket.jpg"].map(fixture));
      await page.locator("#token:not([hidden])").waitFor();
      await page.locator("#results > [data-state=sending]").waitFor();
      await page.waitForTimeout(300);
      assert.deepEqual([sent, await page.locator("#results > [data-state=waiting]").count()], [2, 2]);
      await page.getByLabel("API token").fill("s3cret");
      await page.keyboard.press("Enter");
      await page.locator("#results > [data-state=done]").nth(2).waitFor();
      // Now let the picture that was sent without a token be refused.
      release();
      await finished(page, 4);
      assert.equal(await page.locator("#results > [data-state=done]").count(), 4);
      assert.equal(await page.getByLabel("API token").isVisible(), false);
      assert.equal(sent, 6);
    },
  }));

test("a token that was pasted with what cannot be seen is used without it", () =>
  visit({
    work: async (page) => {
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
      await page.getByLabel("API token").fill("\ufeff\u00a0s3\u00adcret\u200b");
      await page.getByRole("button", { name: "Use token" }).click();
      await page.locator("#token[hidden]").waitFor({ state: "attached" });
      await finished(page, 1);
      assert.equal(await best(page, "coffee.jpg"), "espresso");
    },
  }));

test("text can be dropped into the field of the token", () =>
  visit({
    work: async (page) => {
      await page.locator("#file").setInputFiles(file("s3cret", "image/jpeg", bytes("coffee.jpg")));
      await finished(page, 1);
      const name = page.locator(".name");
      await name.selectText();
      await name.hover({ position: { x: 15, y: 10 } });
      await page.mouse.down();
      await page.getByLabel("API token").hover();
      await page.mouse.up();
      assert.equal(await page.getByLabel("API token").inputValue(), "s3cret");
      assert.equal(await page.locator("#results > li").count(), 1);
    },
  }));
