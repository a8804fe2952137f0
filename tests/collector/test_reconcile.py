"""An invoice beside the ledger: vendors' own exports are read, a difference gets its likely reason."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from kansoku_collector.errors import KansokuError
from kansoku_collector.ledger.invoice import read_invoice
from kansoku_collector.ledger.reconcile import reconcile
from kansoku_collector.model import Span
from kansoku_collector.store.read.ledger import ModelDay, by_model_and_day, projects
from kansoku_collector.store.write import Writer

DAY, NEXT = date(2026, 11, 2), date(2026, 11, 3)


def write(tmp_path, text):
    """Write an invoice."""
    path = tmp_path / "invoice.csv"
    path.write_text(text, "utf-8-sig")
    return path


def test_openais_export_is_read(tmp_path):
    """Line items of one model and day are added up; what is no model keeps its name."""
    invoice = read_invoice(write(tmp_path, (
        "start_time,end_time,start_time_iso,amount_value,amount_currency,line_item,project_id\n"
        '1793577600,1793664000,2026-11-02T00:00:00+00:00,0.10,usd,"gpt-4o-mini-2024-07-18, input",p\n'
        '1793577600,1793664000,2026-11-02T00:00:00+00:00,1.2E-9,usd,"gpt-4o-mini-2024-07-18, output",p\n'
        '1793664000,1793750400,2026-11-03T00:00:00+00:00,1.5,usd,web search tool calls,p\n'
    )))  # fmt: skip
    assert invoice.vendor == "openai"
    assert invoice.costs == {
        (DAY, "gpt-4o-mini-2024-07-18"): Decimal("0.1000000012"),
        (NEXT, "web search tool calls"): Decimal("1.5"),
    }
    assert (invoice.total, invoice.days) == (Decimal("1.6000000012"), [DAY, NEXT])


def test_anthropics_export_is_read(tmp_path):
    """The console writes names of models for people; they become the ones that the API takes."""
    invoice = read_invoice(write(tmp_path, (
        "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,"
        "cost_type,inference_geo,speed\n"
        "2026-11-02,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05,token,,\n"
        "2026-11-02,Claude Haiku 4.5,Default,key,message,≤ 200k,output,0.20,0.20,token,,\n"
    )))  # fmt: skip
    assert (invoice.vendor, invoice.costs) == ("anthropic", {(DAY, "claude-haiku-4-5"): Decimal("0.25")})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("day,what,money\n", ":1: no export of OpenAI's"),
        ("date,model,cost_usd\n", "there is no row"),
        ("date,model,cost_usd\n2026-11-02,m,0.1\nsoon,m,0.1\n", ":3: 'soon' is not a date"),
        ("date,model,cost_usd\n2026-11-02,m,much\n", ":2: 'much' is not a number"),
        ("date,model,cost_usd,currency\n2026-11-02,m,1,EUR\n", ":2: the currency is 'EUR'"),
        ("day,what,money\n", "It has: day, what, money"),
        ('date,model,cost_usd\n2026-11-02,m,"1,50"\n', "write the decimals behind a point"),
        ('date,model,cost_usd\n2026-11-02,m,"1.234,56"\n', "write the decimals behind a point"),
        ("date;model;cost_usd\n2026-11-02;m;1,50\n", ":2: '1,50' is not a number"),
        ("date,model,cost_usd\n2026-11-02,m,1\nTotal,,1\n", ":3: 'Total' is not a date"),
        ("date,model,cost_usd\n2026-11-02,m,1\n,,1\n", "take lines of totals out"),
        ("date,model,cost_usd\n11/02/2026,m,1\n", "write the year first"),
        ("date,model,cost_usd\n2026-11-02,m\n", ":2: 'cost_usd' is missing"),
    ],
)
def test_a_bad_invoice_is_named_with_its_line(tmp_path, text, reason):
    """Nothing is skipped in silence: an unreadable row is an error with its line."""
    with pytest.raises(KansokuError) as caught:
        read_invoice(write(tmp_path, text))
    assert reason in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_invoice_is_read_as_spreadsheets_save_it(tmp_path, encoding, separator):
    """Any encoding and separator of a spreadsheet's, thousands, credits in brackets or with a minus."""
    lines = [
        ("Date", "Model", "cost_usd", "メモ"),
        ("2026-11-02", "m", '"1,234.56"', "請求"),
        ("2026/11/2", "m", "(0.50)", ""),
        ("20261102", "m", "-$0.06", ""),
        ("1793577600", "m", "", ""),
    ]
    path = tmp_path / "invoice.csv"
    path.write_bytes("\r\n".join(map(separator.join, lines)).encode(encoding))
    assert read_invoice(path).costs == {(DAY, "m"): Decimal("1234.00")}


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """A workbook in place of its CSV is told what to be saved as."""
    path = tmp_path / "invoice.csv"
    path.write_bytes(b"PK\x03\x04\x00\x00binary\xff\xfe")
    with pytest.raises(KansokuError, match="save it as"):
        read_invoice(path)


def test_the_columns_of_any_export_can_be_named(tmp_path):
    """The bills of clouds have columns of their own; their currency counts, and a wrong name is told."""
    path = write(tmp_path, (
        "lineItem/UsageStartDate,lineItem/UsageType,lineItem/UnblendedCost,lineItem/CurrencyCode\n"
        "2026-11-02T23:00:00Z,input-tokens,0.0123,USD\n"
    ))  # fmt: skip
    named = {
        "date": "lineItem/UsageStartDate",
        "model": "lineItem/UsageType",
        "cost_usd": "lineItem/UnblendedCost",
    }
    assert read_invoice(path, named).costs == {(DAY, "input-tokens"): Decimal("0.0123")}
    with pytest.raises(KansokuError, match="no column 'usagetype' for the model"):
        read_invoice(path, named | {"model": "UsageType"})
    path.write_text(path.read_text("utf-8").replace("USD", "EUR"), "utf-8")
    with pytest.raises(KansokuError, match="EUR"):
        read_invoice(path, named)


def test_what_anthropic_bills_beside_tokens_keeps_its_name(tmp_path):
    """A line without a model is called by what it is for."""
    invoice = read_invoice(write(tmp_path, (
        "usage_date_utc,model,token_type,cost_usd,cost_type\n2026-11-02,,,0.05,web_search\n"
    )))  # fmt: skip
    assert invoice.costs == {(DAY, "web_search"): Decimal("0.05")}


def row(
    cost, *, day=DAY, provider="openai", model="gpt-4o-mini", calls=10, unpriced=0, unmetered=0, sampled=0
):
    """Return a row of the ledger."""
    return ModelDay(day, provider, model, Decimal(cost), calls, unpriced, unmetered, sampled)


def compare(tmp_path, ledger, *billed, provider="openai"):
    """Return the lines of an invoice with (day, model, dollars) beside the ledger."""
    text = "".join(f"{day},{model},{dollars}\n" for day, model, dollars in billed)
    return reconcile(read_invoice(write(tmp_path, "date,model,cost_usd\n" + text)), ledger, provider)


def test_names_with_and_without_a_date_are_one_model(tmp_path):
    """What the vendor bills by the dated name is compared with calls by either name, to a cent."""
    ledger = [row("0.6"), row("0.401", model="gpt-4o-mini-2024-07-18"), row("9", provider="azure")]
    (line,) = compare(tmp_path, ledger, (DAY, "gpt-4o-mini-2024-07-18", "1.00"))
    assert (line.model, line.ours, line.theirs, line.calls) == ("gpt-4o-mini", Decimal("1.001"), 1, 20)
    assert line.agrees
    assert line.reasons == []


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (row("1", unpriced=4), "2", "4 of 10 calls have no price"),
        (row("1", unmetered=3), "2", "3 of 10 calls carry no usage"),
        (row("1"), "2", "not traced"),
        (row("2"), "1", "batch or flex"),
        (row("2"), "1.7", "discount"),
        (row("2", sampled=9), "1.7", "9 of 10 calls are sampled"),
        (row("2"), "0", "not on the invoice"),
    ],
)
def test_a_difference_has_its_likely_reason(tmp_path, ours, theirs, reason):
    """What the ledger knows of its own gaps comes first."""
    (line,) = compare(tmp_path, [ours], (DAY, "gpt-4o-mini", theirs))
    assert not line.agrees
    assert any(reason in said for said in line.reasons), line.reasons


def test_what_is_billed_and_never_called_is_said(tmp_path):
    """A model without any call here belongs to another application, or is not instrumented."""
    (line,) = compare(tmp_path, [], (DAY, "gpt-5", "3"))
    assert (line.difference, line.calls) == (3, 0)
    assert "no call of it is traced" in line.reasons[0]


def test_days_that_are_cut_elsewhere_are_recognised(tmp_path):
    """Two days that differ against each other and agree together differ by their hour of midnight."""
    ledger = [row("1"), row("2", day=NEXT)]
    lines = compare(tmp_path, ledger, (DAY, "gpt-4o-mini", "1.5"), (NEXT, "gpt-4o-mini", "1.5"))
    assert all("days together agree" in line.reasons[0] for line in lines)
    assert sum(line.difference for line in lines) == 0


def test_the_ledgers_days_are_utc_and_exact(store):
    """Calls a second before and after midnight are of two days; the days add up to the total."""
    midnight = int(datetime.fromisoformat("2026-11-03T00:00:00+00:00").timestamp()) * 10**9
    spans = [
        Span(project="p", trace_id=f"{n:032x}", span_id=f"{n:016x}", start=midnight + offset,
             operation="chat", provider="openai", response_model="m", billed=True,
             cost_usd=Decimal("0.000000000001") * n,
             cost_source="unpriced" if n == 2 else "computed")
        for n, offset in ((1, -(10**9)), (2, 0), (3, 10**9))
    ]  # fmt: skip
    Writer(store).spans(spans, "a")
    found = by_model_and_day(store, "p", DAY, NEXT)
    assert [(line.day, line.cost, line.calls, line.unpriced) for line in found] == [
        (DAY, Decimal("0.000000000001"), 1, 0),
        (NEXT, Decimal("0.000000000005"), 2, 1),
    ]


def test_a_project_whose_spans_are_gone_is_still_compared(store):
    """Rollups outlive spans: the invoice of a quarter ago is compared with what was counted then."""
    start = int(datetime.fromisoformat("2026-11-02T10:00:00+00:00").timestamp()) * 10**9
    span = Span(project="old", trace_id="1" * 32, span_id="1" * 16, start=start, operation="chat",
                provider="openai", response_model="m", billed=True, cost_usd=Decimal(1),
                cost_source="computed")  # fmt: skip
    Writer(store).spans([span], "b")
    store.command("TRUNCATE TABLE spans")
    assert "old" in projects(store)
    assert [row.cost for row in by_model_and_day(store, "old", DAY, DAY)] == [Decimal(1)]
