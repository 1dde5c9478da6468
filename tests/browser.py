"""A browser without a window."""

import shutil
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

# No window and no traffic of its own; the sandbox needs rights that a container has not.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
)


class NoBrowserError(Exception):
    """There is no browser here, or nothing to steer it by."""


def start_browser(profile: Path) -> Chrome:
    """Start Chromium with a profile of its own.

    Raises:
        NoBrowserError: if it is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        raise NoBrowserError("no browser to open the page in: install chromium and chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})  # the console; the requests
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    reset(chrome)
    return chrome


def reset(chrome: Chrome) -> None:
    """Have the window as it was at the start, where nothing moves, which would have to be waited for."""
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    set_media(chrome, {"prefers-reduced-motion": "reduce"})


def set_media(chrome: Chrome, features: dict[str, str]) -> None:
    """Let the browser say of itself what a style sheet may ask, such as {"prefers-color-scheme": "dark"}."""
    named = [{"name": name, "value": value} for name, value in features.items()]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def set_width(chrome: Chrome, width: int, height: int = 900, scale: float = 1) -> None:
    """Give the window a size in pixels, as small as that of a phone, which a window on a screen cannot have."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
