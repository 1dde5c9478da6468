// The settings in the address of the page, after #, and the presets, which are addresses.

let chosen = null; // the preset that was shown last

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
  for (const preset of Object.values(PRESETS)) {
    byId("presets").append(element("button", { type: "button", onclick: () => openPreset(preset) }, preset.title));
  }
  byId("undo").onclick = () => openPreset(chosen);
}

function openPreset({ settings, isPaused }) {
  go(settings);
  restart();
  showRunning(!isPaused);
}

/** Make settings the address, and apply them now; the browser reports the new address later. */
function go(settings) {
  location.hash = textOfSettings(settings);
  openAddress();
}

/** Mark the preset that has the settings of this text, and show what it is about: also after a change of some. */
function showPreset(text) {
  const all = Object.values(PRESETS);
  const k = all.findIndex(({ settings }) => textOfSettings(settings) === text);
  [...byId("presets").children].forEach((button, place) => button.setAttribute("aria-pressed", place === k));
  if (all[k] && all[k] !== chosen) showLines(all[k].lines);
  chosen = all[k] ?? chosen;
  write("preset-text", chosen?.text ?? "Your own settings. The address of this page holds them.");
  byId("changed").hidden = !chosen || Boolean(all[k]);
  if (chosen) write("changed-text", `Changed: ${changesText(chosen.settings, state.settings)}.`);
}

/** Return what changed from some settings to others: "Learning rate 0.03, Seed 2". */
function changesText(before, after) {
  const labels = Object.assign({}, ...Object.values(GROUPS));
  const changed = Object.keys(labels).filter((name) => SETTINGS[name].text(before[name]) !== SETTINGS[name].text(after[name]));
  return changed.map((name) => `${labels[name]} ${optionText(name, after[name])}`).join(", ");
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
