#!/usr/bin/env python3
"""Drives the dashboard in a real browser, as a person would, and has a checker look at every page.

Needs in the environment: FILAS_TEST_URL (the root of the API), FILAS_TEST_KEY, FILAS_TEST_CHROMIUM (the program) and
FILAS_TEST_ARTIFACTS (a folder for the pictures). FILAS_TEST_WEB may name a folder whose files are served instead of the
deployed ones, for who works on them. Exit code 1 with the reason when something is otherwise than it should be.
"""

import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import openpyxl
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

URL = os.environ["FILAS_TEST_URL"]
KEY = os.environ["FILAS_TEST_KEY"]
PICTURES = Path(os.environ["FILAS_TEST_ARTIFACTS"])
WEB = os.environ.get("FILAS_TEST_WEB")
# Nothing that the browser would send to its maker by itself, and no sandbox: tests may be run by root.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page that the driver serves counts as one from elsewhere, which may not reach this machine.
FLAGS += ["--disable-features=LocalNetworkAccessChecks"] if WEB else []
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
ENDED = re.compile("completed|failed|cancelled|expired")
# On a busy machine a browser that draws without a graphics card may stand still for a while.
PATIENCE = 120_000


# Records are kept for good: each walk has a pipeline of its own.
GUESTS = f"guests-{int(time.time())}"
DESK = {"width": 1024, "height": 900}
PHONE = {"width": 390, "height": 844}
# Of a picture, in pixels.
HIGHEST = 1600
# Every value that the page shows of some facts, from now on; "–" is none.
WRITES_DOWN = """() => {
  window.shown = { succeeded: new Set(), rate: new Set(), left: new Set() };
  const look = () => Object.entries(window.shown).forEach(([name, values]) => {
    const text = document.querySelector(`#fact-${name}`)?.textContent;
    if (text && text !== "–") values.add(text);
  });
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""
# What a browser does when a person lets a file go over the page.
DROPS = """([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name, { type: "text/csv" }));
  const drop = (kind) => new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true });
  const place = document.querySelector(".drop");
  place.dispatchEvent(drop("dragover"));
  place.dispatchEvent(drop("drop"));
}"""


def put_pipeline(name, rest):
    """Makes a pipeline, which the dashboard does not do."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/yaml"}
    body = f"name: {name}\n{rest}".encode()
    request = urllib.request.Request(f"{URL}/v1/pipelines/{name}", data=body, method="PUT", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        check(json.load(answer)["name"] == name, "the pipeline was not made")


def say(text):
    """Tells how far it is."""
    print(f"browser: {text}", flush=True)


def check(held, otherwise):
    """Ends the test unless `held`."""
    if not held:
        raise AssertionError(otherwise)


class Person:
    """Who sits in front of the dashboard."""

    def __init__(self, page, folder):
        self.page, self.folder = page, folder
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(f"a script failed: {error}"))
        page.on("console", self.heard)
        page.on("dialog", lambda dialog: dialog.accept())

    def heard(self, message):
        """Keeps what the browser complains of; an answer that says no is not one of these."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(f"the console says: {message.text}")

    def picture(self, name, highest=HIGHEST, since=None):
        """Keeps what is seen, from the top or from the section of an element on."""
        wide, high = self.page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        top = since.evaluate("(seen) => seen.closest('section').offsetTop - 10") if since else 0
        part = {"x": 0, "y": top, "width": wide, "height": min(high - top, highest)}
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True, clip=part, timeout=PATIENCE)

    def accessible(self, name):
        """No violation that the checker knows of."""
        results = Axe().run(self.page, options=RULES)
        found = [
            f"{violation['id']}: {violation['help']}: {[node['html'][:160] for node in violation['nodes'][:4]]}"
            for violation in results.response["violations"]
        ]
        check(not found, f"{name} is not accessible:\n  " + "\n  ".join(found))
        check(len(results.response["passes"]) > 10, "the checker looked at nothing")

    def fits(self, name):
        """Nothing sticks out to the right of the window."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, f"{name} is {wide} pixels wider than the window")

    def file(self, name, rows):
        """A file of `simulate`."""
        path = self.folder / name
        path.write_text("id,cost,fail,crash\n" + "".join(rows), encoding="utf-8")
        return path

    def opens(self, place):
        """Goes to a place of the dashboard by its address."""
        self.page.goto(f"{URL}/app/index.html#/{place}")

    def chooses(self, path, pipeline="simulate", batch_size=None):
        """Fills in the form, and waits until the first rows are checked."""
        self.opens("")
        self.page.select_option("#pipeline", pipeline)
        self.page.set_input_files("#file", path)
        if batch_size:
            self.page.locator("details summary").click()
            self.page.fill("#batch-size", str(batch_size))
        expect(self.page.locator("#check")).to_contain_text("would pass")

    def send(self, path, pipeline="simulate", batch_size=None):
        """Uploads by the form and gives the task's id."""
        self.chooses(path, pipeline, batch_size)
        return self.sends()

    def sends(self):
        """Sends what is chosen and gives the task's id."""
        self.page.click("#send")
        self.page.wait_for_url(re.compile("#/task/"))
        return self.page.url.rsplit("/", 1)[1]

    def until(self, condition):
        """Waits until an expression of the page holds. The page's policy forbids the driver's own way, which evaluates text."""
        begun = time.monotonic()
        while not self.page.evaluate(condition):
            check(time.monotonic() - begun < PATIENCE / 1000, f"it never came to be: {condition}")
            self.page.wait_for_timeout(50)

    def state(self):
        """The state as the badge has it."""
        return self.page.locator(".titled .badge").first

    def ends(self):
        """Waits until the task has ended."""
        expect(self.state()).to_have_class(ENDED)

    def fact(self, name):
        """A number of the task."""
        return int(re.sub(r"\D", "", self.page.inner_text(f"#fact-{name}")) or 0)


def signs_in(person):
    """Without a key there is nothing to see; a wrong one is refused; the right one opens."""
    page = person.page
    page.goto(f"{URL}/app/index.html")
    person.accessible("the sign-in")
    person.picture("sign-in")
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Send a file")).to_be_visible()
    person.accessible("the page of tasks")


def sees_progress_and_failures(person):
    """Upload, progress while it goes on, the end with failures, the attempts of a batch."""
    page = person.page
    rows = [f"{row},1000,{'yes' if row % 100 == 7 else ''},\n" for row in range(2000)]
    person.chooses(person.file("first.csv", rows), batch_size=10)
    expect(page.locator("#check")).to_contain_text("19 would pass, 1 would fail")
    expect(page.locator("#check tr.bad")).to_contain_text("SIMULATED_FAILURE")
    person.accessible("the first rows, checked")
    person.picture("checked", highest=1100)
    task = person.sends()
    expect(page.locator(".connection")).to_have_class(re.compile("connection live"))
    # What the page shows from one moment to the next, however slow we are to look.
    page.evaluate(WRITES_DOWN)
    person.until("window.shown.succeeded.size >= 3 && window.shown.rate.size >= 1 && window.shown.left.size >= 1")
    person.picture("progress")
    person.ends()
    expect(page.locator("#fact-succeeded")).to_have_text("1,980")
    expect(page.locator("#fact-failed")).to_have_text("20")
    expect(page.locator("#failures tbody tr")).to_have_count(1)
    expect(page.locator(".grid .cell")).to_have_count(200)
    expect(page.locator(".grid .cell.donefailed")).to_have_count(20)
    expect(page.locator(".chart .uplot canvas")).to_be_visible()
    expect(page.locator("#failures tbody")).to_contain_text("SIMULATED_FAILURE")
    expect(page.locator("#failures .examples li")).to_have_count(5)
    expect(page.locator("#failures .examples li").first).to_contain_text("Row 9")
    page.locator(".grid .cell.donefailed").first.click()
    expect(page.locator("#attempts tbody tr")).to_have_count(1)
    worker = page.locator("#attempts tbody tr td").nth(1)
    check(len(worker.inner_text()) > 3, "the attempt names no worker")
    person.accessible("a task that has ended")
    person.picture("failures", since=page.locator(".grid"))
    return task


def fixes_and_sends_again(person, task):
    """The workbook of the failed rows, mended, goes through."""
    page = person.page
    person.opens(f"task/{task}")
    with page.expect_download() as downloading:
        page.click("#download-failed")
    path = person.folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    columns = {cell.value: cell.column for cell in sheet[1]}
    check({"id", "fail", "filas_row", "filas_reason"} <= set(columns), f"the workbook has the columns {columns}")
    check(sheet.max_row == 21, f"the workbook has {sheet.max_row - 1} rows instead of 20")
    for row in range(2, sheet.max_row + 1):
        check(sheet.cell(row, columns["fail"]).value == "yes", "the workbook has not what was sent")
        sheet.cell(row, columns["fail"]).value = None
    book.save(path)
    person.send(path)
    person.ends()
    expect(person.state()).to_have_text("completed")
    check(person.fact("succeeded") == 20, "not every mended row went through")


def redrives(person, task):
    """Failed rows go through again."""
    page = person.page
    person.opens(f"task/{task}")
    person.ends()
    page.click("#redrive-failed")
    expect(page.get_by_text("20 rows go through again.")).to_be_visible()
    # Each of the batches with a failed row gets a second attempt, and then the task has ended again.
    page.locator(".grid .cell").nth(0).click()
    expect(page.locator("#attempts tbody tr")).to_have_count(2)
    person.ends()
    expect(page.locator("#fact-failed")).to_have_text("20")
    person.picture("redriven")


def pauses_goes_on_and_cancels(person):
    """The commands."""
    page = person.page
    person.send(person.file("slow.csv", [f"{row},4000,,\n" for row in range(1200)]), batch_size=10)
    page.click("#pause")
    expect(person.state()).to_have_text("paused")
    person.accessible("a paused task")
    person.picture("paused")
    page.click("#resume")
    expect(person.state()).to_have_text("processing")
    page.click("#cancel")
    expect(person.state()).to_have_text("cancelled")
    check(person.fact("unprocessed") > 0, "nothing was left to cancel")


def uses_the_keyboard(person, task):
    """The grid by keys alone."""
    page = person.page
    person.opens(f"task/{task}")
    first = page.locator(".grid .cell").first
    first.wait_for()
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    check(re.match(r"Batch (?!0:|1:)\d+:", label or ""), f"the arrows led to {label}")
    page.keyboard.press("Enter")
    expect(page.locator("#attempts")).to_be_visible()
    page.keyboard.press("End")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    check(label.startswith("Batch 199:"), f"End led to {label}")
    check(page.locator(".grid button[tabindex='0']").count() == 1, "the grid is more than one stop of the tab key")


def loses_the_connection(person):
    """A socket that breaks is replaced, and the page is right afterwards."""
    page = person.page
    person.send(person.file("broken.csv", [f"{row},60,,\n" for row in range(1500)]), batch_size=10)
    expect(page.locator(".connection")).to_have_class(re.compile("connection live"))
    sockets = page.evaluate("window.sockets.length")
    page.evaluate("window.sockets.at(-1).close()")
    person.until(f"window.sockets.length > {sockets}")
    expect(page.locator(".connection")).to_have_class(re.compile("connection live"))
    person.ends()
    check(person.fact("succeeded") == 1500, "the page missed something")


def shows_a_thousand_batches(person):
    """The grid stays readable."""
    page = person.page
    person.send(person.file("thousand.csv", [f"{row},0,{'yes' if row % 97 == 0 else ''},\n" for row in range(1000)]), batch_size=1)
    person.ends()
    expect(page.locator(".grid .cell")).to_have_count(1000)
    expect(page.locator(".grid .cell.done, .grid .cell.donefailed")).to_have_count(1000)
    size = page.locator(".grid .cell").first.bounding_box()
    check(size["width"] >= 12 and size["height"] >= 12, f"a cell is {size}")
    person.picture("thousand-batches", highest=1000)
    page.set_viewport_size(PHONE)
    person.fits("a thousand batches on a phone")
    size = page.locator(".grid .cell").first.bounding_box()
    check(size["width"] >= 12, f"a cell on a phone is {size}")
    person.picture("phone-thousand-batches")
    page.set_viewport_size(DESK)


def does_without_a_socket(page, folder):
    """Where no WebSocket can be had the page asks again and again. The key comes with the address."""
    page.add_init_script("window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.()); } close() {} send() {} };")
    page.goto(f"{URL}/app/index.html#key={KEY}")
    person = Person(page, folder)
    check("key" not in page.evaluate("location.href"), "the key stays in the address")
    person.send(person.file("asking.csv", [f"{row},20,,\n" for row in range(200)]), batch_size=10)
    expect(page.locator(".connection")).to_have_class(re.compile("connection polling"))
    person.ends()
    expect(page.locator("#fact-succeeded")).to_have_text("200")
    check(not person.errors, "the browser complained:\n  " + "\n  ".join(person.errors))


def watches_the_queues(person):
    """The depths, anew each second."""
    page = person.page
    person.opens("queues")
    expect(page.locator("#queues tbody th")).to_have_text(["batch", "ingest", "report", "webhook", "live"])
    expect(page.locator("#queues thead")).to_contain_text("Dead letters")
    begun = time.monotonic()
    for _ in range(4):
        with page.expect_request(re.compile("/v1/queues$")):
            pass
    took = time.monotonic() - begun
    check(took > 2.5, f"the queues were asked four times in {took:.1f} seconds")
    person.accessible("the queues")
    person.picture("queues")


def drops_a_file_and_finds_its_records(person):
    """A file that is dragged in, of a pipeline that keeps records; each record leads to its task and row."""
    page = person.page
    put_pipeline(GUESTS, "rows: { key: email }\ndeliver: { store: {} }\n")
    person.opens("queues")
    person.opens("")
    page.select_option("#pipeline", GUESTS)
    page.evaluate(DROPS, ["guests.csv", "email,name\nzoe@example.org,Zoe\nana@example.org,Ana\n"])
    expect(page.locator(".drop")).to_contain_text("guests.csv")
    expect(page.locator("#check")).to_contain_text("2 would pass, 0 would fail")
    task = person.sends()
    person.ends()
    person.opens("records")
    page.fill("#records-pipeline", GUESTS)
    page.keyboard.press("Enter")
    first = page.locator("#records tbody tr").first
    expect(first).to_contain_text("ana@example.org")
    person.accessible("the records")
    person.picture("records")
    first.locator("a").click()
    page.wait_for_url(re.compile(f"#/task/{task}/row/3"))
    expect(page.locator("#row")).to_contain_text("ana@example.org")
    person.accessible("a row")


def speaks_spanish_in_the_dark_on_a_phone(person, task):
    """Language, appearance, size."""
    page = person.page
    person.opens(f"task/{task}")
    page.locator(".grid .cell").first.wait_for()
    page.select_option("#language", "es")
    expect(page.get_by_role("heading", name="Lotes")).to_be_visible()
    check(page.evaluate("document.documentElement.lang") == "es", "the page does not say that it is Spanish")
    page.select_option("#theme", "dark")
    person.accessible("a task in the dark")
    person.picture("dark-spanish")
    page.set_viewport_size(PHONE)
    places = {"": "#tasks", f"task/{task}": ".grid .cell", "queues": "#queues", f"records/{GUESTS}": "#records"}
    for place, there in places.items():
        person.opens(place)
        page.locator(there).first.wait_for()
        person.fits(f"the page {place or 'of tasks'} on a phone")
        person.accessible(f"the page {place or 'of tasks'} on a phone")
        person.picture(f"phone-{place.split('/')[0] or 'tasks'}")
    page.select_option("#language", "en")
    page.select_option("#theme", "auto")
    page.set_viewport_size(DESK)


def serve_from_disk(context):
    """The files as they are on disk, for who works on them."""
    kinds = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".html": "text/html"}

    def fulfil(route):
        path = Path(WEB) / route.request.url.split("#")[0].split("?")[0].rsplit("/", 1)[1]
        route.fulfill(body=path.read_text(encoding="utf-8"), content_type=kinds.get(path.suffix, "text/plain"))

    context.route(re.compile("/app/[^/]+$"), fulfil)


def run(page, folder):
    """The whole visit."""
    person = Person(page, folder)
    say("signing in")
    signs_in(person)
    say("sending a file and watching it")
    task = sees_progress_and_failures(person)
    say("sending the mended rows")
    fixes_and_sends_again(person, task)
    say("putting failed rows through again")
    redrives(person, task)
    say("pausing, going on, cancelling")
    pauses_goes_on_and_cancels(person)
    say("using the keyboard")
    uses_the_keyboard(person, task)
    say("losing the connection")
    loses_the_connection(person)
    say("showing a thousand batches")
    shows_a_thousand_batches(person)
    say("watching the queues")
    watches_the_queues(person)
    say("dropping a file and finding its records")
    drops_a_file_and_finds_its_records(person)
    say("Spanish, dark, on a phone")
    speaks_spanish_in_the_dark_on_a_phone(person, task)
    check(not person.errors, "the browser complained:\n  " + "\n  ".join(person.errors))
    say(f"pictures are in {PICTURES}")


def main():
    """Exit code 0 when everything is as it should be."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=os.environ["FILAS_TEST_CHROMIUM"], args=FLAGS)
        page = browser.new_context(viewport=DESK, locale="en-GB", color_scheme="light").new_page()
        page.set_default_timeout(PATIENCE)
        # Sockets cannot be broken from outside the page.
        page.add_init_script(
            "window.sockets = []; const Real = WebSocket;"
            "window.WebSocket = class extends Real { constructor(...all) { super(...all); window.sockets.push(this); } };"
        )
        if WEB:
            serve_from_disk(page.context)
        try:
            run(page, Path(folder))
            say("doing without a socket")
            page = page.context.new_page()
            page.set_default_timeout(PATIENCE)
            does_without_a_socket(page, Path(folder))
        except Exception as error:
            page.screenshot(path=PICTURES / "failed.png", full_page=True, timeout=PATIENCE)
            sys.exit(f"browser: {error}\nbrowser: what was seen last is in {PICTURES / 'failed.png'}")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
