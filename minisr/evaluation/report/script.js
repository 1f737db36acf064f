
"use strict";

// Names may contain anything. They are read as text and written as text, never as markup.

const MAX_ZOOM = 32; // screen pixels per picture pixel
const template = document.getElementById("viewer");
const viewers = [];

/** A picture stored in a <noscript>, where it stays text until it is first shown. */
class Stored {
  constructor(noscript) {
    this.noscript = noscript;
    this.name = noscript.dataset.name;
    this.kind = noscript.dataset.kind;
    this.caption = [this.name, noscript.dataset.figure].filter(Boolean).join(" · ");
    this.transparent = "transparent" in noscript.dataset;
  }

  /** The URL of a blob: with the long text of a data: URL, the picture would be kept twice. */
  get url() {
    if (!this.blobUrl) {
      const text = this.noscript.textContent;
      const start = text.indexOf("base64,") + 7;
      const binary = atob(text.slice(start, text.indexOf('"', start)));
      const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
      const blob = new Blob([bytes], { type: this.noscript.dataset.type });
      this.blobUrl = URL.createObjectURL(blob);
      this.noscript.textContent = "";
    }
    return this.blobUrl;
  }
}

/** A stage with two pictures, a wipe between them, and one position and zoom for both. */
class Viewer {
  constructor(article) {
    this.article = article;
    this.width = Number(article.dataset.width);
    this.height = Number(article.dataset.height);
    this.pictures = [...article.querySelectorAll("noscript")].map((n) => new Stored(n));
    // x and y: the point at the centre, from 0 to 1. zoom: 0 is fit, else a magnification.
    this.view = { x: 0.5, y: 0.5, zoom: 0, wipe: 50 };
    this.pointers = new Map();

    const box = article.querySelector(".viewer");
    box.append(template.content.cloneNode(true));
    this.stage = box.querySelector(".stage");
    this.wipe = box.querySelector(".wipe");
    this.together = box.querySelector(".together");
    this.zooms = [...box.querySelectorAll("[data-zoom]")];
    this.sides = ["left", "right"].map((side) => ({
      select: box.querySelector(`select.${side}`),
      layer: box.querySelector(`.on-${side}`),
    }));
    const name = article.querySelector("h3 bdi").textContent;
    this.stage.setAttribute(
      "aria-label", `${name}: the arrow keys move the picture, plus and minus zoom`);
    article.style.setProperty("--ratio", `${this.width} / ${this.height}`);
    this.fillSelects();
    this.makeMaps();
    this.listen(box);
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  fillSelects() {
    const versions = this.pictures.filter((picture) => picture.kind === "version");
    const others = this.pictures.filter((picture) => picture.kind === "original");
    const right = versions.length > 1 ? versions.at(-1) : others[0] || versions[0];
    for (const { select } of this.sides) {
      for (const picture of this.pictures) select.add(new Option(picture.name));
    }
    this.sides[0].select.selectedIndex = this.pictures.indexOf(versions[0]);
    this.sides[1].select.selectedIndex = this.pictures.indexOf(right);
  }

  makeMaps() {
    this.maps = this.pictures.filter((picture) => picture.kind === "error").map((picture) => {
      const button = document.createElement("button");
      const image = document.createElement("img");
      const name = document.createElement("span");
      button.type = "button";
      button.title = "Show on the right; press again to go back";
      image.alt = "";
      name.textContent = picture.name;
      button.append(image, name);
      button.addEventListener("click", () => this.toggleMap(picture));
      this.article.querySelector(".maps").append(button);
      return { picture, button, image };
    });
  }

  /** Show an error map on the right, or restore what was there before it. */
  toggleMap(picture) {
    const { select } = this.sides[1];
    const index = this.pictures.indexOf(picture);
    const shown = this.pictures[select.selectedIndex];
    if (shown.kind !== "error") this.beforeMap = select.selectedIndex;
    const back = this.beforeMap ?? 0;
    select.selectedIndex = select.selectedIndex === index ? back : index;
    this.changed();
  }

  listen(box) {
    for (const { select } of this.sides) select.addEventListener("change", () => this.changed());
    box.querySelector(".swap").addEventListener("click", () => {
      const [left, right] = this.sides.map(({ select }) => select);
      [left.selectedIndex, right.selectedIndex] = [right.selectedIndex, left.selectedIndex];
      this.changed();
    });
    for (const button of this.zooms) {
      button.addEventListener("click", () => this.zoomTo(Number(button.dataset.zoom)));
    }
    this.wipe.addEventListener("input", () => {
      this.view.wipe = Number(this.wipe.value);
      this.changed();
    });
    this.together.addEventListener("change", () => {
      for (const viewer of viewers) viewer.together.checked = this.together.checked;
      this.changed();
    });
    const { stage } = this;
    stage.addEventListener("keydown", (event) => this.key(event));
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const type of ["pointerup", "pointercancel"]) {
      stage.addEventListener(type, (event) => this.pointers.delete(event.pointerId));
    }
  }

  /** Decode the chosen pictures; called only once they come near the viewport. */
  load() {
    if (!this.loaded) for (const { picture, image } of this.maps) image.src = picture.url;
    this.loaded = true;
    this.draw();
  }

  /** The CSS size of a picture pixel at 1:1: whole screen pixels, so that all look alike. */
  get unit() {
    return Math.max(1, Math.round(devicePixelRatio)) / devicePixelRatio;
  }

  /** The CSS size of a picture pixel at the current zoom. */
  get scale() {
    return this.view.zoom ? this.view.zoom * this.unit : this.fit;
  }

  get fit() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.width, clientHeight / this.height);
  }

  get movable() {
    const { clientWidth, clientHeight } = this.stage;
    return this.width * this.scale > clientWidth + 1 || this.height * this.scale > clientHeight + 1;
  }

  /** After user input: redraw this viewer, and the others if they share its view. */
  changed() {
    this.draw();
    if (!this.together.checked) return;
    const names = this.sides.map(({ select }) => select.value);
    for (const viewer of viewers) {
      if (viewer !== this) viewer.follow(this.view, names);
    }
  }

  follow(view, names) {
    Object.assign(this.view, view);
    this.sides.forEach(({ select }, side) => {
      const index = this.pictures.findIndex((picture) => picture.name === names[side]);
      if (index >= 0) select.selectedIndex = index;
    });
    if (this.near) this.draw(); // viewers far away wait until they are near
  }

  draw() {
    const { stage, view, scale } = this;
    const across = place(stage.clientWidth, this.width * scale, view.x);
    const down = place(stage.clientHeight, this.height * scale, view.y);
    stage.style.setProperty("--x", `${across}px`);
    stage.style.setProperty("--y", `${down}px`);
    stage.style.setProperty("--w", `${this.width * scale}px`);
    stage.style.setProperty("--h", `${this.height * scale}px`);
    stage.style.setProperty("--wipe", `${view.wipe}%`);
    stage.classList.toggle("movable", this.movable);
    // At fit, pixels are not whole screen pixels: smooth them, unless they are large enough anyway.
    stage.classList.toggle("sharp", view.zoom > 0 || scale >= 4 * this.unit);
    for (const button of this.zooms) {
      button.setAttribute("aria-pressed", Number(button.dataset.zoom) === view.zoom);
    }
    const chosen = this.sides.map(({ select }) => this.pictures[select.selectedIndex]);
    this.wipe.value = view.wipe;
    this.wipe.setAttribute(
      "aria-valuetext", `${Math.round(view.wipe)} % ${chosen[0].name}, the rest ${chosen[1].name}`);
    stage.classList.toggle("transparent", chosen.some((picture) => picture.transparent));
    this.sides.forEach(({ layer }, side) => {
      layer.querySelector(".caption").textContent = chosen[side].caption;
      const image = layer.querySelector("img");
      if (this.loaded && image.src !== chosen[side].url) image.src = chosen[side].url;
    });
    for (const { picture, button } of this.maps) {
      button.setAttribute("aria-pressed", chosen[1] === picture);
    }
  }

  /** Zoom around the point (x, y) of the stage, by default its centre. */
  zoomTo(zoom, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const { clientWidth, clientHeight } = this.stage;
    const before = this.scale;
    this.settle();
    this.view.zoom = zoom;
    const change = 1 / before - 1 / this.scale;
    this.view.x += ((x - clientWidth / 2) * change) / this.width;
    this.view.y += ((y - clientHeight / 2) * change) / this.height;
    this.settle();
    this.changed();
  }

  /** Zoom by a factor; zooming out stops at fit. */
  zoomBy(factor, x, y) {
    const { scale, fit, unit } = this;
    const next = Math.max(scale * factor, Math.min(fit, unit));
    const stops = factor < 1 && scale >= fit && next <= fit * 1.001;
    this.zoomTo(stops ? 0 : Math.min(next / unit, MAX_ZOOM), x, y);
  }

  pan(dx, dy) {
    this.view.x -= dx / (this.width * this.scale);
    this.view.y -= dy / (this.height * this.scale);
    this.settle();
    this.changed();
  }

  /** Limit the centre so that the picture still fills the stage. */
  settle() {
    const { stage, view, scale } = this;
    view.x = middle(stage.clientWidth / (this.width * scale), view.x);
    view.y = middle(stage.clientHeight / (this.height * scale), view.y);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zooms = { 0: 0, 1: 1, 2: 2, 4: 4, 8: 8 };
    const step = event.shiftKey ? 200 : 40;
    const moves = {
      ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    };
    if (event.key in zooms) this.zoomTo(zooms[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(Math.SQRT2);
    else if (event.key === "-") this.zoomBy(Math.SQRT1_2);
    else if (event.key in moves && event.target === this.stage && this.movable) {
      this.pan(...moves[event.key]);
    } else return;
    event.preventDefault();
  }

  /** Only with Ctrl, which touchpads also send for a pinch: the wheel alone scrolls the page. */
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / (event.deltaMode ? 8 : 240)), ...this.inStage(event));
  }

  press(event) {
    if (event.target === this.wipe || event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.inStage(event));
    // A finger may be about to scroll the page: it wipes only when it moves.
    if (event.pointerType !== "touch" && !this.movable) this.wipeTo(event);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.inStage(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) this.pinch(before, now, other);
    else if (this.movable) this.pan(now[0] - before[0], now[1] - before[1]);
    else this.wipeTo(event);
  }

  pinch(before, now, other) {
    const apart = (a, b) => Math.max(20, Math.hypot(a[0] - b[0], a[1] - b[1]));
    this.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    const centre = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    this.zoomBy(apart(now, other) / apart(before, other), ...centre);
  }

  wipeTo(event) {
    const share = this.inStage(event)[0] / this.stage.clientWidth;
    this.view.wipe = 100 * Math.min(1, Math.max(0, share));
    this.changed();
  }

  inStage(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** The start of a picture of this length that puts its point `centre` at the stage's centre. */
function place(room, length, centre) {
  const start = length <= room
    ? (room - length) / 2
    : Math.min(0, Math.max(room - length, room / 2 - centre * length));
  return Math.round(start * devicePixelRatio) / devicePixelRatio; // on whole screen pixels
}

/** The allowed centre nearest to `centre`, if the stage shows this share of the picture. */
function middle(share, centre) {
  return share >= 1 ? 0.5 : Math.min(1 - share / 2, Math.max(share / 2, centre));
}

/** Copy to the clipboard if allowed; else select the text, ready to be copied. */
async function copy(code, said) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    said.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(code);
    said.textContent = "Selected: copy it with Ctrl+C.";
  }
}

for (const article of document.querySelectorAll(".picture")) {
  if (article.querySelector("noscript")) viewers.push(new Viewer(article));
}
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const viewer = viewers.find(({ article }) => article === target);
    viewer.near = isIntersecting;
    if (isIntersecting) viewer.load();
  }
}, { rootMargin: "600px" });
for (const viewer of viewers) observer.observe(viewer.article);
addEventListener("beforeprint", () => viewers.forEach((viewer) => viewer.load()));

const button = document.querySelector(".copy");
if (button) {
  button.hidden = false;
  button.addEventListener("click", () => copy(
    document.querySelector(".command code"), document.querySelector(".said")));
}
