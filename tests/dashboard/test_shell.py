"""The shell: navigation, language, door."""


def test_every_screen_opens_without_an_exception(open_app):
    """A screen that raises shows nothing; each must draw its title."""
    app = open_app()
    assert not app.exception
    assert app.title[0].value == "Overview"
