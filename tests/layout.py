"""Whether the texts, bars and pictures of a page overlap, as a browser lays them out."""

from selenium.webdriver import Chrome

# Rectangles of every line of text, and of every other thing that is drawn, without what a scroll area hides. A text may
# lie in a control or on a picture that contains its element.
_OVERLAPS = """
const GRAPHICS = "canvas, .bar, .ramp, input, select, button, label.class";
const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const things = [];
const found = [];
const clipped = (rect, element) => {
    let { left, top, right, bottom } = rect;
    for (let area = element; area && area !== document.body; area = area.parentElement) {
        if (getComputedStyle(area).overflowX === "visible") continue;
        const box = area.getBoundingClientRect();
        [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
        [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    return { left, top, right, bottom };
};
const add = (what, element, rect) => {
    const box = clipped(rect, element);
    if (box.right - box.left > 1 && box.bottom - box.top > 1) things.push({ what, element, ...box });
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, option, noscript") || !isShown(element)) continue;
    if (getComputedStyle(element).pointerEvents === "none") continue; // lies on something on purpose
    const range = document.createRange();
    range.selectNodeContents(node);
    const frame = element.closest("figure, li, button, label")?.getBoundingClientRect();
    for (const rect of range.getClientRects()) {
        const text = JSON.stringify(node.textContent.trim());
        const isWithin = !frame || rect.width <= 1 || clipped(rect, element).right <= frame.right + 1;
        if (!isWithin) found.push(`${text} and its frame`);
        add(text, element, rect);
    }
}
for (const element of document.querySelectorAll(GRAPHICS)) {
    const name = `<${element.tagName.toLowerCase()} id="${element.id}" class="${element.className}">`;
    if (isShown(element)) add(name, element, element.getBoundingClientRect());
}
things.sort((a, b) => a.top - b.top);
things.forEach((a, k) => {
    for (const b of things.slice(k + 1)) {
        if (b.top > a.bottom) break;
        if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - b.top;
        const lineSpacing = Math.min(a.bottom - a.top, b.bottom - b.top) / 4; // lines of text touch each other
        if (across > 1 && down > Math.max(1, lineSpacing)) found.push(`${a.what} and ${b.what}`);
    }
});
return found;
"""

# Texts that are cut without an ellipsis, or without the full text as a title.
_CUT = """
return [...document.body.querySelectorAll("*")]
    .filter((it) => it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1 && !it.closest("canvas, input, select"))
    .filter((it) => [...it.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim()))
    .filter((it) => getComputedStyle(it).textOverflow !== "ellipsis" || it.title !== it.textContent)
    .map((it) => it.textContent);
"""


def overlaps(chrome: Chrome) -> list[str]:
    """Return which texts, bars, pictures and controls of the page overlap."""
    return chrome.execute_script(_OVERLAPS)


def cut_texts(chrome: Chrome) -> list[str]:
    """Return the texts that are cut, unless there is an ellipsis and the full text as a title."""
    return chrome.execute_script(_CUT)
