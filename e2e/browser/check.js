// SPDX-License-Identifier: Apache-2.0
() => {
  const parse = (color) => {
    const n = color.match(/[\d.]+/g).map(Number);
    return { r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1 };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      layers.push(color);
      if (color.a === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && element.checkVisibility({ checkVisibilityCSS: true });
  };
  const words = (element) => element.innerText === undefined ? element.outerHTML : element.innerText;
  const named = (element) => element.tagName + " " + words(element).slice(0, 40);
  const outlined = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 &&
      ratio(parse(style.outlineColor), ground(element.parentElement || element)) >= 3;
  };
  return {
    focused() {
      const e = document.activeElement;
      const home = e.closest("[id]");
      return {
        Tag: e.tagName, ID: e.id, Text: e.innerText.trim().slice(0, 80), Home: home ? home.id : "",
        Seen: outlined(e) || (e.closest(".link") !== null && outlined(e.closest(".link"))),
      };
    },
    faint() {
      const out = [];
      for (const e of document.querySelectorAll("body *")) {
        if (!shown(e)) continue;
        const style = getComputedStyle(e);
        const text = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
        const mark = e.matches("svg.mark") || e.matches("progress");
        if (!text && !mark) continue;
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const wanted = mark || large ? 3 : 4.5;
        const behind = ground(e);
        const got = ratio(over(parse(style.color), behind), behind);
        if (got < wanted) out.push(`${got.toFixed(2)} of ${wanted}: ${named(e)}`);
      }
      return out;
    },
    faults() {
      const out = [];
      const ids = new Set();
      for (const e of document.querySelectorAll("[id]")) {
        if (ids.has(e.id)) out.push("twice the id " + e.id);
        ids.add(e.id);
      }
      for (const e of document.querySelectorAll("a[href], button, summary, progress, [role=region]")) {
        if (!(e.getAttribute("aria-label") || e.textContent.trim())) out.push("no name: " + e.outerHTML);
      }
      if (document.querySelectorAll("h1").length !== 1) out.push("not one h1");
      let last = 0;
      for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
        const level = Number(e.tagName[1]);
        if (level > last + 1) out.push(`after h${last} comes ${e.tagName}: ${e.innerText}`);
        last = level;
      }
      if (!document.documentElement.lang || !document.title) out.push("no language or no title");
      if (document.querySelectorAll("main").length !== 1) out.push("not one main");
      if (document.documentElement.scrollWidth > innerWidth) {
        const wide = [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
        out.push("wider than the window: " + wide.slice(0, 3).map(named).join("; "));
      }
      return out;
    },
  };
}
