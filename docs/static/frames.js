// A page within this page tells how high it is.
window.addEventListener("message", ({ data, source }) => {
  for (const frame of document.querySelectorAll("iframe")) {
    if (frame.contentWindow === source && data.widgetHeight > 0) frame.style.height = `${data.widgetHeight + 2}px`;
  }
});
