"""A real Chromium, Debian's, driven by its own chromedriver; None where the machine has none."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

SIZES = {"desktop": (1280, 900), "phone": (390, 800)}
SHOTS = os.environ.get("LOOPCAST_SCREENSHOTS")
CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (node) => {
  for (let one = node; one; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    if (colour.length < 4 || colour[3] > 0.99) return colour;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !node.getClientRects().length) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return found;
"""


def missing():
    """What the machine lacks, or None."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else None


class Browser:
    """One window; every method acts as a person would, or looks at what a person sees."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, path):
        self.driver.get(self.address + path)

    def find(self, css):
        """The first, as soon as there is one."""
        return self.wait(lambda: self.all(css))[0]

    def all(self, css):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def type(self, css, text):
        self.find(css).send_keys(text)

    def click(self, css):
        """On what leads to another page, which is there when this returns."""
        self.run("window.here = true")
        self.find(css).click()
        self.wait(lambda: self.run("return !window.here && document.readyState == 'complete'"))

    def run(self, script):
        return self.driver.execute_script(script)

    def wait(self, true):
        """Until it is; what cannot be asked while pages change is asked again."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        waiting = WebDriverWait(self.driver, 10, 0.05, [WebDriverException])
        return waiting.until(lambda _: true())

    def text(self, css="main"):
        """In one look, so that nothing is swapped away between finding and reading."""
        script = "return document.querySelector(arguments[0])?.innerText ?? null"
        self.wait(lambda: self.driver.execute_script(script, css) is not None)
        return self.driver.execute_script(script, css) or ""

    def look(self, size="desktop", scheme="light", scripts=True):
        """How the page is looked at from now on."""
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.tell("Emulation.setDeviceMetricsOverride", metrics | {"mobile": size == "phone"})
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", {"features": media})
        self.tell("Emulation.setScriptExecutionDisabled", {"value": not scripts})

    def tell(self, command, values):
        self.driver.execute_cdp_cmd(command, values)

    def complaints(self):
        """What the console said since it was asked last: errors, and what the policy refused."""
        return [one["message"] for one in self.driver.get_log("browser") if one["level"] != "DEBUG"]

    def shot(self, name):
        """For people to look at, where LOOPCAST_SCREENSHOTS names a folder."""
        if SHOTS is not None:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))

    def log_in(self, key):
        self.open("/ui/login")
        self.type("#key", key)
        self.click("main button")


@contextmanager
def browsing(address):
    """A Chromium of its own, without a screen."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
        "--disable-background-networking", "--no-first-run",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver, address)
    finally:
        driver.quit()
