// What visitors do with pictures.

import assert from "node:assert/strict";
import { test } from "node:test";

import { best, bytes, card, file, finished, fixture, hold, stage, startProxy, startServer, visit as visitAt } from "./harness.mjs";

const { browser, server, visit } = await stage();

/** Puts files into a DataTransfer in the page, and sends it to the element in an event of this kind. */
async function transfer(page, selector, kind, files) {
  const given = files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString("base64") }));
  await page.evaluate(
    ({ selector, kind, given }) => {
      const dataTransfer = new DataTransfer();
      for (const { name, mimeType, base64 } of given) {
        const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        dataTransfer.items.add(new File([content], name, { type: mimeType }));
      }
      if (given.length === 0) dataTransfer.setData("text/plain", "no picture");
      const options = { bubbles: true, cancelable: true };
      const event =
        kind === "paste"
          ? new ClipboardEvent(kind, { ...options, clipboardData: dataTransfer })
          : new DragEvent(kind, { ...options, dataTransfer });
      document.querySelector(selector).dispatchEvent(event);
    },
    { selector, kind, given },
  );
}

const coffee = () => file("coffee.png", "image/png", bytes("coffee.png"));

test("a dropped picture gets its three labels, with their Chinese names, percentages, bars and facts", () =>
  visit({
    work: async (page) => {
      await transfer(page, "#drop", "dragover", [coffee()]);
      assert.equal(await page.locator("body.dragging").count(), 1, "the zone shows that it takes the picture");
      await transfer(page, "#drop", "drop", [coffee()]);
      assert.equal(await page.locator("body.dragging").count(), 0);
      await finished(page, 1);
      const picture = card(page, "coffee.png");
      const texts = (selector) => picture.locator(selector).allTextContents();
      assert.deepEqual(await texts(".label"), ["espresso", "cup", "consomme"]);
      assert.deepEqual(await texts(".label-zh"), ["浓缩咖啡", "杯子", "清炖肉汤"]);
      assert.deepEqual(await texts(".percent"), ["95.4\u00a0%", "1.4\u00a0%", "0.8\u00a0%"]);
      const widths = await picture.locator(".bar div").evaluateAll((bars) => bars.map((bar) => parseFloat(bar.style.width)));
      assert.deepEqual(widths.map(Math.round), [95, 1, 1]);
      assert.match(await picture.locator(".facts").textContent(), /^efficientnet-lite0 · [\d.]+ ms · 600 × 400 · PNG/);
      const preview = picture.locator("img.preview");
      assert.equal(await preview.getAttribute("alt"), "coffee.png");
      assert.ok(await preview.evaluate((image) => image.decode().then(() => image.naturalWidth > 100)));
      assert.match(await page.locator("#status").textContent(), /coffee\.png: espresso 95\.4.%/);
    },
  }));

test("a switch shows everyday categories in place of the labels of all pictures, and the labels again", () =>
  visit({
    work: async (page) => {
      await transfer(page, "#drop", "drop", [coffee()]);
      await finished(page, 1);
      for (const [isOn, label, chinese] of [[true, "drink", "饮料"], [false, "espresso", "浓缩咖啡"]]) {
        await page.getByLabel("Everyday categories").setChecked(isOn);
        const first = card(page, "coffee.png").locator(".labels li").first();
        await first.getByText(label, { exact: true }).waitFor();
        assert.equal(await first.locator(".label-zh").textContent(), chinese);
        assert.match(await page.locator("#status").textContent(), new RegExp(`coffee\\.png: ${label} `));
      }
    },
  }));

test("a picture dropped beside the zone is taken, too, and the page stays", () =>
  visit({
    work: async (page) => {
      await transfer(page, "footer", "drop", [coffee()]);
      await finished(page, 1);
      assert.equal(await best(page, "coffee.png"), "espresso");
    },
  }));

test("a pasted picture is classified, and pasted text says that there is no picture", () =>
  visit({
    work: async (page) => {
      await transfer(page, "body", "paste", []);
      assert.match(await page.locator("#status").textContent(), /no picture/);
      await transfer(page, "body", "paste", [file("image.png", "image/png", bytes("coffee.png"))]);
      await finished(page, 1);
      assert.equal(await best(page, "image.png"), "espresso");
    },
  }));

test("of several chosen pictures each gets its own labels, the last one on top", () =>
  visit({
    work: async (page) => {
      const expected = {
        "coffee.jpg": "espresso", "chelsea.png": "tiger cat", "rocket.jpg": "missile", "camera.png": "tripod",
        "flower.jpg": "daisy", "china.jpg": "palace",
      };
      await page.locator("#file").setInputFiles(Object.keys(expected).map(fixture));
      await finished(page, 6);
      for (const [name, label] of Object.entries(expected)) assert.equal(await best(page, name), label, name);
      const order = await page.locator("#results .name").allTextContents();
      assert.deepEqual(order, Object.keys(expected).reverse());
      assert.match(await page.locator("#status").textContent(), /6 of 6 pictures done/);

      await page.getByRole("button", { name: "Clear" }).click();
      assert.equal(await page.locator("#results > li").count(), 0);
      // The same file can be chosen again.
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
    },
  }));

test("a hundred pictures at once are all answered, two at a time", async () => {
  let under = 0;
  let most = 0;
  const answer = (request) => {
    if (request.method !== "POST") return undefined;
    most = Math.max(most, (under += 1));
    request.on("close", () => (under -= 1));
    return undefined;
  };
  const proxy = await startProxy(server.url, { answer });
  const many = Array.from({ length: 100 }, (_, at) => file(`${at}.jpg`, "image/jpeg", bytes("coffee.jpg")));
  await visitAt(browser, {
    url: proxy.url,
    work: async (page) => {
      await page.locator("#file").setInputFiles(many);
      await finished(page, 100);
      assert.equal(await page.locator("#results > [data-state=done]").count(), 100);
      assert.ok(most >= 1 && most <= 2, `${most} at a time`);
    },
  }).finally(proxy.stop);
});

test("while a picture is worked on its progress is shown", () =>
  visit({
    work: async (page) => {
      const release = await hold(page);
      await page.locator("#file").setInputFiles(["coffee.jpg", "flower.jpg", "china.jpg"].map(fixture));
      await page.locator("#results > [data-state=sending]").nth(1).waitFor();
      await page.getByRole("progressbar", { name: "coffee.jpg: Classifying" }).waitFor();
      await page.getByRole("progressbar", { name: "china.jpg: Waiting" }).waitFor();
      release();
      await finished(page, 3);
      assert.equal(await page.getByRole("progressbar").count(), 0);
    },
  }));

test("a kind of picture that only the browser can show is converted, and that is said", () =>
  visit({
    work: async (page) => {
      const href = `data:image/jpeg;base64,${bytes("coffee.jpg").toString("base64")}`;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><image href="${href}" width="600" height="400"/></svg>`;
      await page.locator("#file").setInputFiles(file("drawing.svg", "image/svg+xml", svg));
      await finished(page, 1);
      assert.equal(await best(page, "drawing.svg"), "espresso");
      const notice = await card(page, "drawing.svg").locator(".notice").textContent();
      assert.equal(notice, "Converted from SVG to JPEG in the browser, 600 × 400 pixels.");
    },
  }));

/** Returns a grey BMP of 24 bits. */
function bitmap(width, height) {
  const content = Buffer.alloc(54 + width * height * 3, 160);
  content.write("BM");
  [content.length, 0, 54, 40, width, height, 1 | (24 << 16), 0, 0, 0, 0, 0, 0].forEach((value, at) =>
    content.writeUInt32LE(value, 2 + at * 4),
  );
  return content;
}

test("a picture of more bytes or pixels than this service takes is made smaller first, and that is said", async () => {
  const cases = [
    [{ MAX_PIXELS: "100000" }, coffee(), "Scaled down from 600 × 400 to 316 × 210 pixels in the browser."],
    [
      { MAX_BODY_BYTES: "4500000" },
      file("wall.bmp", "image/bmp", bitmap(1600, 1200)),
      "Compressed in the browser: the file was larger than the service takes.",
    ],
    // One reduction is not enough.
    [{ MAX_BODY_BYTES: "40000" }, coffee(), "Scaled down from 600 × 400 to 300 × 200 pixels in the browser."],
    [{ MAX_BODY_BYTES: "10000" }, coffee(), "Scaled down from 600 × 400 to 150 × 100 pixels in the browser."],
  ];
  for (const [limits, picture, notice] of cases) {
    const small = await startServer(limits);
    await visitAt(browser, {
      url: small.url,
      work: async (page) => {
        await page.locator("#file").setInputFiles(picture);
        await finished(page, 1);
        assert.equal(await card(page, picture.name).getAttribute("data-state"), "done", notice);
        assert.equal(await card(page, picture.name).locator(".notice").textContent(), notice);
        if (picture.name === "coffee.png") assert.equal(await best(page, "coffee.png"), "espresso");
      },
    }).finally(small.stop);
  }
});

test("a large picture that this service takes is sent as it is", () =>
  visit({
    work: async (page) => {
      const wall = bitmap(1600, 1200);
      const sent = page.waitForRequest("**/classify*");
      await page.locator("#file").setInputFiles(file("wall.bmp", "image/bmp", wall));
      assert.equal((await sent).headers()["content-type"], "image/bmp");
      await finished(page, 1);
      assert.match(await card(page, "wall.bmp").locator(".facts").textContent(), /1600 × 1200 · BMP/);
      assert.equal(await card(page, "wall.bmp").locator(".notice").count(), 0);
    },
  }));

test("a file name is shown as it is, whatever stands in it", () =>
  visit({
    work: async (page) => {
      const name = "<img src=x onerror=alert(1)>&amp;.png";
      await page.locator("#file").setInputFiles(file(name, "image/png", bytes("coffee.png")));
      await finished(page, 1);
      assert.equal(await page.locator("#results .name").textContent(), name);
      assert.equal(await page.locator("#results img").count(), 1);
    },
  }));
