"""Pages in Chromium: no network, nothing wider than the screen, keys that work."""

import re

import pytest

import chainrule as cr


@pytest.fixture
def pages(two_two_one, tmp_path):
    net = two_two_one(hidden="sigmoid", output="sigmoid", loss="binary_cross_entropy")
    x3, x4, w3, w4 = cr.symbols("x3 x4 w3 w4")
    f, at = x3 - cr.sigmoid(w3 * x3 + w4 * x4), {"x3": 1.0, "x4": 2.0, "w3": -1.0, "w4": 0.25}
    made = {
        "circuit": cr.circuit(f, **at),
        "paths": cr.paths(f, "x3", **at),
        "network": net.circuit([1.0, 2.0], 1.0, notation="textbook"),
        "derivation": net.explain([[1.0, 2.0], [0.5, 1.0]], [1.0, 0.0], "W1[0,1]", notation="textbook"),
        "backward": net.explain([[1.0, 2.0], [0.5, 1.0]], [1.0, 0.0], notation="columns"),
        "stepper": net.stepper([1.0, 2.0], 1.0, notation="indexed"),
    }
    return {name: page.save(tmp_path / f"{name}.html") for name, page in made.items()}


class Visit:
    """An open page, and what went wrong on it."""

    def __init__(self, browser, path, **settings):
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.troubles = []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(path.as_uri())

    def _asked(self, url):
        if not url.startswith("file:"):
            self.troubles.append(url)

    def __enter__(self):
        return self.page

    def __exit__(self, *error):
        self.context.close()
        assert self.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_pages_fit_the_screen_and_ask_for_nothing(browser, pages, width, scheme):
    for path in pages.values():
        with Visit(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
            assert page.locator("h1").bounding_box()["width"] > 0


def test_labels_of_a_network_do_not_cover_each_other(browser, pages):
    with Visit(browser, pages["network"], viewport={"width": 1100, "height": 800}) as page:
        boxes = page.eval_on_selector_all(
            "svg.circuit text",
            "texts => texts.map(t => [t.textContent, ...['x', 'y', 'width', 'height'].map(k => t.getBBox()[k])])",
        )
    assert len(boxes) > 40
    for n, (one, x, y, width, height) in enumerate(boxes):
        for other, x2, y2, width2, height2 in boxes[n + 1 :]:
            across = min(x + width, x2 + width2) - max(x, x2)
            down = min(y + height, y2 + height2) - max(y, y2)
            assert across <= 2 or down <= 4, (one, other)


def test_the_stepper_follows_the_keys(browser, pages):
    with Visit(browser, pages["stepper"]) as page:
        where = page.locator("#where")
        assert page.locator(".step:visible").count() == 0
        assert "At the start" in where.text_content()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert "Pass 1 of 3, step 3 of 23" in where.text_content()
        assert re.search(r"Forward, 3 of 7: O11 = σ\(Z11\) = σ\(1\) = 0.731059", where.text_content())
        assert page.locator(".step:visible h3").all_text_contents() == ["Forward, 3 of 7"]
        page.keyboard.press("ArrowLeft")
        assert "step 2 of 23" in where.text_content()
        page.keyboard.press("Home")
        assert "At the start" in where.text_content()
        page.keyboard.press("ArrowLeft")
        assert "At the start" in where.text_content()


def test_the_stepper_shows_numbers_when_they_are_found(browser, pages):
    with Visit(browser, pages["stepper"]) as page:
        number = page.locator(".pass:visible [data-since='3']")
        for presses, visibility in ((2, "hidden"), (1, "visible")):
            for _ in range(presses):
                page.keyboard.press("ArrowRight")
            assert number.evaluate("e => getComputedStyle(e).visibility") == visibility
        assert number.text_content() == "0.7311"


def test_the_stepper_goes_on_with_new_weights_and_ends_with_the_last_pass(browser, pages):
    with Visit(browser, pages["stepper"]) as page:
        shown = ".pass:visible svg.circuit text[fill='var(--first)']"
        first = page.locator(shown).all_text_contents()
        for _ in range(24):
            page.keyboard.press("ArrowRight")
        assert "Pass 2 of 3, step 1 of 23" in page.locator("#where").text_content()
        assert page.locator(shown).all_text_contents() != first
        for _ in range(60):
            page.keyboard.press("ArrowRight")
        assert "Pass 3 of 3, step 23 of 23" in page.locator("#where").text_content()
        assert page.locator("#next").get_attribute("aria-disabled") == "true"
        page.keyboard.press("Home")
        assert page.locator(shown).all_text_contents() == first


def test_the_stepper_can_be_used_with_tab_and_enter_alone(browser, pages):
    with Visit(browser, pages["stepper"]) as page:
        for _ in range(3):
            page.keyboard.press("Tab")
        focused = "document.activeElement.id"
        assert page.evaluate(focused) == "next"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        page.keyboard.press("Enter")
        page.keyboard.press("Space")
        assert "step 2 of 23" in page.locator("#where").text_content()
        assert page.evaluate(focused) == "next"
        assert page.locator("#where").get_attribute("aria-live") == "polite"


def test_without_scripts_the_stepper_lists_every_step(browser, pages):
    with Visit(browser, pages["stepper"], java_script_enabled=False) as page:
        assert page.locator(".step:visible").count() == 3 * 23
        assert not page.locator(".controls").is_visible()


def test_nothing_moves_for_those_who_asked_for_it(browser, pages):
    for motion, name in (("reduce", "none"), ("no-preference", "appear")):
        with Visit(browser, pages["stepper"], reduced_motion=motion) as page:
            page.keyboard.press("ArrowRight")
            new = page.locator(".new").first
            assert new.evaluate("e => getComputedStyle(e).animationName") == name
