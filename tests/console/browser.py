"""A browser that looks at the console, and fails where the browser itself complains."""

import re
import sys
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
PATIENCE = 60_000
CHROMIUM = "/usr/bin/chromium"

expect.set_options(timeout=PATIENCE)

# What every page is asked before it is left: text that can hardly be read.
CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const parse = (color) => {
    const found = numbers(color);
    const scale = color.startsWith('color(') ? 255 : 1;
    return [found[0] * scale, found[1] * scale, found[2] * scale, found[3] ?? 1];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a));
  const ground = (node) => {
    const chain = [];
    for (let at = node; at; at = at.parentElement) {
      chain.push(parse(getComputedStyle(at).backgroundColor));
      if (at.tagName === 'DIALOG') break;
    }
    return chain.reverse().reduce((under, color) => over(color, under), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => value / 255).map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || node.closest(':disabled, [hidden], script, noscript') || node.checkVisibility() === false) continue;
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(node);
    const under = ground(node);
    const [one, other] = [light(over(parse(style.color), under)), light(under)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)}: ${walker.currentNode.textContent.trim().slice(0, 40)}`);
  }
  return bad;
}"""

# Elements that are wider than the page. What scrolls by itself may be.
WIDE = """() => {
  const wide = [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > innerWidth + 1
    && node.checkVisibility() && !node.parentElement.closest('.scroll, .graph, .log, .unseen, .skip'));
  return document.documentElement.scrollWidth > innerWidth ? ['the page', ...wide.map((node) => `${node.tagName}.${node.className}`)] : [];
}"""

# What people touch must not be smaller than a finger is precise (WCAG 2.5.8).
SMALL = """() => [...document.querySelectorAll('button, .button, select, input:not([type=checkbox], [type=radio]), nav a')]
  .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 24)
  .map((node) => `${node.tagName} ${node.textContent} ${node.getBoundingClientRect().height}`)"""

# What has no name for those who listen.
NAMELESS = """() => [...document.querySelectorAll('button, a, input, select, textarea, progress, dialog, [role=group]')]
  .filter((node) => node.checkVisibility() && !node.ariaHidden)
  .filter((node) => !(node.textContent.trim() || node.ariaLabel || node.getAttribute('aria-labelledby') || node.labels?.length))
  .map((node) => node.outerHTML.slice(0, 120))"""


# Adds up by how much things moved without anybody doing something.
SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts += shift.value;
  }).observe({ type: 'layout-shift', buffered: true });
"""


class Look:
    """A page of the console, in a window of a size and a theme."""

    def __init__(self, context, url, pictures, prefix):
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(SHIFTS)
        self.url, self.pictures, self.prefix = url, pictures, prefix
        self.complaints, self.foreseen = [], []
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"a script ran: {dialog.message}"))

    def heard(self, message):
        if message.type in ("error", "warning") and not any(re.search(words, message.text) for words in self.foreseen):
            self.complaints.append(f"{message.type}: {message.text}")

    def foresee(self, words):
        """The browser may complain in these words: of answers that the scenario provokes."""
        self.foreseen.append(words)

    def open(self, place=""):
        self.page.goto(f"{self.url}/{place}")

    def sign_in(self, user="admin", password="secret"):
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("User").fill(user)
        dialog.get_by_label("Password").fill(password)
        dialog.get_by_role("button", name="Sign in").click()

    def go(self, place, title):
        self.page.evaluate("(place) => { location.hash = place; }", place)
        self.heading(title)

    def heading(self, title):
        expect(self.page.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def picture(self, name, full=True, jump=0.1):
        """A picture for people to look at, and all that can be asked of a page without them. `jump`: what may have moved (Cumulative Layout Shift)."""
        expect(self.page.locator("main:not([aria-busy])")).to_be_attached()
        moved = self.page.evaluate("window.shifts")
        assert moved < jump, f"{self.prefix}-{name}: the page jumped by {moved}"
        self.page.screenshot(path=self.pictures / f"{self.prefix}-{name}.png", full_page=full)
        for what, question in (("can hardly be read", CONTRAST), ("too wide", WIDE), ("too small", SMALL), ("nameless", NAMELESS)):
            found = self.page.evaluate(question)
            assert not found, f"{self.prefix}-{name}: {what}: {found[:8]}"
        # A picture of the whole page moves everything.
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => { window.shifts = 0; done(); })))")

    def wait_for_state(self, state):
        expect(self.page.locator(".job .facts .state").first).to_have_text(state)

    def finish(self):
        assert not self.complaints, self.complaints


@contextmanager
def browser(url, pictures):
    """Opens windows: `window(prefix, width, height, dark)`."""
    pictures = Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def window(prefix, width=1280, height=850, dark=False, **more):
            scheme = "dark" if dark else "light"
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
            return Look(context, url, pictures, prefix)

        yield window
        chromium.close()


def ask(what):
    """Asks whoever runs the server to do something with it."""
    print(f"@{what}", flush=True)
    assert sys.stdin.readline().strip() == "done"
