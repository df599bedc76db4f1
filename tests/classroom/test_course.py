import re

import pytest

from fashion_tf.classroom.course import PromisedRecord, load_course
from fashion_tf.datasets import sample_count
from fashion_tf.errors import CourseError

GOOD = """
repository: https://github.com/owner/kit
papers: {first: {title: A paper}}
lessons:
  - notebook: 11_one.ipynb
    title: One
    paper: first
    minutes: {sample: 1, real: 1, paper: 1, rehearsal: 1}
    profiles: {sample: {}, real: {needs: [fashion-mnist]}, paper: {needs: [gpu]}, rehearsal: {}}
    records:
      accuracy: {meaning: how good, baseline: 0.1, floors: {sample: 0.5, real: 0.6, paper: 0.7}}
    tables:
      - {title: T, where: table 1, rows: [{row: a, paper: 0.9, record: accuracy}]}
"""


def load(tmp_path, text):
    path = tmp_path / "course.yml"
    path.write_text(text)
    return load_course(path)


def test_a_good_file(tmp_path):
    course = load(tmp_path, GOOD)
    lesson = course.lesson("11")
    assert course.lesson("11_one") is course.lesson("11_one.ipynb") is lesson
    assert lesson.records["accuracy"].floors["paper"] == 0.7
    assert lesson.tables[0].rows[0].paper == 0.9


@pytest.mark.parametrize(("old", "new", "message"), [
    ("title: One", "titel: One", "11_one.ipynb: the field 'title' is missing"),
    ("title: One", "title: One\n    colour: red", "unknown field.*colour"),
    ("paper: first", "paper: second", "unknown paper 'second'"),
    ("11_one.ipynb", "one.ipynb", "NN_lower_case"),
    ("floors: {sample: 0.5", "floors: {sample: 0.1", "floor of sample is 0.1.*above the baseline"),
    ("floors: {sample: 0.5, real: 0.6, paper: 0.7}", "floors: {}", "a floor for each profile"),
    ("floors: {sample: 0.5, real: 0.6, ", "floors: {sample: 0.5, reel: 0.6, ", "a floor for each profile"),
    ("floors: {", "floors: {rehearsal: 0.5, ", r"a floor for each profile that promises it \(sample, real, paper\)"),
    ("baseline: 0.1, ", "", "needs a baseline"),
    ("record: accuracy", "record: other", "no record 'other'"),
    ("needs: [gpu]", "needs: [tpu]", "unknown need 'tpu'"),
    ("https://github.com/owner/kit", "http://example.org", "GitHub address"),
    ("meaning: how good, ", "meaning: how good, kind: rumour, ", "kind 'rumour'"),
    ("meaning: how good, ", "meaning: how good, kind: baseline, ", "neither a baseline nor floors"),
    ("minutes: {sample: 1,", "minutes: {", "'minutes' must name sample"),
    ("papers: {first", "papers: {first: [", "course.yml, line .*: not valid YAML"),
    ("title: One", "title: &a [*a]", r"line 6, column .*aliases \(\*name\) are not read"),
    ("sample: 1,", "sample: 2026-13-45,", "the minutes of sample are '2026-13-45'"),
    ("sample: 1,", "sample: -1,", "the minutes of sample are -1"),
    ("title: One", "title: !!timestamp 2026-13-45", "line 6, .*month must be in 1..12"),
    ("title: One", "title: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ("title: One", "title: " + "[" * 100 + "]" * 100, r"'title' is \[\[.{,100}; expected str"),
    ("title: One", f"title: [{'a, ' * 10_000}]", "'title' is .{,200}; expected str"),
    ("baseline: 0.1", "baseline: " + "9" * 5000, "line 11, .*not valid YAML: .*digits"),
    ("baseline: 0.1", "baseline: .inf", "'baseline' is inf; expected a number"),
    ("paper: 0.7}", "paper: .nan}", "floor of paper is nan"),
    ("papers: {first", "papers: {1: {title: A}, first", "'papers': the name 1 is no text"),
    ("papers: {first", "papers: {[1]: 3, first", "unhashable"),
    ("{title: A paper}", "A paper", "paper first: expected named fields"),
    ("needs: [gpu]", "needs: [[gpu]]", r"unknown need \['gpu'\]"),
    ("sample: {},", "sample: {parameters: {A: !!set {x}}},", "profile sample: parameter A: a set"),
    ("where: table 1,", "where: table 1, sides: [rate],", r"table 1: 'sides' is \['rate'\]; name what stands at the"),
    ("where: table 1,", "where: table 1, sides: [rate, 3],", "name what stands at the table's left"),
    ("where: table 1,", "where: table 1, sides: rate,", "'sides' is 'rate'; expected list"),
    ("where: table 1,", "where: table 1, sides: [rate, kind],", "row 1: the field 'row' is 'a'; expected list"),
    ("{row: a,", "{row: [a, b],", "row 1: the field 'row' is .*; expected str"),
    ("where: table 1, rows: [{row: a,", "where: table 1, sides: [rate, kind], rows: [{row: [a],",
     r"row 1: 'row' is \['a'\]; expected two texts, its rate and its kind"),
    ("rows: [{", "rows: [{row: a, record: accuracy}, {", "row 2: 'a' stands there a second time"),
    ("rows: [{row: a, paper: 0.9, record: accuracy}]", "rows: []", "a table has at least one row"),
    ("where: table 1,", "where: table 1, baseline: accuracy,", "'baseline' is 'accuracy'; it must be .*baseline"),
    ("paper: 0.9,", "paper: 0.9, metric: percent,", "row 1: unknown metric 'percent'; choose share"),
    ("meaning: how good,", "meaning: how good, metric: [share],", "'metric' is .*; expected str"),
    ("meaning: how good,", "meaning: how good, headline: 1,", "'headline' is 1; it is true or false"),
    ("meaning: how good,", "meaning: how good, headline: true, kind: baseline,", "true for a result alone"),
    ("paper: 0.9,", "paper: 0.9, published: {them: 0.8},", "unknown source 'them'; 'published' has none"),
    ("lessons:", "published: {them: {source: A book, protocol: ours}}\nlessons:", "published: no row names them"),
    ("lessons:", "published: {them: {source: A book}}\nlessons:", "published: them: the field 'protocol' is missing"),
    ("lessons:", "published: {them: {source: '', protocol: ours}}\nlessons:", "the field 'source' is empty"),
    ("lessons:", "published: {them: A book}\nlessons:", "published: them: expected named fields"),
])
def test_a_bad_field_is_named(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(CourseError, match=message) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert "course.yml" in str(caught.value)


def test_a_file_that_is_none_is_said_in_a_sentence(tmp_path):
    (tmp_path / "latin.yml").write_bytes(GOOD.replace("One", "Eén").encode("latin-1"))
    (tmp_path / "device.yml").symlink_to("/dev/zero")
    (tmp_path / "large.yml").write_bytes(b"#" * 3_000_000)
    for name, message in (("absent.yml", "no such file"), ("latin.yml", "not UTF-8 text .*byte 124"),
                          (".", "cannot be read"), ("device.yml", "no plain file"), ("large.yml", "3,000,000 bytes")):
        with pytest.raises(CourseError, match=message):
            load_course(tmp_path / name)


def test_a_row_finds_its_value_in_a_record_that_is_a_dict(tmp_path):
    course = load(tmp_path, GOOD.replace("record: accuracy}", "record: accuracy, entry: L1}"))
    row = course.lesson("11").tables[0].rows[0]
    assert row.value_among({"accuracy": {"L1": 0.3, "L2": 0.4}}) == 0.3
    for values in ({}, {"accuracy": 0.3}, {"accuracy": {"L2": 0.4}}):
        with pytest.raises(KeyError):
            row.value_among(values)
    whole = load(tmp_path, GOOD).lesson("11").tables[0].rows[0]
    assert whole.value_among({"accuracy": 0.3}) == 0.3


def test_a_table_of_two_sides_is_a_grid(tmp_path):
    rows = """{row: ["0.1", L1], paper: 0.6, record: accuracy, entry: a},
      {row: ["0.1", L2], record: accuracy, entry: b},
      {row: ["1", L2], paper: 0.8, record: accuracy, entry: c, metric: amount}"""
    text = GOOD.replace("where: table 1, rows: [{row: a, paper: 0.9, record: accuracy}",
                        f"where: table 1, sides: [rate, regularizer], rows: [{rows}")
    table, = load(tmp_path, text).lesson("11").tables
    left, top, cells = table.grid()
    assert (table.sides, left, top) == (("rate", "regularizer"), ["0.1", "1"], ["L1", "L2"])
    assert cells["1", "L2"].paper == 0.8 and ("1", "L1") not in cells
    assert [row.row for row in table.rows] == ["0.1, L1", "0.1, L2", "1, L2"]
    assert [row.metric for row in table.rows] == ["share", "share", "amount"]  # a result's is share


def test_others_numbers_carry_source_and_protocol(tmp_path):
    text = GOOD.replace("lessons:", "published: {them: {source: A book, protocol: With tags}}\nlessons:").replace(
        "paper: 0.9,", "paper: 0.9, published: {them: 0.8},")
    (source, value), = load(tmp_path, text).lesson("11").tables[0].rows[0].published
    assert (source.source, source.protocol, value) == ("A book", "With tags", 0.8)
    with pytest.raises(CourseError, match="row 1: what them published is '0.8'; expected a number"):
        load(tmp_path, text.replace("{them: 0.8}", "{them: '0.8'}"))


def test_an_unknown_lesson_names_those_there_are(tmp_path):
    with pytest.raises(CourseError, match="no lesson '12'.*11"):
        load(tmp_path, GOOD).lesson("12")


def test_no_lesson_can_be_forgotten(tmp_path):
    course = load(tmp_path, GOOD)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "12_two.ipynb").write_text("{}")
    (tmp_path / "notebooks" / "._12_two.ipynb").write_text("macOS leaves it on a disk of another system")
    with pytest.raises(CourseError, match=r"12_two.ipynb is not in course.yml.*lists 11_one.ipynb"):
        course.check_notebooks()


def test_this_courses_notebooks_are_all_listed(course):
    course.check_notebooks()


def test_a_result_may_be_promised_by_some_profiles_only():
    result = PromisedRecord("a", "b", "result", 0.1, {"real": 0.5})
    assert result.promised_in("real") and not result.promised_in("sample")
    assert not result.promised_in("rehearsal")  # it promises what the paper's profile does
    assert PromisedRecord("a", "b", "result", 0.1, {"paper": 0.5}).promised_in("rehearsal")
    assert PromisedRecord("a", "b", "description", None, {}).promised_in("sample")


# What a rehearsal may set otherwise than the paper's profile: how long and on how much it trains, and what
# a GPU or a download brings.
OF_TIME_AND_DATA = re.compile(
    r"DATA|CACHE|JOBS|MANY|\w*BATCH_SIZE|\w*EPOCHS|\w*SEEDS|\w*TRIALS|RATES|SPLITS|DRAWS|(\w+_)?PHOTOS"
    r"|\w*STEPS|(\w+_)?WEIGHTS|STYLIZER|MIXED_PRECISION|STILLS|CLIPS|FRAMES|COUNTS")


def test_a_rehearsal_has_the_papers_networks_and_sizes(course):
    for lesson in course.lessons:
        rehearsed, paper = (lesson.profiles[name].parameters for name in ("rehearsal", "paper"))
        different = {name for name in {*rehearsed, *paper} if rehearsed.get(name) != paper.get(name)}
        assert not {name for name in different if not OF_TIME_AND_DATA.fullmatch(name)}, lesson.id
        assert not lesson.profiles["rehearsal"].needs, lesson.id
        assert sample_count(rehearsed.get("DATA", "sample")), lesson.id


def test_every_floor_stands_clearly_above_its_baseline(course):
    """At least a tenth of the way from what has learnt nothing to a perfect score."""
    checked = 0
    for lesson in course.lessons:
        for promise in lesson.records.values():
            for profile, floor in promise.floors.items():
                margin = 0.1 * (1 - promise.baseline)
                assert floor >= promise.baseline + margin, (lesson.id, promise.name, profile)
                checked += 1
    assert checked
