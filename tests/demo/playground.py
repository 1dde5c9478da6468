"""What tests do with the playground."""

from .pages import find, two_frames

SMALL = "hidden_sizes=5,4&activation=tanh"


def script(browser, expression):
    return browser.execute_script(f"const {{ state, loop, walk }} = playground; return {expression}")


def steps(browser):
    return script(browser, "state.experiment.steps")


def click(browser, selector):
    find(browser, selector).click()
    two_frames(browser)


def change(browser, selector, value):
    """Set a control to a value, as a user does."""
    code = """
        const [control, value] = arguments;
        control.type === "checkbox" ? (control.checked = value) : (control.value = value);
        for (const name of ["input", "change"]) control.dispatchEvent(new Event(name, { bubbles: true }));
    """
    browser.execute_script(code, find(browser, selector), value)
    two_frames(browser)
