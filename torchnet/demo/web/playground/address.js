// The settings in the address of the page, after #, and the presets, which are addresses.

/** Apply the settings of the address. A new learning rate or batch size needs no restart. */
function openAddress() {
  const { settings, problems } = settingsOfText(location.hash);
  const text = textOfSettings(settings);
  say(problems.join(" "));
  if (!state.accepts(settings)) {
    state.open(settings);
    rebuild();
  }
  controls.show(settings);
  showPreset(text);
}

function makePresets() {
  for (const { title, settings } of Object.values(PRESETS)) {
    const button = element("button", { type: "button" }, title);
    button.onclick = () => {
      location.hash = textOfSettings(settings);
      showRunning(true);
    };
    byId("presets").append(button);
  }
}

/** Mark the preset that has the settings of this text, and show what it is about. */
function showPreset(text) {
  const all = Object.values(PRESETS);
  const k = all.findIndex(({ settings }) => textOfSettings(settings) === text);
  [...byId("presets").children].forEach((button, place) => button.setAttribute("aria-pressed", place === k));
  if (all[k]) showLines(all[k].lines);
  byId("preset-text").textContent = all[k]?.text ?? "Your own settings. The address of this page holds them.";
}

async function copyLink() {
  history.replaceState(null, "", `#${textOfSettings(state.settings)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    byId("copy").textContent = "Copied";
  } catch {
    say(`The link could not be copied. It is the address of this page: ${location.href}`);
  }
  setTimeout(() => (byId("copy").textContent = "Copy link"), 1500);
}
