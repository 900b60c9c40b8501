/* What the browser tests ask of a page; each function gives what is wrong with it. */
({
  /** Things to hit that are smaller than 24 px either way, links in text left out. */
  smallTargets() {
    const all = "a, button, input:not([type=hidden]), select, summary, .fold-label";
    return [...document.querySelectorAll(all)]
      .filter((one) => one.checkVisibility({ visibilityProperty: true }))
      .filter((one) => !one.matches(".skip, .visually-hidden"))
      .filter((one) => getComputedStyle(one).display !== "inline")
      .map((one) => [one.outerHTML, (one.closest("label") ?? one).getBoundingClientRect()])
      .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
      .map(([html, box]) => `${box.width}x${box.height} ${html.slice(0, 90)}`);
  },

  /** Texts with less contrast than 4.5 to 1 on what lies under them. */
  poorContrast() {
    const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
    const light = (part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
      0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
    const ground = (one) => {
      for (let at = one; at; at = at.parentElement) {
        const found = numbers(getComputedStyle(at).backgroundColor);
        if (found.length === 3 || found[3] > 0) return found;
      }
      return [255, 255, 255];
    };
    const poor = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const text = walk.currentNode.data.trim();
      const one = walk.currentNode.parentElement;
      if (!text || one.closest("option, script, noscript, svg")) continue;
      if (!one.checkVisibility({ visibilityProperty: true })) continue;
      const front = luminance(numbers(getComputedStyle(one).color));
      const back = luminance(ground(one));
      const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
    }
    return poor;
  },

  /** Fields that nobody could tell by ear. */
  unnamedFields() {
    return [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
      .filter((one) => one.checkVisibility() && !one.labels.length && !one.ariaLabel)
      .map((one) => one.outerHTML.slice(0, 120));
  },
});
