// Older browsers, browsers with privacy protection, and systems that revoke access to a file.

import assert from "node:assert/strict";
import { test } from "node:test";

import { best, bytes, card, file, finished, fixture, hold, stage, startProxy, visit as visitAt } from "./harness.mjs";

const { browser, server, visit } = await stage();

/** Opens the page in a browser in which `change` has run before the page's scripts. */
const visitIn = (change, work, more = {}) =>
  visit({
    ...more,
    work: async (page) => {
      await page.addInitScript(change);
      await page.reload();
      await work(page);
    },
  });

async function classifyCoffee(page) {
  await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
  await finished(page, 1);
  assert.equal(await best(page, "coffee.jpg"), "espresso");
}

test("a browser without AbortSignal.any and AbortSignal.timeout classifies pictures", () =>
  visitIn(() => {
    delete AbortSignal.any;
    delete AbortSignal.timeout;
  }, async (page) => {
    assert.equal(await page.evaluate(() => AbortSignal.any), undefined);
    await page.locator("#model").getByText("efficientnet-lite0").waitFor();
    await classifyCoffee(page);
  }));

test("a browser in which the reason of an abort is lost still tells that the service took too long", () =>
  visitIn(() => {
    const { abort } = AbortController.prototype;
    AbortController.prototype.abort = function () { return abort.call(this); };
    const wait = window.setTimeout;
    window.setTimeout = (work, milliseconds, ...more) => wait(work, milliseconds === 60_000 ? 300 : milliseconds, ...more);
  }, async (page) => {
    await page.route("**/classify*", () => {});
    await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
    await finished(page, 1);
    assert.equal(await card(page, "coffee.jpg").locator(".error").getAttribute("data-code"), "timeout");
  }));

const guards = {
  "gives white": () => {
    const { toBlob } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = function (...options) {
      const white = Object.assign(document.createElement("canvas"), { width: this.width, height: this.height });
      const context = white.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, white.width, white.height);
      return toBlob.apply(white, options);
    };
  },
  "gives noise": () => {
    const { toBlob } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = function (...options) {
      const context = this.getContext("2d");
      const pixels = context.createImageData(this.width, this.height);
      for (let at = 0; at < pixels.data.length; at += 1) pixels.data[at] = at % 4 === 3 ? 255 : Math.random() * 256;
      context.putImageData(pixels, 0, 0);
      return toBlob.apply(this, options);
    };
  },
  "gives nothing back": () => { HTMLCanvasElement.prototype.toBlob = (done) => done(null); },
  "never calls back": () => { HTMLCanvasElement.prototype.toBlob = () => {}; },
  "throws": () => {
    HTMLCanvasElement.prototype.toBlob = () => { throw new DOMException("", "SecurityError"); };
  },
};

for (const [what, guard] of Object.entries(guards)) {
  test(`where the canvas ${what}, the original is sent, and the person is told where that matters`, () =>
    visitIn(guard, async (page) => {
      await classifyCoffee(page);
      assert.equal(await card(page, "coffee.jpg").locator(".notice").count(), 0);
      assert.equal(await card(page, "coffee.jpg").locator("img.preview").count(), 1, "the file itself is shown");
      const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="30" height="40"/></svg>';
      await page.locator("#file").setInputFiles(file("drawing.svg", "image/svg+xml", drawing));
      await finished(page, 2);
      const shown = card(page, "drawing.svg");
      assert.match(await shown.locator(".notice").textContent(), /protects what a page draws/);
      assert.equal(await shown.locator(".error").getAttribute("data-code"), "unsupported_format");
    }));
}

test("an address that is dropped leads nowhere, and the page says what to do", () =>
  visit({
    work: async (page) => {
      const html = ["text/html", '<meta charset="utf-8"><IMG src="https://example.com/cat.jpg">'];
      const list = ["text/uri-list", "https://example.com/cat.jpg"];
      for (const [selector, data] of [["#drop", [html, list]], ["footer", [html, list]], ["#drop", [html]], ["#drop", [list]]]) {
        await page.locator("#status").evaluate((status) => status.replaceChildren());
        const isPrevented = await page.evaluate(([selector, data]) => {
          const dataTransfer = new DataTransfer();
          for (const [type, text] of data) dataTransfer.setData(type, text);
          const options = { bubbles: true, cancelable: true, dataTransfer };
          return ["dragover", "drop"].map((kind) => {
            const event = new DragEvent(kind, options);
            document.querySelector(selector).dispatchEvent(event);
            return event.defaultPrevented;
          });
        }, [selector, data]);
        assert.deepEqual(isPrevented, [true, true], selector);
        assert.match(await page.locator("#status").textContent(), /Copy the picture and paste it/);
      }
      assert.equal(await page.locator("#results > li").count(), 0);
      assert.equal(await page.locator("body.dragging").count(), 0);
    },
  }));

/** Lets each file be read only once, as after Android's picker has closed; `readings` counts. */
function readOnce() {
  window.readings = 0;
  const seen = new WeakSet();
  const once = (read) => function (...options) {
    if (!(this instanceof File)) return read.apply(this, options);
    window.readings += 1;
    if (seen.has(this)) return Promise.reject(new DOMException("", "NotReadableError"));
    seen.add(this);
    return read.apply(this, options);
  };
  for (const name of ["arrayBuffer", "text", "stream"]) Blob.prototype[name] = once(Blob.prototype[name]);
}

test("a file that can be read only once is read once, and sent again from memory", async () => {
  let refusals = 1;
  const answer = ({ url }) => (url.startsWith("/classify") && refusals-- > 0 ? [502, "text/plain", "no"] : undefined);
  const proxy = await startProxy(server.url, { answer });
  await visitAt(browser, {
    url: proxy.url,
    mayReport: /status of 502/,
    work: async (page) => {
      await page.addInitScript(readOnce);
      await page.reload();
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
      await card(page, "coffee.jpg").getByRole("button", { name: "Try again" }).click();
      await page.locator("#results > [data-state=done]").waitFor();
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      assert.equal(await page.evaluate(() => window.readings), 1);
    },
  });
  await proxy.stop();
});

test("pictures that wait are in memory before it is their turn", () =>
  visitIn(readOnce, async (page) => {
    const release = await hold(page);
    try {
      const pictures = ["a", "b", "c", "d", "e"].map((name) => file(`${name}.jpg`, "image/jpeg", bytes("coffee.jpg")));
      await page.locator("#file").setInputFiles(pictures);
      await page.locator("#results > [data-state=waiting]").nth(2).waitFor();
      assert.equal(await page.evaluate(() => window.readings), 5);
    } finally {
      release();
    }
    await finished(page, 5);
    assert.equal(await page.evaluate(() => window.readings), 5);
  }));
