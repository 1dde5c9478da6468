"""A headless browser."""

import shutil
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

# Headless and without network traffic of its own. The sandbox needs privileges that containers do not have.
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
    """Chromium or chromedriver is not installed."""


def start_browser(profile: Path) -> Chrome:
    """Start Chromium with a new profile in a folder.

    Raises:
        NoBrowserError: if Chromium or chromedriver is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        raise NoBrowserError("no browser to open the page in: install chromium and chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})  # console and requests
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    reset(chrome)
    return chrome


def reset(chrome: Chrome) -> None:
    """Restore the initial window size and turn animations off, so that tests need not wait for them."""
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    set_media(chrome, {"prefers-reduced-motion": "reduce"})


def set_media(chrome: Chrome, features: dict[str, str]) -> None:
    """Set the media features that style sheets query, such as {"prefers-color-scheme": "dark"}."""
    named = [{"name": name, "value": value} for name, value in features.items()]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def set_width(chrome: Chrome, width: int, height: int = 900, scale: float = 1) -> None:
    """Set the window size in pixels. It may be as small as a phone, unlike a real window."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
