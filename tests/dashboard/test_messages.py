"""Messages: every shape of content becomes parts, and nothing foreign is markup."""

import json

import pytest

from kansoku_dashboard.screens import messages, pictures
from kansoku_dashboard.screens.messages import Message, Part, read_messages
from kansoku_dashboard.text import visible


def test_the_shape_of_the_conventions_is_read():
    """Text, reasoning, a tool's call and its answer, and why the model stopped."""
    talk = [
        {"role": "user", "parts": [{"type": "text", "content": "傘は必要?"}]},
        {
            "role": "assistant",
            "finish_reason": "tool_calls",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "大阪"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "rain"}]},
    ]
    assert read_messages(json.dumps(talk)) == [
        Message("user", [Part("text", "傘は必要?")]),
        Message(
            "assistant",
            [Part("reasoning", "hm"), Part("call", '{\n  "city": "大阪"\n}', "weather")],
            "tool_calls",
        ),
        Message("tool", [Part("result", "rain", "1")]),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("not json", [Message("", [Part("other", "not json")])]),
        ('"bare"', [Message("", [Part("text", "bare")])]),
        ("[7]", [Message("", [Part("other", "7")])]),
        ('{"role": "user", "content": "hello"}', [Message("user", [Part("text", "hello")])]),
        ('[{"role": "user", "content": null}]', [Message("user", [])]),
        ('[{"type": "text", "content": "system"}]', [Message("", [Part("text", "system")])]),
        (
            '[{"role": "u", "parts": [{"type": "new"}]}]',
            [Message("u", [Part("other", '{\n  "type": "new"\n}')])],
        ),
        ('[{"role": "u", "parts": ["a", 3]}]', [Message("u", [Part("text", "a"), Part("other", "3")])]),
    ],
)
def test_any_other_shape_is_kept(text, expected):
    """What is not understood is shown, not dropped."""
    assert read_messages(text) == expected


def test_a_picture_is_its_type_and_size():
    """Base64 as text stalls a page, and a foreign address must not be fetched."""
    parts = [
        {"type": "blob", "mime_type": "image/png", "content": "A" * 4_000_000},
        {"type": "uri", "mime_type": "image/jpeg", "uri": "http://evil.example/a.jpg"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}},
    ]
    found = messages.read_parts(json.dumps([{"role": "user", "parts": parts}]))
    assert [(part.kind, part.title) for part in found] == [
        ("image", "image/png · 3.0 MB"),
        ("media", "image/jpeg"),
        ("image", "image/png · 3 KB"),
    ]
    assert found[1].text == "http://evil.example/a.jpg"
    assert [pictures.read_picture(found[place].text) for place in (0, 2)] == [None, None]


def test_encoded_files_inside_a_text_are_folded():
    """Their type and size stay; ordinary text, hashes included, is untouched."""
    folded = messages.fold(f"see data:image/png;base64,{'A' * 5_000_000} and {'Qk' * 600}")
    assert folded == "see [image/png · 3.8 MB] and [base64 · 900 B]"
    assert messages.fold("sha256 " + "ab" * 32) == "sha256 " + "ab" * 32


def test_what_acts_unseen_is_made_visible():
    """Terminal codes and changes of direction hide what a text says."""
    assert visible("a\x1b[31mb\u202ec\x00\x7f\td\r\ne") == "a␛[31mb⟨U+202E⟩c␀␡\td\ne"


def test_a_label_holds_no_markdown_and_no_address_that_turns_into_a_link():
    """Headings and chips are Markdown, and Streamlit links bare addresses in them."""
    label = messages.label("![x](http://evil.example/p.png) www.evil.example a@b.example\nsecond")
    assert "\n" not in label
    assert "http:" not in label
    assert "http\u2060" in label
    assert "www\u2060" in label
    assert "@\u2060" in label
    assert "](" not in label
    assert len(messages.label("x" * 500)) == 160


def test_long_instructions_are_folded_and_short_ones_are_not():
    """A system prompt of a page is behind a title that says how long it is; the question stays in sight."""
    from streamlit.testing.v1 import AppTest

    def page() -> None:
        from kansoku_dashboard.screens.messages import draw_messages, read_messages

        long = '[{"role":"system","content":"' + "規" * 301 + '"},{"role":"user","content":"いつ？"}]'
        draw_messages(read_messages(long), key="long")
        draw_messages(read_messages('[{"role":"system","content":"Be short."}]'), key="short")

    app = AppTest.from_function(page).run(timeout=120)
    assert not app.exception
    assert len(app.expander) == 1
    assert "301" in app.expander[0].label
    assert [text.value for text in app.text if text.value in ("いつ？", "Be short.")] == [
        "いつ？",
        "Be short.",
    ]


def png(width=2, height=2):
    """Return a real image as base64."""
    import base64
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(
    "piece",
    [
        {"type": "blob", "mime_type": "image/png", "content": png()},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png()}"}},
        {"type": "image", "mime_type": "image/png", "data": png()},
    ],
)
def test_an_image_that_came_with_its_bytes_is_drawn(piece):
    """What the model saw is part of the conversation."""
    part = messages.read_messages(json.dumps([{"role": "user", "parts": [piece]}]))[0].parts[0]
    assert part.kind == "image"
    picture = pictures.read_picture(part.text)
    assert picture is not None
    assert (picture.width, picture.height) == (2, 2)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "A" * 5_000_000,
        "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+",
        "not base64 at all",
        png(9000, 9000),
        "data:image/png;base64",
    ],
)
def test_what_is_no_harmless_image_is_not_drawn(encoded):
    """Programs, rubbish and bombs are named by their size at most."""
    assert pictures.read_picture(encoded) is None


def test_an_address_of_an_image_is_shown_and_never_asked():
    """Loading it would tell its host who reads which prompt."""
    piece = {"type": "uri", "uri": "http://evil.example/i.png", "mime_type": "image/png"}
    part = messages.read_messages(json.dumps([{"role": "user", "parts": [piece]}]))[0].parts[0]
    assert (part.kind, part.text) == ("media", "http://evil.example/i.png")


def test_a_file_whose_bytes_were_left_out_has_its_size():
    """The collector keeps type, size and hash of what it does not store."""
    piece = {"type": "blob", "mime_type": "image/png", "size": 41_000, "sha256": "0" * 64}
    part = messages.read_messages(json.dumps([{"role": "user", "parts": [piece]}]))[0].parts[0]
    assert (part.kind, part.title) == ("media", "image/png · 41 KB")
