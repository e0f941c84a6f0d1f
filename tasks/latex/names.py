r"""TeX's tokens, and what LaTeX and amsmath define: synonyms, arguments, the commands there are.

Names and argument forms come from pylatexenc's tables; what they lack is listed here, after the
LaTeX kernel's fontmath.ltx and the manuals of amsmath and amssymb.
"""
# ruff: noqa: SIM905 - names are read more easily without a quote around each

import re
from collections.abc import Iterator
from functools import cache

from pylatexenc.latex2text import get_default_latex_context_db as spoken_commands
from pylatexenc.latexencode import get_builtin_uni2latex_dict
from pylatexenc.latexwalker import get_default_latex_context_db as parsed_commands

_TOKEN = re.compile(
    r"\\(?:begin|end)\s*\{[^{}]*\}|\\operatorname\*|\\[A-Za-z]+|\\.|\\|\S", re.DOTALL
)
# Commands whose argument is running text, in which spaces are seen.
_TEXTS = re.compile(r"\\(?:text|mbox|hbox|textrm|textnormal|textit|textbf|textsf|texttt|textup)\b")

# Space, size and numbering: seen or not, but no part of the formula. Not `\ ` and `~`, the space
# between words.
DROPPED = {
    *(rf"\{mark}" for mark in ",;:!>"),
    *(r"\quad", r"\qquad", r"\thinspace", r"\medspace", r"\thickspace", r"\enspace"),
    *(r"\negthinspace", r"\negmedspace", r"\negthickspace", r"\displaystyle", r"\textstyle"),
    *(r"\limits", r"\nolimits", r"\nonumber", r"\notag"),
}
DROPPED_WITH_ARGUMENTS = {r"\hspace", r"\label"}
SIZED = {r"\left", r"\right", r"\middle", r"\big", r"\Big", r"\bigg", r"\Bigg"} | {
    rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in "lrm"
}
# Two names of one symbol or form, some with another space around it; \dfrac is \frac in a size.
SAME = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\dbinom": r"\binom",
    r"\tbinom": r"\binom",
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\ne": r"\neq",
    r"\lt": "<",
    r"\gt": ">",
    r"\to": r"\rightarrow",
    r"\gets": r"\leftarrow",
    r"\iff": r"\Longleftrightarrow",
    r"\implies": r"\Longrightarrow",
    r"\impliedby": r"\Longleftarrow",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\lnot": r"\neg",
    r"\owns": r"\ni",
    r"\colon": ":",
    r"\ast": "*",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    **dict.fromkeys((r"\vert", r"\lvert", r"\rvert", r"\mid"), "|"),
    **dict.fromkeys((r"\Vert", r"\lVert", r"\rVert"), r"\|"),
    **dict.fromkeys((r"\dots", r"\dotsc", r"\dotso"), r"\ldots"),
    **dict.fromkeys((r"\dotsb", r"\dotsm", r"\dotsi"), r"\cdots"),
    r"\bm": r"\boldsymbol",
    r"\Bbb": r"\mathbb",
    r"\operatorname*": r"\operatorname",
    r"\not =": r"\neq",
    r"\not \in": r"\notin",
    r"\not \ni": r"\notni",
}
# Declarations of old as the commands that take what they reach.
FONTS = {rf"\{old}": rf"\math{old}" for old in ("rm", "bf", "it", "sf", "tt", "cal")}
# Forms that split the group around them in two.
INFIX = {r"\over": r"\frac", r"\choose": r"\binom"}
# What holds to the end of its group: the braces around it mean something.
DECLARED = {*FONTS, r"\color", r"\scriptstyle", r"\scriptscriptstyle", r"\boldmath"}
# Set upright as operators: `\operatorname{sin}` is `\sin`.
OPERATOR_NAMES = {
    rf"\{name}"
    for name in (
        "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim "
        "liminf limsup ln log max min Pr sec sin sinh sup tan tanh injlim projlim"
    ).split()
}
# Before these, dots stand on the axis.
OPERATORS = {
    *"+-=<>*/",
    *(
        rf"\{name}"
        for name in (
            "leq geq neq equiv sim simeq approx cong prec succ subset subseteq supset supseteq "
            "rightarrow leftarrow Rightarrow Leftarrow Longrightarrow Longleftrightarrow "
            "times cdot div pm mp cap cup wedge vee oplus otimes circ bullet setminus "
            "sum prod int iint iiint oint bigcap bigcup bigoplus bigotimes bigvee bigwedge"
        ).split()
    ),
}
# Argument forms that pylatexenc does not know: `{` an argument, `[` an option before it.
_ARGUMENTS = {
    **dict.fromkeys(
        "operatorname boxed pmod mod substack mathring bm Bbb cancel bcancel xcancel phantom "
        "hphantom vphantom smash mathop mathbin mathrel mathord mathopen mathclose mathpunct "
        "pod overleftrightarrow underleftarrow underrightarrow mathclap mathllap mathrlap "
        "mathinner mathnormal pmb underbar vcenter frak llap rlap clap bra ket Bra Ket "
        "braket Braket".split(),
        "{",
    ),
    **dict.fromkeys(
        "xleftarrow xLeftarrow xRightarrow xleftrightarrow xLeftrightarrow xhookleftarrow "
        "xhookrightarrow xmapsto xleftharpoonup xrightharpoonup xrightleftharpoons".split(),
        "[{",
    ),
    **dict.fromkeys("binom dbinom tbinom overset underset stackrel".split(), "{{"),
    "operatorname*": "{",
    "cfrac": "[{{",
    "sideset": "{{{",
    "prescript": "{{{",
    "genfrac": "{{{{{{",
}
# Commands without arguments that none of pylatexenc's tables has.
_MORE = frozenset(
    (
        "implies impliedby iff choose over atop brace brack bmod cr hline hdotsfor matrix pmatrix "
        "cases eqalign middle left right degree triangle Re Im oiint ne gets displaystyle "
        "textstyle scriptstyle scriptscriptstyle limits nolimits rm bf it sf tt cal idotsint land "
        "lor lnot neg bot models ddagger dagger lt gt colon hdots lbrack rbrack lbrace rbrace "
        "imath jmath nonumber notag thinspace medspace thickspace enspace negthinspace "
        "negmedspace negthickspace begin end dotsc dotsb dotsm dotsi dotso owns lvert rvert "
        "lVert rVert vert Vert boldmath notni newcommand renewcommand def let to "
        "DeclareMathOperator operatornamewithlimits newline par smallskip mathchoice iiiint "
        "Bbbk Box Diamond Doteq Finv Game Join P S allowbreak bigodot bigsqcup bigstar biguplus "
        "cdotp ldotp centerdot checkmark circledR clubsuit diamondsuit heartsuit spadesuit "
        "copyright pounds yen dashleftarrow dashrightarrow dag ddag diagdown doublebarwedge "
        "doublecap doublecup eqsim ggg gggtr lll llless gvertneqq lvertneqq ngeqq ngeqslant nleqq "
        "nleqslant ncong npreceq nsucceq nshortmid nshortparallel nsim nsubseteqq nsupseteqq "
        "lgroup rgroup lhd rhd unlhd unrhd maltese mathellipsis mathstrut coloneqq eqqcolon "
        "vcentcolon dblcolon oiiint precnsim restriction shortmid shortparallel smallfrown "
        "smallint smallsmile thickapprox thicksim varDelta varGamma varLambda varOmega varPhi "
        "varPi varPsi varSigma varTheta varUpsilon varXi varinjlim varliminf varlimsup "
        "varprojlim varpropto varsubsetneq varsubsetneqq varsupsetneq varsupsetneqq vDash "
        "llbracket rrbracket mapsfrom nobreak nobreakspace relax space tiny scriptsize "
        "footnotesize small normalsize large Large LARGE huge Huge TeX LaTeX"
    ).split()
) | {name[1:] for name in (*SIZED, *OPERATOR_NAMES, *OPERATORS) if name.startswith("\\")}

_ALIGNED = frozenset(
    "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases dcases rcases aligned "
    "alignedat array tabular align align* alignat alignat* flalign flalign* split eqnarray "
    "eqnarray* subarray CD tabularx tabular* matrix* pmatrix* bmatrix* vmatrix*".split()
)
_PLAIN = frozenset(
    "equation equation* gather gather* gathered multline multline* math displaymath".split()
)


def tokens_of(tex: str) -> list[str]:
    r"""TeX's tokens without white space; a text with its argument is one (`\text{if }`).

    Spaces at the ends of a text stand outside it as `\ `, where they look the same.
    """
    return list(_tokens(tex))


def _tokens(tex: str) -> Iterator[str]:
    place = 0
    while found := _TOKEN.search(tex, place):
        place = found.end()
        inner = _in_braces(tex, place) if _TEXTS.fullmatch(found[0]) else None
        if inner is None:
            yield "\\ " if found[0][:1] == "\\" and found[0][1:].isspace() else found[0]
            continue
        text, place = inner
        words = re.sub(r"\s+", " ", text.replace("~", " "))
        name = found[0] if found[0] not in (r"\mbox", r"\hbox", r"\textrm", r"\textnormal") else ""
        yield from ["\\ "] * words.startswith(" ")
        if words.strip():
            yield f"{name or _PLAIN_TEXT}{{{_trimmed(words)}}}"
            yield from ["\\ "] * _ends_in_space(words)


_PLAIN_TEXT = r"\text"


def _ends_in_space(words: str) -> bool:
    return words.endswith(" ") and not words.endswith("\\ ")


def _trimmed(words: str) -> str:
    words = words.removeprefix(" ")
    return words.removesuffix(" ") if _ends_in_space(words) else words


def _in_braces(tex: str, place: int) -> tuple[str, int] | None:
    """What stands in the braces that open at `place`, and where they end; None if they do not."""
    opening = re.compile(r"\s*\{").match(tex, place)
    if opening is None:
        return None
    depth = 1
    for mark in re.compile(r"\\.|[{}]", re.DOTALL).finditer(tex, opening.end()):
        depth += (mark[0] == "{") - (mark[0] == "}")
        if depth == 0:
            return tex[opening.end() : mark.start()], mark.end()
    return None


@cache
def arguments_of(command: str) -> str:
    r"""The arguments of a command (`\sqrt`: `[{`); empty for one without, and for unknown ones."""
    name = command[1:]
    if name in _ARGUMENTS:
        return _ARGUMENTS[name]
    if name == "not":
        return ""
    spec = parsed_commands().get_macro_spec(name)
    form = getattr(getattr(spec, "args_parser", None), "argspec", None) or ""
    return form.replace("*", "")


@cache
def _known() -> frozenset[str]:
    names = {spec.macroname for spec in parsed_commands().iter_macro_specs()}
    names |= {spec.macroname for spec in spoken_commands().iter_macro_specs()}
    for written in get_builtin_uni2latex_dict().values():
        names |= {name[1:] for name in re.findall(r"\\[A-Za-z]+", written)}
    return frozenset(names | _MORE | _ARGUMENTS.keys())


def is_known(token: str) -> bool:
    """Whether LaTeX or amsmath defines this token; characters and texts are defined."""
    return re.fullmatch(r"\\[A-Za-z]+\*?", token) is None or token[1:] in _known()


@cache
def environments() -> frozenset[str]:
    """The environments there are."""
    known = {spec.environmentname for spec in parsed_commands().iter_environment_specs()}
    return frozenset(known | _ALIGNED | _PLAIN)


def aligns(environment: str) -> bool:
    """Whether an environment has columns, which `&` parts."""
    return environment in _ALIGNED
