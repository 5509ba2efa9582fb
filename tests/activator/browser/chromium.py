"""A Chromium of its own for each test, without network, without a profile that anybody else uses."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,800",
)


def missing() -> str | None:
    """What Chromium needs and this machine does not have, or None."""
    if program() and shutil.which("chromedriver"):
        return None
    return "no chromium (or google-chrome) with chromedriver found; install the packages chromium and chromium-driver"


def program() -> str:
    """Where the browser is; empty where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome") or ""


@contextmanager
def chromium(profile: Path, *, javascript: bool = True) -> Iterator[Chrome]:
    """A running browser whose console is recorded."""
    options = ChromeOptions()
    options.binary_location = program()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = Chrome(options=options, service=Service(executable_path=shutil.which("chromedriver")))
    try:
        driver.set_page_load_timeout(60)
        yield driver
    finally:
        driver.quit()
