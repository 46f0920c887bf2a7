"""Whether two names mean the same family of model. Pure; told from the names alone, and what is in doubt is the same.

Providers write one model in many ways: with a date (`gpt-4o-2024-08-06`), a prefix (`openai/gpt-oss-120b`,
`us.anthropic.claude-sonnet-4-5-20250929-v1:0`), a quantisation (`qwen3:8b-q4_K_M`), as a path (`/models/phi-4.gguf`),
or under an alias that says nothing (`chat-prod`). A false alarm would take a good proof out of service: two names
differ only where both say what they are, in brand, series, tier, size or version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Names come from providers: what is longer than any model's name is no name, and not worth remembering.
LONGEST = 200
# An upstream may call its model whatever it likes; what does not look like a name is words.
_TOLD = re.compile(r"[\w.:/@+-]{1,100}", re.ASCII)
REMEMBERED = 4096

BRANDS = frozenset([
    "apertus", "arctic", "baichuan", "chatgpt", "claude", "codegemma", "codellama", "codestral", "cogito", "command",
    "dbrx", "deepseek", "devstral", "doubao", "ernie", "exaone", "falcon", "gemini", "gemma", "glm", "gpt", "granite",
    "grok", "hunyuan", "internlm", "jamba", "kimi", "laguna", "lfm", "llama", "longcat", "magistral", "mimo", "minimax",
    "ministral", "mistral", "mixtral", "moonshot", "nemotron", "nova", "o", "olmo", "palmyra", "phi", "pixtral", "qwen",
    "qwq", "reka", "smollm", "solar", "sonar", "stablelm", "starcoder", "step", "tinyllama", "titan", "yi",
])  # fmt: skip
ALSO = {"chatgpt": "gpt", "moonshot": "kimi"}
# Words that a name of the same model never leaves out: one more or less is another model.
TIERS = frozenset([
    "air", "coder", "distill", "embed", "embedding", "fable", "flash", "haiku", "instant", "large", "lite", "luna",
    "maverick", "max", "medium", "micro", "mini", "mythos", "nano", "nemo", "opus", "oss", "plus", "pro", "scout",
    "small", "sol", "sonnet", "super", "terra", "tiny", "ultra", "vl",
])  # fmt: skip
# Tiers that the bare version may mean: `gpt-5.6` is served as one of them.
UNSAID = frozenset(["luna", "sol", "terra"])
# Words that say nothing of which model it is, or that hosts add and leave out at will.
NEUTRAL = frozenset([
    "base", "beta", "chat", "default", "exacto", "exp", "experimental", "extended", "fast", "floor", "free", "ga",
    "gguf", "hf", "high", "instruct", "it", "latest", "low", "mlx", "model", "nitro", "non", "online", "preview",
    "reasoning", "stable", "think", "thinking", "turbo", "v",
])  # fmt: skip

_FILE = re.compile(r"\.(?:gguf|safetensors|bin|onnx|pt)$")
# Bedrock writes where it runs and the maker before the name, with dots, and a revision behind it, with a colon.
_HOME = re.compile(r"^(?:(?:us|us-gov|eu|apac|jp|au|global)\.)?[a-z][a-z0-9]*\.(?=[a-z])")
_REVISION = re.compile(r"-v?\d+:\d+(?::\d+k)?$|-v\d+(?=@)")
_DATE = re.compile(
    r"(?<!\d)(?:20\d\d-\d\d-\d\d|20\d{6}|(?:0[1-9]|1[0-2])-20\d\d|(?:0[1-9]|1[0-2])-(?:[0-2]\d|3[01])|\d{6}|\d{4})"
    r"(?![\da-z])"
)
_QUANTISED = re.compile(
    r"(?<![a-z0-9])(?:ud[-_])?(?:i?q\d(?:[-_](?:\d|k|xs|xxs|s|m|l|xl|nl))*|(?:nv|mx)?fp\d+|bf16|f16|f32|int\d|w\d+a\d+"
    r"|nf4|[48]-?bit|awq|gptq|exl\d|bnb|dynamic|quantized)(?![a-z0-9])"
)
_SIZE = re.compile(r"(?<![\d.])(?:(\d+x)|e)?(\d+(?:\.\d+)?)([bmt])(?![a-z0-9])")
# Of a mixture of experts: how much of it is active, which is left out as often as not; and how many experts there are,
# where the size beside it may be either.
_ACTIVE = re.compile(r"(?<![a-z0-9])a\d+(?:\.\d+)?b(?![a-z0-9])")
_EXPERTS = re.compile(r"(?<![a-z0-9])\d+e(?![a-z0-9])")
_CONTEXT = re.compile(r"(?<![a-z0-9])\d+k(?![a-z0-9])")
_POINT = re.compile(r"(?<=\d)p(?=\d)")
_NAME = re.compile(rf"[\w.:/@+~-]{{1,{LONGEST}}}", re.ASCII)
_TOKEN = re.compile(r"\d+o(?![a-z0-9])|[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class _Read:
    """What a name says. ``series`` are single letters (the r of R1), ``version`` is "" when there is none.

    ``sizes`` is empty where a mixture of experts may be told in two ways. ``floats``: it means the newest version.
    """

    brands: frozenset[str]
    tiers: frozenset[str]
    series: frozenset[str]
    sizes: frozenset[str]
    version: str
    floats: bool
    parts: frozenset[str]

    @property
    def is_bare(self) -> bool:
        """No more than a brand, which may stand for any model of it: `deepseek-chat`."""
        return not (self.tiers or self.series or self.sizes or self.version)


def told(name: str | None) -> str:
    """A model's name in quotes, as it may stand in logs and states; text from outside that is no name is left out."""
    return f"'{name}'" if name is not None and _NAME.fullmatch(name) else "what is no model's name"


def is_other_model(asked: str, answered: str) -> bool:
    """True when both names say what they are, and it is not the same family of model."""
    return asked != answered and _differ(asked[:LONGEST], answered[:LONGEST])


def is_same_model(one: str, other: str) -> bool:
    """True when both names say what they are, and it is the same family of model."""
    if one == other:
        return True
    read, beside = _read(one[:LONGEST]), _read(other[:LONGEST])
    if read.brands and beside.brands:
        return not (read.is_bare or beside.is_bare or is_other_model(one, other))
    return not read.brands and not beside.brands and bool(read.parts) and read.parts == beside.parts


def are_kin(one: str, other: str) -> bool:
    """True when two names are of one family in the wide sense: one brand, whatever its sizes and versions, or one name.

    A distilled model is kin of both.
    """
    return is_same_model(one, other) or bool(_read(one[:LONGEST]).brands & _read(other[:LONGEST]).brands)


@lru_cache(maxsize=REMEMBERED)
def _differ(asked: str, answered: str) -> bool:
    one, other = _read(asked), _read(answered)
    if not one.brands and not other.brands:
        return _differ_in_scheme(one, other)
    if not one.brands or not other.brands:
        return False
    if not one.brands & other.brands:
        return True
    return not (one.is_bare or other.is_bare) and (
        _differ_in_tier(one, other)
        or _are_apart(one.series, other.series)
        or _are_apart(one.sizes, other.sizes)
        or _differ_in_version(one, other)
    )


def _differ_in_scheme(one: _Read, other: _Read) -> bool:
    """Of brands we do not know: names made alike (`big-1`, `big-2`), each with something that the other lacks.

    Two names with nothing in common may be an alias and what is behind it.
    """
    if one.floats or other.floats or not one.parts & other.parts:
        return False
    return bool(one.parts - other.parts) and bool(other.parts - one.parts)


def _differ_in_tier(one: _Read, other: _Read) -> bool:
    differ = one.tiers ^ other.tiers
    if differ <= UNSAID:
        return bool(one.tiers & differ) and bool(other.tiers & differ)
    return True


def _differ_in_version(one: _Read, other: _Read) -> bool:
    if one.floats or other.floats:
        return False
    return bool(one.version and other.version) and one.version != other.version


def _are_apart(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and not one & other


def _read(name: str) -> _Read:
    rest = _bare(name.strip().lower())
    sizes = frozenset(f"{many}{float(number):g}{unit}" for many, number, unit in _SIZE.findall(_ACTIVE.sub(" ", rest)))
    if _EXPERTS.search(rest):
        sizes = frozenset()
    rest = _EXPERTS.sub(" ", _ACTIVE.sub(" ", rest))
    tokens = _TOKEN.findall(_CONTEXT.sub(" ", _SIZE.sub(" ", rest)))
    words = [ALSO.get(token, token) for token in tokens if not token.isdigit()]
    return _Read(
        brands=frozenset(words) & BRANDS,
        # The 4o of GPT-4o is no version that a 4 would be close to.
        tiers=frozenset(word for word in words if word in TIERS or word[0].isdigit()),
        series=frozenset(word for word in words if len(word) == 1) - NEUTRAL - BRANDS,
        sizes=sizes,
        version=_version(tokens),
        floats="latest" in words,
        parts=(frozenset(tokens) - NEUTRAL) | sizes,
    )


def _bare(name: str) -> str:
    """The name without where it runs, who made it, its date, its revision and its form."""
    if name.startswith("ft:"):
        name = name.split(":")[1]
    name = _FILE.sub("", name.replace("\\", "/").rstrip("/").rpartition("/")[2])
    name = _REVISION.sub("", _HOME.sub("", name))
    return _QUANTISED.sub(" ", _DATE.sub(" ", _POINT.sub(".", name)))


def _version(tokens: list[str]) -> str:
    """The numbers that follow the brand, as one; with no more than a tier or a series between them.

    Points are left out, as Azure does (`gpt-35-turbo`), and noughts at the end. A number that begins with one is a
    revision.
    """
    run: list[str] = []
    begun = False
    for token in tokens:
        if token.isdigit():
            if begun and not (token[0] == "0" and len(token) > 1):
                run.append(token)
        elif run:
            break
        elif token in BRANDS:
            begun = True
        elif token not in TIERS and token not in NEUTRAL and len(token) > 1:
            begun = False
    while len(run) > 1 and set(run[-1]) == {"0"}:
        run.pop()
    return "".join(run)


def name_of(model: str | None) -> str | None:
    """A model's name as an upstream gave it, if it can be one."""
    return model if model is not None and _TOLD.fullmatch(model) else None
