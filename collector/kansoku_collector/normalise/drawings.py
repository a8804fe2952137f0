"""What Gemini's models that draw were paid for where nobody tells which tokens were the picture's."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span

_FIXED, _TOKENS = "gemini-2.5-flash-image", 1290  # of each picture of this model
_SMALLEST = 700  # tokens of a picture of any of them; an answer in words alone has fewer


def put_drawn(left: Attributes, span: Span) -> None:
    """Take the answer's tokens for a picture's, which cost ten times what words do, and call it estimated.

    LangChain and several instrumentations pass on the sum alone; the words beside a picture are few.
    """
    if "gemini-" not in span.request_model or "-image" not in span.request_model:
        return
    visible = span.output_visible
    drawn = visible // _TOKENS * _TOKENS if _FIXED in span.request_model else visible
    if drawn < _SMALLEST or s.IMAGE_OUTPUT_TOKENS in left:
        return
    left[s.IMAGE_OUTPUT_TOKENS] = drawn
    if span.usage_source == "reported":
        span.usage_source = "estimated"
