"""The page in a real Chromium: every page as people see it, and what they do there."""

import pytest
from browser import CONTRAST, browsing, missing
from page_visitor import HOSTILE, SECRETS, watched
from page_world import monitored

PAGES = {
    "overview": "/ui", "list": "/ui/series", "series": "/ui/series/1", "accuracy": "/ui/accuracy",
    "drift": "/ui/drift", "versions": "/ui/versions", "promote": "/ui/versions/2/promote",
    "retraining": "/ui/retrains", "questions": "/ui/reviews", "question": "/ui/reviews/1",
    "series-2": "/ui/series/2", "series-3": "/ui/series/3", "question-2": "/ui/reviews/2",
    "question-3": "/ui/reviews/3",
}  # fmt: skip

DRAWN = """
return [...document.querySelectorAll('[data-chart]')].every((c) => c.querySelector('canvas'))
"""
UNNAMED = """
const fields = document.querySelectorAll('input:not([type=hidden]):not([hidden]), textarea, select');
return [...fields].filter((i) => !i.labels.length && !i.ariaLabel).length
"""

if (lacking := missing()) is not None:
    pytest.skip(f"the page is not tested in a browser: {lacking}", allow_module_level=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with watched(tmp_path_factory.mktemp("browser")) as found:
        monitored(found.parts)
        yield found


@pytest.fixture(scope="module")
def window(service):
    with browsing(f"http://127.0.0.1:{service.port}") as found:
        yield found


@pytest.fixture
def boss(window):
    window.look()
    if "Log out" not in (window.open("/ui"), window.text("body"))[1]:
        window.log_in(SECRETS["boss"][0])
    window.complaints()
    return window


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_every_page_is_readable_and_nothing_is_refused(boss, size, scheme):
    boss.look(size, scheme)
    for name, path in PAGES.items():
        boss.open(path)
        boss.wait(lambda: boss.run(DRAWN))
        boss.shot(f"{name}-{size}-{scheme}")
        wide = boss.run("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide on a {size}"
        assert boss.run(CONTRAST) == [], path
        assert boss.run(UNNAMED) == 0, path
        assert boss.run("return document.querySelectorAll('img[src=x]').length") == 0
    assert boss.complaints() == []


def test_the_scheme_decides_what_is_dark(boss):
    shade = "return getComputedStyle(document.body).backgroundColor"
    boss.open("/ui")
    light = boss.run(shade)
    boss.look(scheme="dark")
    dark = boss.run(shade)
    assert brightness(light) > 200 and brightness(dark) < 50


def brightness(colour):
    """Of rgb(r, g, b), up to 255."""
    return sum(map(int, colour[4:-1].split(","))) / 3


def test_a_blind_question_is_answered_and_then_shows_its_forecast(boss, service):
    waiting = [r for r in service.parts.people.reviews.read() if r.key["shop"] == "a"]
    boss.open("/ui/reviews")
    boss.click(f'a[href="/ui/reviews/{waiting[0].id}"]')
    assert "The forecast is hidden" in boss.text() and not boss.all("dl.facts")
    boss.type("#override", "9.5")
    boss.type("#reason", "a fair next door")
    boss.click("form:has(#reason) button")
    assert "kept, with your name and reason" in boss.text("[role=status]")
    assert "without having seen the forecast" in boss.text() and boss.find("dl.facts")
    boss.type("#actual", "9")
    boss.click("form:has(#actual) button")
    assert "The value is kept" in boss.text("[role=status]")
    boss.open("/ui/reviews")
    assert "a fair next door" in boss.text() and "1 of 1" in boss.text()
    assert boss.complaints() == []


def test_a_form_that_lacks_its_reason_is_not_sent(boss):
    boss.open("/ui/reviews/2")
    boss.type("#override", "9.5")
    boss.find("form:has(#reason) button").click()
    assert boss.run("return document.activeElement.id") == "reason"
    assert boss.driver.current_url.endswith("/ui/reviews/2")


def test_a_forecast_is_shown_on_demand(boss, service):
    waiting = [r for r in service.parts.people.reviews.read() if r.key["shop"] == HOSTILE]
    boss.open(f"/ui/reviews/{waiting[0].id}")
    boss.click('form[action$="/show"] button')
    assert "looked at the forecast" in boss.text() and boss.find("dl.facts")
    assert HOSTILE in boss.text()


def test_an_administrator_promotes_and_rolls_back(boss, service):
    boss.open("/ui/versions")
    boss.click('a[href="/ui/versions/2/promote"]')
    boss.type("#why", "it was better")
    boss.click("main button")
    assert "The version serves." in boss.text("[role=status]")
    assert service.parts.champion.current.version == 2 and "it was better" in boss.text()
    boss.click('a[href="/ui/rollback"]')
    boss.click("main button")
    assert service.parts.champion.current.version == 1
    assert boss.complaints() == []


def test_the_list_follows_what_is_typed(boss):
    boss.open("/ui/series")
    assert len(boss.all("#found .list > li")) == 3
    boss.type("input[type=search]", "victo")
    boss.wait(lambda: len(boss.all("#found .list > li")) == 1)
    assert "Victoria" in boss.text("#found") and boss.complaints() == []


def test_the_overview_follows_what_happens(boss, service):
    boss.open("/ui")
    service.parts.registry.note(1, "noted", "by <b>nobody</b>", "the test")
    boss.run("document.querySelector('#now').dispatchEvent(new Event('refresh'))")
    boss.wait(lambda: "by <b>nobody</b>" in boss.text("#now"))
    assert len(boss.all("#now")) == 1 and boss.complaints() == []


def test_the_numbers_of_a_chart_follow_the_pointer(boss):
    from selenium.webdriver import ActionChains

    boss.open("/ui/series/3")
    boss.wait(lambda: boss.all(".u-over"))
    ActionChains(boss.driver).move_to_element(boss.find(".chart:not(.small) .u-over")).perform()
    boss.wait(lambda: any(c.isdigit() for c in boss.text(".chart:not(.small) .u-legend")))


def test_the_keyboard_reaches_everything(boss):
    from selenium.webdriver import ActionChains, Keys

    boss.open("/ui")
    ActionChains(boss.driver).send_keys(Keys.TAB).perform()
    assert boss.run("return document.activeElement.className") == "skip"
    ActionChains(boss.driver).send_keys(Keys.ENTER).perform()
    assert boss.run("return document.activeElement.id") == "main"
    boss.open("/ui/reviews/3")
    reached = set()
    for _ in range(25):
        ActionChains(boss.driver).send_keys(Keys.TAB).perform()
        reached.add(boss.run("return document.activeElement.id"))
    assert {"actual", "override", "reason"} <= reached


def test_without_scripts_everything_can_be_read_and_done(boss):
    boss.look(scripts=False)
    boss.open("/ui/series")
    boss.type("input[type=search]", "vic")
    boss.click("form[role=search] button")
    assert "1 found" in boss.text("#found")
    boss.open("/ui/series/3")
    boss.find("summary").click()
    assert "10\u202f%" in boss.text("details table")
    boss.open("/ui/reviews/3")
    boss.click("form:has([value=skip]) button")
    assert "Skipped" in boss.text("[role=status]")


def test_leaving_ends_at_the_form(boss):
    boss.open("/ui")
    boss.click(".who button")
    boss.open("/ui/drift")
    assert boss.driver.current_url.endswith("/ui/login?next=/ui/drift")
    boss.type("#key", "wrong")
    boss.click("main button")
    assert "not known here" in boss.text("[role=alert]")
