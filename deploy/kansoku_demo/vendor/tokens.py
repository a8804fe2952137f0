"""How this vendor counts tokens: four ASCII characters are one token, any other character is one."""


def count(text: str) -> int:
    """Return the number of tokens of a text.

    count("ごみ")      # 2
    count("garbage")   # 2
    """
    ascii_characters = len(text.encode("ascii", "ignore"))
    return (ascii_characters + 3) // 4 + len(text) - ascii_characters


def cut(text: str, tokens: int) -> str:
    """Return the longest beginning of `text` that has at most `tokens` tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]
