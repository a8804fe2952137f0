"""The documentation pages of the frameworks, run as a reader would run them."""

import pytest
from support.pages import run_page
from support.trees import ANSWER, calling
from support.vendor import Vendor

from kansoku import runtime


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, vendor: Vendor) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")


@pytest.mark.usefixtures("spans")
def test_the_page_of_langchain_runs(vendor: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain and the agent of the page answer, and Kansoku is running."""
    vendor.answer(ANSWER, calling("find_day", '{"ward": "北区"}'), ANSWER)
    names = run_page("sdk/langchain.md")
    assert capsys.readouterr().out == "火曜日\n"
    assert len(vendor.asked) == 3
    assert names["agent"].name == "guide"
    assert runtime.current() is not None


@pytest.mark.usefixtures("spans")
def test_the_page_of_llama_index_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The query of the page is answered, and Kansoku is running."""
    assert "index" in run_page("sdk/llama-index.md")
    assert capsys.readouterr().out.startswith("text text")
    assert runtime.current() is not None
