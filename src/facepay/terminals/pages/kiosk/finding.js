// What goes into the basket: by a barcode that the camera or a scanner reads, or by words.
import { Refused } from "./calls.js";
import { Camera } from "./camera.js";
import { make } from "./basket.js";
import { find } from "./screen.js";
import { play } from "./sound.js";
import { tell } from "./terminal.js";
import { money } from "./words.js";

const FORMATS = ["ean_13", "ean_8", "upc_a", "upc_e", "itf"];
const LOOK_EVERY_MS = 250;
const SAME_CODE_AFTER_MS = 2500;

export class Finder {
  #device;
  #take;
  #camera = null;
  #seen = { code: "", at: 0 };

  /** `take(product)` puts one into the basket. */
  constructor(device, take) {
    this.#device = device;
    this.#take = take;
    find("#find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look(find("#code").value.trim());
    });
    find("[data-do=scan]").hidden = !("BarcodeDetector" in window);
  }

  /** A scanner types what it reads, wherever the focus is. */
  typed(event) {
    const isCharacter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isCharacter && !event.target.closest("input, select")) find("#code").focus();
  }

  async #look(text) {
    if (!text) return;
    const input = find("#code");
    input.disabled = true;
    try {
      this.#show(await this.#matching(text), text);
    } catch (error) {
      tell(find("#said"), error instanceof Refused ? "found_none" : "find_unreachable");
    }
    input.disabled = false;
    input.focus();
  }

  async #matching(text) {
    const of = (asked) =>
      this.#device.ask("GET", `v1/kiosks/${this.#device.id}/products?${new URLSearchParams(asked)}`);
    if (/^([0-9]{8}|[0-9]{12,14})$/.test(text)) {
      const byBarcode = await of({ barcode: text }).catch((error) => {
        if (error.status !== 422) throw error;
        return { items: [] };
      });
      if (byBarcode.items.length) return byBarcode.items;
    }
    return (await of({ q: text })).items;
  }

  #show(items, text) {
    const list = find(".found");
    const [first] = items;
    const isExact = items.length === 1 || first?.sku.toLowerCase() === text.toLowerCase();
    list.hidden = items.length < 2 || isExact;
    list.replaceChildren();
    if (!first) {
      tell(find("#said"), "found_none");
      play("no");
    } else if (isExact) {
      this.#choose(first);
    } else {
      tell(find("#said"), "found_some");
      list.append(...items.map((each) => this.#option(each)));
    }
  }

  #option(product) {
    const button = make("button", "second");
    button.type = "button";
    button.append(make("span", "", product.name), make("span", "sum", money(product.price, product.currency)));
    button.addEventListener("click", () => {
      this.#choose(product);
      find("#code").focus();
    });
    const item = make("li");
    item.append(button);
    return item;
  }

  #choose(product) {
    this.clear();
    if (product.sold_by === "weight") {
      tell(find("#said"), "needs_scale");
      return play("no");
    }
    play("beep");
    this.#take(product);
  }

  clear() {
    find("#code").value = "";
    find(".found").hidden = true;
    find(".found").replaceChildren();
    tell(find("#said"), null);
  }

  /** With the camera on the tablet's back, where the browser can read barcodes. */
  async toggle() {
    if (this.#camera) return this.stop();
    const video = find("#scanner");
    const camera = (this.#camera = new Camera(video, () => this.stop(), "environment"));
    find("[data-do=scan]").setAttribute("aria-pressed", "true");
    try {
      await camera.open();
      video.hidden = false;
      const detector = new BarcodeDetector({ formats: FORMATS });
      while (this.#camera === camera) {
        this.#read(await detector.detect(video).catch(() => []));
        await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
      }
    } catch {
      this.stop();
      tell(find("#said"), "scan_failed");
    }
  }

  #read([barcode]) {
    if (!barcode || find("#code").disabled) return;
    const now = performance.now();
    if (barcode.rawValue === this.#seen.code && now - this.#seen.at < SAME_CODE_AFTER_MS) return;
    this.#seen = { code: barcode.rawValue, at: now };
    this.#look(barcode.rawValue);
  }

  stop() {
    this.#camera?.stop();
    this.#camera = null;
    find("#scanner").hidden = true;
    find("[data-do=scan]").setAttribute("aria-pressed", "false");
  }
}
