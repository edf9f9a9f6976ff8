// What can be seen to be wrong with a page's looks. inspection.py puts it into the page.
var inspection = (() => {
  const parse = text => (text.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const luminance = color => color.slice(0, 3).map(each => each / 255)
    .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);

  // The first opaque colour behind the element.
  const background = element => {
    for (; element; element = element.parentElement) {
      const color = parse(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const own_text = element => [...element.childNodes].filter(node => node.nodeType === 3)
    .map(node => node.textContent.trim()).join("");

  // Texts whose contrast is below what WCAG 2.1 asks for (AA: 4.5, large text 3).
  const faint_texts = () => [...document.querySelectorAll("body *")].flatMap(element => {
    const text = own_text(element);
    if (!text || !element.checkVisibility() || element.closest("script, noscript, option")) {
      return [];
    }
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const found = contrast(parse(element.closest("svg") ? style.fill : style.color),
      background(element));
    const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    return found < (is_large ? 3 : 4.5) ? [`${found.toFixed(2)}: ${text.slice(0, 40)}`] : [];
  });

  // Controls that are too small for a finger (WCAG 2.2: 24 pixels each way).
  const small_controls = () => [...document.querySelectorAll("button, select, input")]
    .filter(each => each.checkVisibility())
    .map(each => [each.getBoundingClientRect(), each.getAttribute("aria-label") ?? each.outerHTML])
    .filter(([place]) => place.width < 24 || place.height < 24)
    .map(([place, name]) => `${name}: ${place.width} x ${place.height}`);

  // How much wider than the window the page is.
  const overflow = () =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth;

  return {faint_texts, small_controls, overflow};
})();
