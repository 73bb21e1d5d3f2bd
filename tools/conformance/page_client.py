#!/usr/bin/env python3
"""The web page of `rouse serve` in a headless Chromium: page_client.py --rouse BINARY --model GGUF.

Every screen by mouse and by the keyboard alone; axe-core in light and dark, narrow and wide; nothing off the host, no report of the
content security policy, no error in the console; hostile names, prompts and token texts are text; a link opens again.
"""
import base64
import contextlib
import json
import os
import pathlib
import statistics
import tempfile

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from common import Checks, Server, arguments, quiet

HOSTILE = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script> \" ' & \u202ebackwards\u202c \u0000\u001b[31m \u2028 ]]> "
LONG = (HOSTILE + "0123456789" * 1000)[:10000]
WATCH = """
window.reports = [];
document.addEventListener('securitypolicyviolation', (e) => window.reports.push(e.violatedDirective + ' ' + e.blockedURI));
"""
DONE = ".lane .badge:text-matches('same as A|parts from A')"


class Visit:
    """A page of its own, and what must not happen on it."""

    def __init__(self, browser, server, **how):
        self.server, self.troubles = server, []
        self.context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}} | how)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30000)
        self.page.on("console", lambda m: m.type == "error" and self.troubles.append("console: " + m.text))
        self.page.on("pageerror", lambda e: self.troubles.append(f"script: {e}"))
        self.page.on("dialog", lambda d: self.troubles.append("a dialog: " + d.message))
        self.page.on("request", lambda r: r.url.startswith((server.url, "data:", "blob:")) or self.troubles.append("off the host: " + r.url))

    def open(self, fragment=""):
        self.page.goto(f"{self.server.url}/{fragment}")
        return self.page

    def found(self):
        reports = self.page.evaluate("window.reports.concat(window.hit ? ['a script of the data ran'] : [])")
        return self.troubles + reports

    def close(self):
        self.context.close()


def fragment(**state):
    text = json.dumps({"lanes": [{}, {"routing": "topk:1"}], "n": 16} | state)
    return "#1." + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def finished(page, lanes=2):
    """Waits until so many lanes hold an answer."""
    page.wait_for_function("n => [...document.querySelectorAll('.stats')].filter((s) => s.children.length).length === n && "
                           "document.getElementById('stop').disabled", arg=lanes)


def texts(page):
    return page.locator(".lane .text").all_inner_texts()


@contextlib.contextmanager
def visit(browser, server, checks, what, **how):
    """Whatever went wrong on the page beside the checks is one of its own."""
    v = Visit(browser, server, **how)
    try:
        yield v
        checks.equal(f"{what}: no error, no CSP report, no request off the host", v.found(), [])
    finally:
        v.close()


def by_mouse(browser, server, checks, folder):
    with visit(browser, server, checks, "by mouse") as v:
        page = v.open()
        finished(page)
        checks.check("a first visit shows an example that has run", all(texts(page)) and "they part at" in page.inner_text("#changed"),
                     page.inner_text("#changed"))
        expect(page.locator("#expert-grid .cell.chosen").first).to_be_visible()
        n_chosen = page.locator(".cell.chosen").count()
        about = server.get("/v1/rouse/model")
        checks.equal("the strip shows k experts of every block", n_chosen, about["n_expert_used"] * len(about["moe_blocks"]))
        page.locator(".lane .text").nth(1).locator(".token").nth(3).click()
        expect(page.locator("#inspector h3")).to_contain_text("Token 4 of lane B")
        checks.equal("inspect: ten candidates of both lanes", page.locator(".candidates tbody tr").count(), 11)
        page.wait_for_function("() => document.getElementById('expert-grid').ariaBusy === 'false'")
        checks.equal("inspect: topk:1 has one expert a block", page.locator(".cell.chosen").count(), len(about["moe_blocks"]))
        page.locator(".lane .text").first.locator(".token").nth(3).click()
        page.wait_for_selector("#rank-all")
        page.locator(".cell.chosen").nth(2).click()
        page.wait_for_selector("#go-on")
        answer = page.inner_text("#whatif-answer")
        checks.check("ban: a change beside its control", "ban" in answer and "Control" in answer and "95% in" in answer, answer)
        page.locator(".cell:not(.chosen)").nth(2).click()
        expect(page.locator("#go-on")).to_contain_text("force")
        page.click("#go-on")
        finished(page, 3)
        lane = page.locator(".lane").nth(2)
        checks.check("going on from here is a lane with the expert forced, and its own beginning",
                     "+force:" in lane.locator("input[id^=routing]").input_value() and lane.locator(".given").count() == 3)
        page.click("#rank-all")
        page.wait_for_selector("#whatif-answer table")
        checks.check("rank all: experts in the order of their effect, with controls",
                     page.locator("#whatif-answer tbody tr").count() == 25 and "control 95%" in page.inner_text("#whatif-answer"))
        before = texts(page)[0]
        page.locator("button.pick").first.click()
        finished(page, 4)
        branch = page.locator(".lane").nth(3)
        checks.check("branch: another token goes on as a lane", branch.locator(".given").count() == 4 and texts(page)[0] == before)
        page.click("#tab-heat")
        checks.equal("heat: a cell an expert", page.locator("#view-heat .heat rect").count(), about["n_expert"] * len(about["moe_blocks"]))
        page.select_option("#heat-than", "1")
        checks.check("heat: lanes may be subtracted", "they differ most in block" in page.inner_text("#view-heat"))
        with page.expect_download() as saved:
            page.click("#save-csv")
        rows = pathlib.Path(saved.value.path()).read_text().splitlines()
        checks.equal("heat: the CSV has a row an expert", len(rows), 1 + about["n_expert"] * len(about["moe_blocks"]))
        with page.expect_download() as saved:
            page.click("#save-trace")
        trace = folder / "trace.jsonl"
        saved.value.save_as(trace)
        head, *lines = [json.loads(line) for line in trace.read_text().splitlines()]
        checks.check("heat: the trace is one of rouse's format", head["format"] == "rouse-trace" and
                     all(len(x["experts"]) == len(head["layers"]) for x in lines) and len(lines) > 20, head)
        plans(page, checks, folder)
        page.click("#copy-open")
        copied = [page.input_value(f"#copy-{name}") for name in ("curl", "command", "python")]
        checks.check("copy as curl, command line and Python", copied[0].startswith("curl ") and "rouse compare" in copied[1] and
                     "urllib" in copied[2], copied)
        page.keyboard.press("Escape")
    return trace


def plans(page, checks, folder):
    page.click("#tab-plan")
    page.locator("#view-plan button", has_text="lab").click()
    page.wait_for_selector("#plan-shown .chart")
    checks.equal("plan: budgets, intensity and scatter", page.locator("#plan-shown .chart").count(), 3)
    headroom = {"format": "rouse-headroom", "version": 1, "fingerprint": "0", "documents": 9, "hard": 90, "helped": 0.25, "verdict": HOSTILE,
                "layers": [{"layer": i, "oracle": 0.1 * i} for i in range(6)]}
    headroom |= {name: {"mean": 0.1, "interval": [0.05, 0.2]} for name in ("oracle", "static", "random", "shuffled")}
    for name, text, seen in (("headroom.json", json.dumps(headroom), "95% intervals"), ("broken.json", "{", "is no JSON"),
                             ("<img src=x onerror=window.hit=1>.json", "{}", "neither a plan")):
        (folder / name).write_text(text)
        page.set_input_files("#plan-file", folder / name)
        page.locator("#view-plan figcaption, #view-plan .trouble").filter(has_text=seen).first.wait_for()
    checks.check("plan: files of the user are read, and refused by name", True)


def tab_to(page, selector, most=400):
    """Presses Tab until the focus is on what the selector means."""
    for _ in range(most):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def by_keyboard(browser, server, checks):
    with visit(browser, server, checks, "by keyboard") as v:
        page = v.open()
        finished(page)
        key = page.keyboard.press
        key("?")
        checks.check("? lists the keys", page.locator("#help[open]").is_visible())
        key("Escape")
        page.wait_for_selector("#help:not([open])", state="attached")
        key("/")
        checks.check("/ goes to the prompt", page.evaluate("document.activeElement.id") == "prompt")
        key("Control+a")
        page.keyboard.type("What is the capital of France?")
        key("Control+Enter")
        page.wait_for_function("() => document.querySelector('.lane .text').innerText.includes('Paris')")
        finished(page)
        checks.check("Ctrl-Enter runs", " Paris" in texts(page)[0], texts(page))
        said = page.inner_text("#live")
        checks.check("a finished lane is said", "finished" in said, said)
        tab_to(page, ".token[aria-selected=true]")
        key("ArrowDown")
        expect(page.locator("#inspector h3")).to_contain_text("of lane B")
        key("ArrowUp")
        expect(page.locator("#inspector h3")).to_contain_text("of lane A")
        key("Home")
        expect(page.locator("#inspector h3")).to_contain_text("Token 1 of lane A")
        page.wait_for_selector("#rank-all")
        key("e")
        key("c")
        where = page.evaluate("document.activeElement.ariaLabel")
        checks.check("e and c walk the chosen experts", "chosen, rank" in where, where)
        key("ArrowRight")
        key("ArrowDown")
        moved = page.evaluate("document.activeElement.ariaLabel")
        checks.check("arrow keys walk the grid", moved != where and "expert" in moved, moved)
        key("c")
        key("Enter")
        page.wait_for_selector("#go-on")
        checks.check("Enter bans an expert", page.inner_text("#go-on").startswith("Go on from here with ban"), page.inner_text("#go-on"))
        tab_to(page, "#rank-all")
        key("Enter")
        page.wait_for_selector("#whatif-answer table")
        tab_to(page, "#whatif-answer td button")
        key("Enter")
        finished(page, 3)
        checks.check("a ranked expert goes on as a lane", "then with" in page.inner_text(".lane >> nth=2"))
        tab_to(page, "button.pick")
        key("Enter")
        finished(page, 4)
        checks.check("an alternative goes on as a lane", "then" in page.inner_text(".lane >> nth=3"))
        key("h")
        tab_to(page, "#heat-than")
        key("ArrowDown")
        page.locator("p").filter(has_text="they differ most").wait_for()
        key("Tab")
        key("p")
        tab_to(page, "#view-plan button")
        key("Enter")
        page.wait_for_selector("#plan-shown .chart")
        checks.check("heat and plans are reached", True)
        key("y")
        checks.check("y copies", page.locator("#copy[open]").is_visible())
        key("Escape")
        page.wait_for_selector("#copy:not([open])", state="attached")
        key("t")
        checks.equal("t shows the token", page.get_attribute("#tab-token", "aria-selected"), "true")
        tab_to(page, "#add-lane")
        key("Enter")
        checks.equal("a lane is added", page.locator(".lane").count(), 5)
        stopping(page, checks)


def stopping(page, checks):
    page.keyboard.press("/")
    page.fill("#n", "512")
    page.check("#raw")
    page.fill("#prompt", "a b c d e f g")
    page.locator("input[id^=routing]").first.fill("random:2")
    page.focus("#prompt")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".badge:text('running')")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.getElementById('stop').disabled")
    checks.check("Esc stops what runs", True)


def links(browser, server, checks):
    with visit(browser, server, checks, "a link") as v:
        page = v.open(fragment(prompt="What is the capital of Chad?", at=[1, 2], n=8, lanes=[{}, {"routing": "topk:2"}, {"method": "scmoe", "options": {"beta": 0.25}}]))
        finished(page, 3)
        page.locator("button.pick").first.click()
        finished(page, 4)
        page.wait_for_timeout(400)
        url, said = page.url, texts(page)
    with visit(browser, server, checks, "the link again") as v:
        v.page.goto(url)
        finished(v.page, 4)
        checks.equal("a link opens with the same lanes and texts", texts(v.page), said)
        checks.check("a link opens at the same token", "of lane B" in v.page.inner_text("#inspector h3"), v.page.inner_text("#inspector h3"))
        checks.check("a link of this model gives no warning", v.page.locator("#warning").is_hidden())
    with visit(browser, server, checks, "another model's link") as v:
        page = v.open(fragment(prompt="x", model="0123456789abcdef"))
        page.wait_for_selector("#warning:visible")
        checks.check("a link of another model warns and runs nothing", "another model" in page.inner_text("#warning") and
                     page.locator(".token").count() == 0)
    for damaged in ("#1.%%%", "#1.e30", "#2.e30", "#1." + base64.urlsafe_b64encode(b"[1]").decode(),
                    fragment(prompt=7, n=-1, lanes=[7, {"options": {"beta": [1], "__proto__": 1}, "follow": ["x", -1]}], at="x", tab=3)):
        with visit(browser, server, checks, f"a damaged link {damaged[:20]}") as v:
            page = v.open(damaged)
            page.wait_for_selector(".lane")
            checks.check(f"a damaged link {damaged[:20]} leaves a page that works", page.locator("#run").is_visible())


def hostile(browser, asked, checks, folder):
    """A server whose model and presets are named so, with a key; token texts are changed on their way."""
    keys = folder / "keys"
    keys.write_text("right-key\n")
    with visit_server(asked, checks, "--alias", HOSTILE.replace("\0", ""), "--api-key-file", str(keys)) as server, \
            visit(browser, server, checks, "hostile texts") as v:
        page = v.page

        def changed(route):
            reply = route.fetch()
            out = []
            for line in reply.text().splitlines():
                if line.startswith("data: {"):
                    event = json.loads(line[6:])
                    for one in (event, event.get("result", {})):
                        if "pieces" in one:
                            one["pieces"] = [LONG if i % 2 else HOSTILE for i in range(len(one["pieces"]))]
                        for row in one.get("top_log_probs", []):
                            for t in row:
                                t["text"] = LONG
                    line = "data: " + json.dumps(event)
                out.append(line)
            route.fulfill(response=reply, body="\n".join(out) + "\n")
        page.route("**/v1/rouse/compare", changed)
        v.open(fragment(prompt=LONG, n=4, lanes=[{"note": HOSTILE}, {"preset": HOSTILE}]))
        page.fill("#key-text", "wrong-key")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.getElementById('key-text').value === ''")
        page.fill("#key-text", "right-key")
        page.keyboard.press("Enter")
        page.wait_for_selector("#error:visible")
        checks.check("an unknown preset is refused by name, as text", "<img" in page.inner_text("#error"), page.inner_text("#error"))
        page.locator("select[id^=method]").nth(1).select_option("preset:rank2")
        page.click("#run")
        page.wait_for_selector("#error:has-text('context')")
        checks.check("a prompt of 10,000 characters that does not fit is refused by name", True)
        page.fill("#prompt", HOSTILE)
        page.click("#run")
        finished(page)
        checks.check("a model's name is text", "<img src=x" in page.inner_text("#model"), page.inner_text("#model"))
        shown = page.locator(".token").first.inner_text()
        checks.check("a token's text is text; what turns lines is seen", "<img" in shown and "⟨RLO⟩" in shown and "␛" in shown, shown)
        page.locator(".token").nth(1).click()
        page.wait_for_selector("#rank-all")
        page.locator(".cell.chosen").first.click()
        page.wait_for_selector("#go-on")
        page.click("#tab-heat")
        page.click("#copy-open")
        page.keyboard.press("Escape")
        checks.equal("no element came of data", page.locator("img, main script, iframe").count(), 0)
        for width in (390, 1300):
            page.set_viewport_size({"width": width, "height": 900})
            checks.equal(f"10,000 characters do not widen the page at {width} px", page.evaluate("document.documentElement.scrollWidth"), width)
        checks.check("the key is not in the address", "right-key" not in page.url)
        v.troubles[:] = [t for t in v.troubles if "401" not in t and "400" not in t]  # the browser's own lines on refusals


def visit_server(asked, checks, *flags):
    class Keyed(Server):
        def get(self, path):
            return {"data": [{"id": ""}]} if "--api-key-file" in flags else super().get(path)
    return Keyed(asked, checks, *flags)


def accessible(browser, server, checks):
    axe = Axe()
    for scheme in ("light", "dark"):
        for width in (390, 1300):
            where = f"{scheme}, {width} px"
            with visit(browser, server, checks, where, color_scheme=scheme, viewport={"width": width, "height": 900}) as v:
                page = v.open()
                finished(page)
                page.wait_for_selector("#rank-all")
                views = {"token": lambda: page.locator(".cell.chosen").first.click() or page.wait_for_selector("#go-on"),
                         "ranking": lambda: page.click("#rank-all") or page.wait_for_selector("#whatif-answer table"),
                         "gates": lambda: page.click("details.gates summary"),
                         "heat": lambda: page.click("#tab-heat"), "difference": lambda: page.select_option("#heat-than", "1"),
                         "plan": lambda: page.click("#tab-plan") or page.locator("#view-plan button", has_text="lab").click() or
                         page.wait_for_selector("#plan-shown .chart"),
                         "options": lambda: page.locator("select[id^=method]").first.select_option("method:scmoe") and
                         page.click(".editor summary"),
                         "copy": lambda: page.click("#copy-open"),
                         "help": lambda: page.keyboard.press("Escape") or page.click("#help-open")}
                found = []
                for view, go in views.items():
                    go()
                    found += [f"{view}: {x['id']}: {x['nodes'][0]['html'][:200]} {x['nodes'][0]['failureSummary'][:300]}"
                              for x in axe.run(page).response["violations"]]
                    overflow = page.evaluate("document.documentElement.scrollWidth")
                    if overflow > width:
                        found.append(f"{view}: {overflow} px wide")
                checks.equal(f"axe-core finds nothing, and nothing scrolls sideways: {where}", found, [])


INSPECT = """async (i) => {
  const seen = (name) => new Promise((done) => new PerformanceObserver((list, o) => {
    if (list.getEntriesByName(name).length) { o.disconnect(); done(performance.now()); }
  }).observe({ type: 'mark' }));
  performance.clearResourceTimings();
  const marks = [seen('inspector-shown'), seen('gates-shown')], begin = performance.now();
  document.querySelectorAll('.lane .text')[0].querySelectorAll('.token')[i].click();
  const [shown, gates] = (await Promise.all(marks)).map((t) => t - begin);
  const reply = performance.getEntriesByType('resource').find((e) => e.name.endsWith('/v1/rouse/gates'));
  const model = reply.serverTiming.find((t) => t.name === 'total').duration;
  return { shown, gates, model };
}"""


def fast(browser, server, checks):
    busy = os.getloadavg()[0] > os.cpu_count()  # then times are told, but say little of the page
    views = []
    for _ in range(5):
        with visit(browser, server, checks, "a first view") as v:
            v.page.goto(server.url + "/health")  # a browser that has its network up, but nothing of the page
            page = v.open()
            page.wait_for_function("() => performance.getEntriesByName('page-ready').length")
            views.append(page.evaluate("""() => {
              const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
              return { bytes: all.reduce((s, e) => s + e.transferSize, 0), requests: all.length,
                       ready: performance.getEntriesByName('page-ready')[0].startTime,
                       paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0 }; }"""))
            v.troubles[:] = [t for t in v.troubles if "404" not in t]  # the icon that a browser wants for /health
            if len(views) == 5:
                finished(page)
                page.wait_for_selector("#rank-all")
                clicks = [page.evaluate(INSPECT, i) for i in (3, 5, 7, 9, 11)]
    ready, paint = ([v[name] for v in views] for name in ("ready", "paint"))
    size, requests = max(v["bytes"] for v in views), views[0]["requests"]
    checks.check(f"a first view: {size / 1000:.0f} kB in {requests} requests, ready after {min(ready):.0f} ms (median {statistics.median(ready):.0f}), "
                 f"painted after {min(paint):.0f} ms (median {statistics.median(paint):.0f}), the best of 5{', while others compute' if busy else ''}; wanted: 300 kB, 200 ms",
                 size < 300e3 and (busy or min(ready) < 200), views)
    shown, own, model = (statistics.median(c) for c in zip(*((c["shown"], c["gates"] - c["model"], c["model"]) for c in clicks)))
    checks.check(f"a click on a token: its candidates after {shown:.0f} ms, its gates after {own:.0f} ms beside the model's {model:.0f} ms "
                 "(medians of 5); wanted: 50 ms", busy or (shown <= 50 and own <= 50), clicks)


def make_plan(server, path):
    """A plan as the server's model would have it, of numbers that nobody measured: what is checked is how it looks."""
    m = server
    n, e = len(m["moe_blocks"]), m["n_expert"]
    rows = [[(7 * b + 3 * x) % 11 / 10 for x in range(e)] for b in range(n)]
    path.write_text(json.dumps({
        "format": "rouse-plan", "version": 2,
        "model": {"fingerprint": m["fingerprint"], "arch": m["architecture"], "n_layer": m["n_layer"], "n_expert": e, "k": m["n_expert_used"]},
        "options": {}, "n_scored": 1000, "n_hard": 200, "n_easy": 200, "layers": m["moe_blocks"], "k": [m["n_expert_used"]] * n,
        "R": [1.0 + b for b in range(n)], "R_ci": [[0.5 + b, 2.0 + b] for b in range(n)], "R_error": [0.1] * n, "R_shrunk": [1.0] * n,
        "S_hard": [0.1] * n, "S_easy": [0.1] * n, "CEI": rows, "CEI_ci": [[[x - 0.1, x + 0.1] for x in row] for row in rows],
        "samples": [[50] * e] * n, "gate": [[1 - x for x in row] for row in rows], "evidence": None}))


def main():
    quiet()
    asked, checks = arguments(__doc__), Checks("page")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = pathlib.Path(name)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with Server(asked, checks) as server:
            make_plan(server.get("/v1/rouse/model"), folder / "plan.json")
        trace = None
        with Server(asked, checks, "--plan", f"lab={folder / 'plan.json'}") as server:
            with checks.of("by mouse"):
                trace = by_mouse(browser, server, checks, folder)
            with checks.of("by keyboard"):
                by_keyboard(browser, server, checks)
            with checks.of("links"):
                links(browser, server, checks)
            with checks.of("accessibility"):
                accessible(browser, server, checks)
            with checks.of("speed"):
                fast(browser, server, checks)
        with checks.of("hostile texts"):
            hostile(browser, asked, checks, folder)
        if trace:
            with checks.of("the trace"), Server(asked, checks, "--plan", f"seen={trace}") as server:
                reply = server.post("/v1/rouse/compare", {"prompt": "x", "n_predict": 1, "routing": "replay:seen"})
                checks.equal("a trace that the page saved can be replayed", reply["lanes"][0]["policy"].split(":")[0], "replay")
        browser.close()
    checks.finish()


if __name__ == "__main__":
    main()
