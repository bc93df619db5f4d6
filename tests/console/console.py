"""What people do with the console. `console.py SCENARIO URL PICTURES [ARGUMENT…]`"""

import json
import re
import sys
import urllib.request

from browser import ask, browser, expect

NIGHTLY = "#/repositories/demo/nightly"
PLAN = "#/plan?repository=demo&backup=nightly&snapshot=1&target=live"
REPLACE = PLAN + "&options=%7B%22restore_policy%22%3A%22replace%22%7D"
RENAME = PLAN + "&options=%7B%22restore_policy%22%3A%22rename%22%7D"


# The report comes above the log.
AT_THE_END = 0.25


def start(look, place=PLAN):
    """From a plan to the end of its job."""
    look.go(place, re.compile("^Plan: "))
    look.button("Start the restore").click()
    look.heading("Restore demo/nightly@1 into live")


def whole_way(window, _):
    look = window("whole")
    page = look.page
    look.foresee("401")
    look.open()
    look.picture("sign-in")
    look.sign_in(password="wrong")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("is wrong")
    look.picture("sign-in-wrong")
    look.sign_in()
    look.heading("Repositories")
    look.picture("repositories")

    page.get_by_role("link", name="nightly", exact=True).click()
    look.heading("nightly")
    page.get_by_role("link", name="@1", exact=True).click()
    look.heading("nightly@1")
    page.get_by_role("searchbox").fill("orders")
    expect(page.locator(".count")).to_contain_text(" of ")
    page.reload()
    look.heading("nightly@1")
    expect(page.get_by_role("searchbox")).to_have_value("orders")
    look.picture("snapshot")

    page.get_by_role("link", name="Restore…", exact=True).click()
    look.heading("Restore demo/nightly@1")
    look.picture("form")
    look.button("Make the plan").click()
    look.heading("Plan: demo/nightly@1 into live")
    expect(page.locator(".verdict")).to_contain_text("Can start")
    look.picture("plan-create")
    look.button("Start the restore").dblclick()
    look.heading("Restore demo/nightly@1 into live")
    look.wait_for_state("succeeded")
    expect(page.get_by_text("The target holds the restored objects.")).to_be_visible()
    look.picture("report-create", jump=AT_THE_END)
    first = page.url

    refusal_and_its_fix(look)
    expect(page.locator(".job .facts .state").first).to_have_text("succeeded")
    expect(page.get_by_text("Readers waited")).to_be_visible()
    look.picture("report-replace", jump=AT_THE_END)
    undone_and_done_again(look)

    look.go("#/jobs", "Jobs")
    expect(page.get_by_role("row")).to_have_count(3)
    look.picture("jobs")
    page.goto(first)
    look.heading("Restore demo/nightly@1 into live")
    session_that_ends(look)
    backups(look)
    look.button("Sign out").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    look.finish()


def refusal_and_its_fix(look):
    page = look.page
    look.go(PLAN, "Plan: demo/nightly@1 into live")
    expect(page.locator(".verdict")).to_contain_text("Cannot start")
    expect(look.button("Start the restore")).to_be_disabled()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Refusals")
    expect(page.locator(".chip").first).to_contain_text("4 refused")
    look.picture("plan-refused")
    look.button("Plan with policy replace").click()
    expect(page.locator(".verdict")).to_contain_text("Can start")
    expect(page.locator(".chip").first).to_contain_text("replaced")
    page.locator(".chip").first.click()
    expect(page.locator(".chip").first).to_have_attribute("aria-pressed", "true")
    look.picture("plan-replace")
    look.button("Start the restore").click()
    look.heading("Restore demo/nightly@1 into live")
    look.wait_for_state("succeeded")


def undone_and_done_again(look):
    page = look.page
    look.button("Undo…").click()
    expect(page.get_by_role("dialog")).to_contain_text("What they took the place of comes back")
    look.picture("undo", full=False)
    look.button("Undo the restore").click()
    look.wait_for_state("undone")
    expect(page.locator(".log")).to_contain_text("took it back")
    look.button("Switch again…").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    look.button("Switch again…").click()
    look.button("Switch again").click()
    look.wait_for_state("succeeded")
    look.button("Discard…").click()
    expect(page.get_by_role("dialog")).to_contain_text("cannot be undone any more")
    look.picture("discard", full=False)
    look.button("Delete it").click()
    look.wait_for_state("discarded")
    expect(look.button("Undo…")).to_have_count(0)
    assert page.locator(".log li").count() == page.locator(".log li").evaluate_all("(all) => new Set(all.map((li) => li.textContent)).size")


def session_that_ends(look):
    """A token that is gone: the page stays, and goes on once somebody has signed in."""
    page = look.page
    look.go("#/restore?repository=demo&backup=nightly&snapshot=1", "Restore demo/nightly@1")
    page.get_by_label("rename", exact=True).check()
    known = json.loads(page.evaluate("sessionStorage.getItem('reinstate.session')"))
    request = urllib.request.Request(f"{look.url}/v1/tokens/{known['hash']}", method="DELETE", headers={"Authorization": "Bearer sk-secret"})
    urllib.request.urlopen(request).close()
    look.button("Make the plan").click()
    expect(page.get_by_role("dialog")).to_contain_text("The session has ended")
    look.picture("session-ended", full=False)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_visible()
    look.sign_in()
    look.heading("Plan: demo/nightly@1 into live")
    expect(page.locator(".chip").first).to_contain_text("renamed")
    look.picture("plan-rename")


def backups(look):
    page = look.page
    look.go("#/targets", "Targets")
    page.get_by_role("link", name="Back up live").click()
    look.heading("Make a backup")
    page.get_by_label("Backup", exact=True).fill("evening")
    page.get_by_label("Comment").fill("after the restore")
    look.button("Make the backup").click()
    look.heading("Back live up into demo/evening")
    look.wait_for_state("succeeded")
    look.picture("backup-report", jump=AT_THE_END)
    page.get_by_role("link", name="Look at @1").click()
    look.heading("evening@1")
    look.button("Verify").click()
    look.heading("Verify demo/evening@1")
    expect(page.get_by_text("1 snapshot read, and whole")).to_be_visible()
    look.picture("verify-report", jump=AT_THE_END)


FOCUSED = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const name = (node.ariaLabel || node.labels?.[0]?.textContent || node.textContent || '').trim();
  return { name, tag: node.tagName, shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
}"""


def tab_to(page, name):
    """Presses Tab until the focus is on what has that name; wherever it goes, it is seen."""
    for _ in range(120):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["tag"] == "BODY":
            continue
        assert focused["shown"], f"the focus on {focused} cannot be seen"
        if focused["name"] == name:
            return
    raise AssertionError(f"Tab never comes to {name}")


def keyboard(window, _):
    look = window("keyboard")
    page, keys = look.page, look.page.keyboard
    look.open()
    expect(page.get_by_label("User")).to_be_focused()
    keys.type("admin")
    tab_to(page, "Password")
    keys.type("secret")
    keys.press("Enter")
    look.heading("Repositories")
    tab_to(page, "Skip to the content")
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, "nightly")
    keys.press("Enter")
    look.heading("nightly")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "@1")
    keys.press("Enter")
    look.heading("nightly@1")
    keys.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    keys.type("customers")
    expect(page.locator("tbody tr")).to_have_count(1)
    keys.press("Escape")
    keys.press("Escape")
    keys.press("u")
    look.heading("nightly")
    tab_to(page, "Restore @1")
    keys.press("Enter")
    look.heading("Restore demo/nightly@1")
    tab_to(page, "none")
    keys.press("ArrowDown")
    expect(page.get_by_label("replace", exact=True)).to_be_checked()
    tab_to(page, "More options")
    keys.press("Enter")
    tab_to(page, "keep_going")
    keys.press("Space")
    tab_to(page, "Make the plan")
    keys.press("Enter")
    look.heading("Plan: demo/nightly@1 into live")
    expect(look.button("Start the restore")).to_be_enabled()
    assert "keep_going" in page.url
    tab_to(page, "Start the restore")
    keys.press("Enter")
    look.heading("Restore demo/nightly@1 into live")
    look.wait_for_state("succeeded")
    expect(page.locator("#spoken")).to_contain_text("succeeded")
    tab_to(page, "Undo…")
    keys.press("Enter")
    expect(look.button("Not now")).to_be_focused()
    look.picture("undo", full=False)
    tab_to(page, "Undo the restore")
    keys.press("Enter")
    look.wait_for_state("undone")
    keys.press("g")
    keys.press("j")
    look.heading("Jobs")
    keys.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    look.picture("help", full=False)
    tab_to(page, "Single keys are shortcuts")
    keys.press("Space")
    keys.press("Escape")
    keys.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    look.finish()


def reader(window, _):
    look = window("reader")
    page = look.page
    look.foresee("401")
    look.open()
    page.get_by_text("Sign in with a token").click()
    page.get_by_label("Token").fill("somebody's token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("is wrong")
    page.get_by_label("Token").fill("rita's token")
    look.picture("sign-in", full=False)
    page.keyboard.press("Enter")
    look.heading("Repositories")
    expect(page.locator("#who")).to_contain_text("reader")
    look.picture("repositories")
    look.go("#/repositories/box/shop/1", "shop@1")
    expect(page.get_by_role("link", name=re.compile("Restore"))).to_have_count(0)
    look.go("#/plan?repository=box&backup=shop&snapshot=1&target=live", "Plan: box/shop@1 into live")
    expect(page.get_by_text("Your role may look at plans")).to_be_visible()
    expect(look.button("Start the restore")).to_be_disabled()
    look.picture("plan")
    look.finish()


def looks(window, _):
    """Every view in both themes and on a phone; the checks are in `picture`."""
    for prefix, how in (("light", {}), ("dark", {"dark": True}), ("phone", {"width": 360, "height": 740}), ("phone-dark", {"width": 360, "height": 740, "dark": True, "reduced_motion": "reduce"})):
        look = window(prefix, **how)
        look.open()
        look.picture("sign-in")
        look.sign_in()
        look.heading("Repositories")
        look.picture("repositories")
        for place, title, name in (
            (NIGHTLY, "nightly", "backup"), (NIGHTLY + "/1", "nightly@1", "snapshot"), ("#/restore?repository=demo&backup=nightly&snapshot=1", "Restore demo/nightly@1", "form"),
        ):
            look.go(place, title)
            look.picture(name)
        look.page.get_by_text("More options").click()
        look.picture("form-more")
        look.go(PLAN if prefix == "light" else RENAME, "Plan: demo/nightly@1 into live")
        expect(look.page.locator(".verdict")).to_contain_text("Can start")
        look.picture("plan")
        look.button("Start the restore").click()
        look.heading("Restore demo/nightly@1 into live")
        look.wait_for_state("succeeded")
        expect(look.page.get_by_text("Readers waited")).to_be_visible()
        look.picture("report", jump=AT_THE_END)
        look.button("As a list").click()
        look.picture("report-list")
        look.button("Discard…").click()
        look.picture("discard", full=False)
        look.button("Not now").click()
        look.go(PLAN, "Plan: demo/nightly@1 into live")
        expect(look.page.locator(".verdict")).to_contain_text("Cannot start")
        look.picture("plan-refused")
        for place, title, name in (
            ("#/jobs", "Jobs", "jobs"), ("#/targets", "Targets", "targets"), ("#/plugins", "Plugins", "plugins"), ("#/backup", "Make a backup", "make-backup"),
            ("#/upload", "Restore a file", "upload"), ("#/nowhere", "Nothing is here", "nowhere"),
        ):
            look.go(place, title)
            look.picture(name)
        look.page.keyboard.press("?")
        expect(look.page.get_by_role("dialog")).to_be_visible()
        look.picture("help", full=False)
        look.finish()


def lost_connection(window, _):
    look = window("lost")
    page = look.page
    look.foresee("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    look.open()
    look.sign_in()
    look.heading("Repositories")
    start(look)
    expect(page.locator(".box.running").first).to_be_visible()
    look.picture("running")
    ask("kill")
    expect(page.get_by_text("Connection lost at")).to_be_visible()
    expect(page.locator(".figures")).to_contain_text("stopped here at")
    assert "left" not in page.locator(".figures").inner_text()
    look.picture("lost")
    ask("start")
    expect(page.get_by_text("Connection lost at")).to_have_count(0)
    look.wait_for_state("succeeded")
    expect(page.locator(".log")).to_contain_text("it goes on")
    look.picture("back", jump=AT_THE_END)
    look.finish()


def steering(window, _):
    look = window("steering")
    page = look.page
    look.open()
    look.sign_in()
    look.heading("Repositories")
    start(look)
    expect(page.locator(".box.running").first).to_be_visible()
    look.button("Pause").click()
    look.wait_for_state("paused")
    expect(page.locator(".box.stopped").first).to_be_visible()
    expect(page.locator(".box.running")).to_have_count(0)
    look.picture("paused")
    look.button("Resume").click()
    look.wait_for_state("succeeded")
    start(look, REPLACE)
    expect(page.locator(".box.running").first).to_be_visible()
    look.button("Cancel…").click()
    expect(page.get_by_role("dialog")).to_contain_text("The target stays as it is")
    look.button("Cancel the job").click()
    look.wait_for_state("cancelled")
    look.picture("cancelled", jump=AT_THE_END)
    look.button("Try again").click()
    look.wait_for_state("succeeded")
    expect(look.button("Undo…")).to_be_visible()
    look.finish()


def shown(name):
    """What cannot be seen in a name is written out."""
    return re.sub("[\u0000-\u001f\u202a-\u202e]", lambda found: "\\u{%x}" % ord(found[0]), name)


def hostile(window, arguments):
    archive, *names = arguments
    look = window("hostile")
    page = look.page
    look.open()
    look.sign_in()
    look.heading("Repositories")
    page.get_by_role("link", name="Restore a file").click()
    look.heading("Restore a file")
    page.get_by_label("Archive").set_input_files(archive)
    look.button("Upload").click()
    look.heading("Restore hostile.tar")
    look.button("Make the plan").click()
    look.heading("Plan: hostile.tar into live")
    for name in names:
        expect(page.locator("tbody").get_by_text(shown(name)).first).to_be_visible()
    look.picture("plan")
    look.button("Start the restore").click()
    look.wait_for_state("succeeded")
    for name in names:
        expect(page.locator(".section").get_by_text(shown(name)).first).to_be_visible()
    look.picture("report", jump=AT_THE_END)
    look.button("As a list").click()
    look.picture("report-list")
    assert page.locator("main img, main script, main b:not([aria-hidden])").count() == 0
    many_steps(look)
    look.finish()


def many_steps(look):
    """A real plan, its steps as many times as make 10,000 of them."""
    page = look.page

    def many(route):
        response = route.fetch()
        plan = response.json()
        step = plan["steps"][0]
        into = step["into"]
        plan["steps"] = [{**step, "id": at, "into": {**into, "name": f"table_{at:05}"}, "object": {**into, "name": f"table_{at:05}"}, "rows": at} for at in range(10_000)]
        finding = {"severity": "refusal", "code": "target.object_exists", "message": "", "fix": "--restore-policy replace"}
        plan["findings"] = [{**finding, "message": f"Table table_{at:05} exists in the target"} for at in range(10_000)]
        route.fulfill(response=response, json=plan)

    page.route("**/v1/plans", many)
    look.go(PLAN, "Plan: demo/nightly@1 into live")
    expect(page.locator(".verdict")).to_contain_text("Cannot start: 10,000 refusals")
    expect(page.locator(".count")).to_have_text("10,000 steps")
    assert page.locator("tbody tr").count() == 100
    look.button("Next").click()
    expect(page.get_by_text("101–200 of 10,000")).to_be_visible()
    took = page.evaluate("""() => {
      const box = document.querySelector('[data-filter]');
      const since = performance.now();
      box.value = 'table_09';
      box.dispatchEvent(new Event('input'));
      return performance.now() - since;
    }""")
    expect(page.locator(".count")).to_have_text("1,000 of 10,000 steps")
    print(f"filtering 10,000 steps took {took:.0f} ms")
    look.picture("many", full=False)


SCENARIOS = {scenario.__name__: scenario for scenario in (whole_way, keyboard, reader, looks, lost_connection, steering, hostile)}

if __name__ == "__main__":
    name, url, pictures, *arguments = sys.argv[1:]
    with browser(url, pictures) as window:
        SCENARIOS[name](window, arguments)
