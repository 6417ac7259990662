// What page-checks.ts asks a page; it runs in the browser, where there are no types and no imports.

globalThis.inPage = {
  /** What every page must have, and must not have. */
  structure: () => ({
    headings: document.querySelectorAll("h1").length,
    title: document.title.trim(),
    lang: document.documentElement.lang,
    skipTo: document.querySelector("body > a:first-child")?.getAttribute("href"),
    mains: document.querySelectorAll("main#main").length,
    inline: document.querySelectorAll("[style], style, script").length,
    loose: [...document.querySelectorAll(".field .error, .field .hint")]
      .filter((note) => !document.querySelector(`[aria-describedby~="${note.id}"]`))
      .map((note) => note.textContent),
    silent: [...document.querySelectorAll("[aria-invalid]")]
      .filter((field) => !document.querySelector(`#${field.id}-error`)?.textContent.trim())
      .map((field) => field.id),
  }),

  /** How wide the page is, and what makes it so. */
  width: () => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const wide = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1,
    );
    return {
      clientWidth,
      scrollWidth,
      wide: wide.slice(-2).map((element) => element.outerHTML.slice(0, 120)),
    };
  },

  /** How many links, buttons and fields can be used. */
  usable: () =>
    [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((element) =>
      element.checkVisibility({ visibilityProperty: true }),
    ).length,

  /** Looks at what has the focus; nothing when that is nothing, or was there before. */
  look: () => {
    const element = document.activeElement;
    if (!element || element === document.body || element.dataset.seen) return undefined;
    element.dataset.seen = "yes";
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { left, right, width, height } = element.getBoundingClientRect();
    return {
      markup: element.outerHTML.slice(0, 120),
      outlined: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
      inside: left >= 0 && right <= document.documentElement.clientWidth && width > 0 && height > 0,
    };
  },
};
