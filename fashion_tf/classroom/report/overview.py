"""The overview: each value of a paper is a mark, the paper's number across, ours up.

SVG written here, so that the same runs give the same bytes wherever they are drawn.
"""

from dataclasses import dataclass
from html import escape

from fashion_tf.classroom.report.content import PROFILE_NAMES
from fashion_tf.classroom.report.text import format_value, is_number, tidy

NEAR = 0.05  # how far from the paper's value still counts as reproduced
# Okabe and Ito's colours, apart for every kind of sight; each with a shape of its own.
LOOKS = (("#0072b2", "circle"), ("#d55e00", "square"), ("#009e73", "triangle"), ("#cc79a7", "diamond"),
         ("#8a6d00", "wedge"), ("#56b4e9", "circle"), ("#555555", "square"))
SIZE, LEFT, TOP, PLOT = (420, 440), 52, 40, 350  # of a panel and of the square in it
ALT = "The papers' values across, the values measured here up"
LABELS = 5  # of the marks that lie farthest from the line
CAPTION = ("Each mark is a value of a paper: across, what the paper says; up, what was measured here. On the line both "
           f"agree; the band is {NEAR:g} to each side. A short stroke is the naive baseline, and an open mark is no "
           "better than it. Seconds and counts stand in the tables alone.")


@dataclass(frozen=True)
class Dot:
    """One mark: a row of a paper's table and what stands beside it in one profile."""

    paper_id: str
    lesson: str
    table: str
    row: str
    paper: float
    here: float
    baseline: float | None

    @property
    def near(self):
        return abs(self.here - self.paper) <= NEAR + 1e-9  # 0.8 - 0.75 is no more than 0.05

    @property
    def learnt_nothing(self):
        return self.baseline is not None and self.here <= self.baseline

    def told(self):
        baseline = f", naive baseline {format_value(self.baseline)}" if self.baseline is not None else ""
        return (f"Lesson {self.lesson}, {tidy(self.table)}, {tidy(self.row)}: paper {format_value(self.paper)}, here "
                f"{format_value(self.here)}{baseline}")


def dots(comparison):
    """Profile to its `Dot`s: the papers' values between 0 and 1 that are shares, where one was measured here.

    Args:
        comparison: A `fashion_tf.classroom.report.comparison.Comparison`.
    """
    found = {profile: [] for profile in comparison.profiles}
    for one in comparison.rows():
        row = one.row
        if row.metric != "share" or row.paper is None or one.lesson.records[row.record].kind == "baseline":
            continue
        for profile, here in one.here.items():
            if is_number(here) and 0 <= here <= 1 and 0 <= row.paper <= 1:
                found[profile].append(Dot(one.lesson.paper, one.lesson.id, one.table.title, row.row, row.paper, here,
                                          one.baseline.get(profile)))
    return {profile: marks for profile, marks in found.items() if marks}


def summary(comparison):
    """The overview in words: a sentence on how to read it, and one for each profile."""
    told = []
    for profile, marks in dots(comparison).items():
        near = sum(dot.near for dot in marks)
        above = sum(dot.here > dot.paper and not dot.near for dot in marks)
        nothing = sum(dot.learnt_nothing for dot in marks)
        told.append(f"On {_name(profile)}, {near} of {len(marks)} values lie within {NEAR:g} of the paper's, {above} "
                    f"above and {len(marks) - near - above} below; {nothing} are no better than the naive baseline.")
    return [CAPTION, *told] if told else []


def _name(profile):
    return PROFILE_NAMES[profile] if profile != "paper" else f"the {PROFILE_NAMES[profile]}"


def panels(comparison):
    """The overview as SVG elements for a page: a panel for each profile, and a legend; none without a mark."""
    found = dots(comparison)
    if not found:
        return []
    looks = _looks(comparison)
    drawn = [_element(SIZE, _panel(profile, marks, looks), f"{PROFILE_NAMES[profile]}. {ALT}")
             for profile, marks in found.items()]
    lines = _legend(comparison, looks, found)
    return [*drawn, _element((SIZE[0], 20 * len(lines) + 16), "".join(lines), "What the marks mean")]


def picture(comparison):
    """The same as one SVG file, panels under one another; None without a mark."""
    found = dots(comparison)
    if not found:
        return None
    looks = _looks(comparison)
    parts = [f'<g transform="translate(0,{SIZE[1] * number})">{_panel(profile, marks, looks)}</g>'
             for number, (profile, marks) in enumerate(found.items())]
    lines, down = _legend(comparison, looks, found), SIZE[1] * len(parts)
    size = (SIZE[0], down + 20 * len(lines) + 16)
    background = f'<rect width="{size[0]}" height="{size[1]}" fill="#fff"/>'
    legend = f'<g transform="translate(0,{down})">{"".join(lines)}</g>'
    return _element(size, background + "".join(parts) + legend, ALT,
                    ' xmlns="http://www.w3.org/2000/svg"') + "\n"


def _looks(comparison):
    return {name: LOOKS[number % len(LOOKS)] for number, name in enumerate(comparison.course.papers)}


def _element(size, content, label, attributes=""):
    width, height = size
    return (f'<svg{attributes} class="overview" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(label)}" font-family="system-ui, Roboto, DejaVu Sans, sans-serif" '
            f'font-size="12" fill="#1f2430">{content}</svg>')


def _x(share):
    return round(LEFT + PLOT * share, 1)


def _y(share):
    return round(TOP + PLOT * (1 - share), 1)


def _panel(profile, marks, looks):
    parts = [f'<text x="{LEFT}" y="24" font-size="16" font-weight="600">{escape(PROFILE_NAMES[profile].capitalize())}'
             "</text>"]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [f'<path d="M{_x(share)} {_y(0)}V{_y(1)}M{_x(0)} {_y(share)}H{_x(1)}" stroke="#d8dce4"/>',
                  f'<text x="{_x(share)}" y="{_y(0) + 17}" text-anchor="middle" fill="#5a6272">{share:g}</text>',
                  f'<text x="{LEFT - 7}" y="{_y(share) + 4}" text-anchor="end" fill="#5a6272">{share:g}</text>']
    near = NEAR
    band = [(0, 0), (0, near), (1 - near, 1), (1, 1), (1, 1 - near), (near, 0)]
    parts += [f'<path d="M{" ".join(f"{_x(x)},{_y(y)}" for x, y in band)}Z" fill="#1f2430" fill-opacity="0.10"/>',
              f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#1f2430"/>',
              f'<text x="{_x(0.5)}" y="{_y(0) + 36}" text-anchor="middle">the paper</text>',
              f'<text x="14" y="{_y(0.5)}" text-anchor="middle" transform="rotate(-90 14 {_y(0.5)})">here</text>',
              f'<text x="{_x(1)}" y="{TOP - 6}" text-anchor="end" fill="#5a6272">above the line: better here</text>']
    for dot in marks:
        if dot.baseline is not None and 0 <= dot.baseline <= 1:
            x, y, colour = _x(dot.paper), _y(dot.baseline), looks[dot.paper_id][0]
            parts.append(f'<path d="M{x} {_y(dot.here)}V{y}" stroke="{colour}" stroke-opacity="0.25"/>'
                         f'<path d="M{x - 4} {y}H{x + 4}" stroke="{colour}" stroke-width="1.5"/>')
    parts += [f"<g>{_mark(_x(dot.paper), _y(dot.here), *looks[dot.paper_id], dot.learnt_nothing)}"
              f"<title>{escape(dot.told())}</title></g>" for dot in marks]
    return "".join(parts + _labels(marks))


def _mark(x, y, colour, shape, is_open):
    if shape == "circle":
        drawn = f'<circle cx="{x}" cy="{y}" r="4.6"'
    else:
        corners = {"square": ((-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)),
                   "triangle": ((0, -5.4), (5, 4), (-5, 4)), "wedge": ((0, 5.4), (5, -4), (-5, -4)),
                   "diamond": ((0, -5.8), (5.8, 0), (0, 5.8), (-5.8, 0))}[shape]
        drawn = f'<path d="M{" ".join(f"{x + right:.1f},{y + down:.1f}" for right, down in corners)}Z"'
    look = (f'fill="#fff" stroke="{colour}" stroke-width="1.8"' if is_open
            else f'fill="{colour}" fill-opacity="0.85" stroke="#fff" stroke-width="0.8"')
    return f"{drawn} {look}/>"


def _labels(marks):
    """Names at the marks that lie farthest from the line, where there is room for them."""
    parts, taken = [], [(_x(dot.paper), _y(value)) for dot in marks for value in (dot.here, dot.baseline)
                        if value is not None]
    far = sorted((dot for dot in marks if not dot.near), key=lambda dot: -abs(dot.here - dot.paper))
    for dot in far:
        if len(parts) == LABELS:
            break
        text = tidy(dot.row, 26)
        x, y, width = _x(dot.paper), _y(dot.here), 6.1 * len(text)
        to_the_left = x + 9 + width > SIZE[0]
        begin = x - 9 - width if to_the_left else x + 9
        if begin < 0 or any(begin - 7 < other < begin + width + 7 and abs(height - y) < 11
                            for other, height in taken if (other, height) != (x, y)):
            continue
        taken += [(begin + part * width / 4, y) for part in range(5)]
        anchor = ' text-anchor="end"' if to_the_left else ""
        parts.append(f'<text x="{x - 9 if to_the_left else x + 9}" y="{y + 4}" font-size="11"{anchor}>{escape(text)}'
                     "</text>")
    return parts


def _legend(comparison, looks, found):
    """A line for each paper that has a mark, and what else is drawn."""
    shown = {dot.paper_id for marks in found.values() for dot in marks}
    entries = [(_mark(12, 0, *looks[name], False), tidy(paper["title"], 58))
               for name, paper in comparison.course.papers.items() if name in shown]
    entries.append((_mark(12, 0, "#1f2430", "circle", True), "no better than the naive baseline"))
    entries.append(('<path d="M8 0H16" stroke="#1f2430" stroke-width="1.5"/>', "naive baseline"))
    return [f'<g transform="translate(0,{20 * number + 12})">{mark}<text x="25" y="4">{escape(text)}</text>'
            "</g>" for number, (mark, text) in enumerate(entries)]
