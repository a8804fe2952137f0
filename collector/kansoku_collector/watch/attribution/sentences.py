"""Say what moved a figure, in English and in Japanese."""

from decimal import Decimal

from kansoku_collector.watch.attribution.model import Attribution, Part

_LABELS = {
    "cost": ("Cost", "コスト"),
    "cost_per_call": ("Cost per call", "1 呼び出しあたりのコスト"),
    "latency": ("Latency", "応答時間"),
    "slow_calls": ("The share of slow calls", "遅い呼び出しの割合"),
    "first_token": ("Time to first token", "最初のトークンまでの時間"),
    "output_tokens": ("Output length", "出力の長さ"),
    "refusal_rate": ("The refusal rate", "拒否の割合"),
    "truncation_rate": ("The share of truncated answers", "途中で切れた回答の割合"),
    "error_rate": ("The error rate", "エラーの割合"),
}
_RATES = ("slow_calls", "refusal_rate", "truncation_rate", "error_rate")
_CAUSES = {
    "volume": (
        "the number of calls went from {before} to {after}",
        "呼び出し数が {before} から {after} に変化",
    ),
    "language": (
        "inputs in {value} went from {before} to {after} of the calls",
        "言語 {value} の入力が呼び出しの {before} から {after} に変化",
    ),
    "length": (
        "inputs of about {value} characters went from {before} to {after} of the calls",
        "約 {value} 文字の入力が呼び出しの {before} から {after} に変化",
    ),
    "topic": (
        "inputs of one topic went from {before} to {after} of the calls",
        "あるトピックの入力が呼び出しの {before} から {after} に変化",
    ),
    "request_model": (
        "the program asks {after} instead of {before}",
        "プログラムが依頼するモデルが {before} から {after} に変化",
    ),
    "prompt": ("prompt {after} replaced {before}", "プロンプトが {before} から {after} に変化"),
    "answered": (
        "{after} answers instead of {before}",
        "応答するモデルが {before} から {after} に変化",
    ),
    "release": ("release {after} replaced {before}", "リリースが {before} から {after} に変化"),
    "cache": (
        "input read from the cache went from {before} to {after}",
        "キャッシュから読まれた入力が {before} から {after} に変化",
    ),
    "price": (
        "the price of {value} (a million tokens in / out) went from {before} to {after}",
        "{value} の価格(入力 / 出力 100 万トークン)が {before} から {after} に変化",
    ),
    "rest": (
        "nothing that is recorded of the calls changed with it",
        "記録されている項目に対応する変化はありません",
    ),
}
_SILENT = (
    ", while prompts, releases and the models asked for stayed as they were: a silent change by the vendor",
    "。プロンプト、リリース、依頼するモデルは変わっていません(提供元による無通知の変更)",
)
_WORDS = {"language": {"ja": "日本語", "en": "英語", "zh": "中国語", "ko": "韓国語", "other": "その他"}}
_ENGLISH = {"ja": "Japanese", "en": "English", "zh": "Chinese", "ko": "Korean", "other": "other languages"}


def sentence(found: Attribution) -> tuple[str, str]:
    """Return what moved, from where to where, and its first cause with its share, in both languages."""
    english, japanese = _label(found.measure)
    top = found.top
    before, now, amount = (_show(found.measure, value) for value in (found.before, found.now, top.amount))
    cause, cause_ja = cause_of(top)
    first, first_ja = _first(top)
    silent, silent_ja = _SILENT if found.silent else ("", "")
    sign = "+" if top.amount >= 0 else ""
    return (
        f"{english} went from {before} to {now}; {sign}{amount} of it: {cause}{silent}{first}.",
        f"{japanese}が {before} から {now} に変化しました。"
        f"うち {sign}{amount}: {cause_ja}{silent_ja}{first_ja}。",
    )


def cause_of(part: Part) -> tuple[str, str]:
    """Return what a part says of its cause, in both languages, without an end."""
    english, japanese = _CAUSES[part.cause]
    if part.cause == "price" and not part.value:
        return "prices changed", "価格が変化"
    value, value_ja = part.value, part.value
    if part.cause == "language":
        value, value_ja = _ENGLISH.get(value, "no language"), _WORDS["language"].get(value, "言語なし")
    if part.cause == "length" and value:
        value = value_ja = f"{2 ** ((float(value) + 0.5) / 2) - 1:,.0f}"
    words = {"before": part.before or "?", "after": part.after or "?"}
    return english.format(value=value, **words), japanese.format(value=value_ja, **words)


def _first(part: Part) -> tuple[str, str]:
    if part.first is None:
        return "", ""
    when = f"{part.first.time:%Y-%m-%d %H:%M} UTC"
    return f" (first: trace {part.first.trace_id}, {when})", f"(最初: トレース {part.first.trace_id}、{when})"


def _label(measure: str) -> tuple[str, str]:
    if measure.startswith("score:"):
        name = measure.removeprefix("score:")
        return f"The score {name}", f"スコア {name}"
    return _LABELS[measure]


def _show(measure: str, value: Decimal) -> str:
    number = float(value)
    if measure.startswith("cost"):
        sign = "-" if number < 0 else ""
        return f"{sign}${abs(number):,.2f}" if abs(number) >= 0.995 else f"{sign}${abs(number):.3g}"
    if measure in _RATES:
        return f"{number:.1%}"
    if measure in ("latency", "first_token"):
        return f"{number:.2f} s"
    return f"{number:.3g}"
