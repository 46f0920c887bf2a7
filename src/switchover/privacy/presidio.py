"""Microsoft's Presidio beside our own patterns, for what has no form of its own: names and places.

An extra: it brings spaCy, and reads with a model of each language that has to be installed beside it. Its interface:
microsoft.github.io/presidio/api/analyzer_python.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Any

from switchover.errors import DetectionFailed

from .detect import Finding, apart

PACKAGE = "presidio_analyzer"
# Presidio's names of what it recognises; whatever has a form of its own is ours already.
ENTITIES = {"PERSON": "name", "LOCATION": "place", "NRP": "name"}
FEWEST_SCORE = 0.5
# spaCy's model of each language (spacy.io/models); of others the one that reads several.
SEVERAL = "xx_ent_wiki_sm"
MODELS = {
    "en": "en_core_web_sm", "de": "de_core_news_sm", "nl": "nl_core_news_sm", "fr": "fr_core_news_sm",
    "es": "es_core_news_sm", "it": "it_core_news_sm", "pl": "pl_core_news_sm", "pt": "pt_core_news_sm",
}  # fmt: skip


def missing(languages: Sequence[str]) -> list[str]:
    """The packages that reading these languages needs and this machine lacks."""
    models = sorted({MODELS.get(language, SEVERAL) for language in languages})
    return [*([] if find_spec(PACKAGE) else [PACKAGE]), *[model for model in models if not _is_installed(model)]]


def _is_installed(package: str) -> bool:
    """Whether spaCy would take a model for installed: as a distribution."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


class Presidio:
    """What Presidio finds in a text, read in each of these languages. Loaded with the first text: it takes seconds."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = tuple(languages)
        self._engine: Any = None
        self._turn = threading.Lock()

    def find(self, text: str) -> list[Finding]:
        """See :class:`~.detect.Detector`. Raises DetectionFailed when the extra or a model is missing."""
        with self._turn:
            if self._engine is None:
                self._engine = self._load()
        found = []
        for language in self._languages:
            for one in self._engine.analyze(
                text=text, language=language, entities=list(ENTITIES), score_threshold=FEWEST_SCORE
            ):
                found.append(Finding(ENTITIES[one.entity_type], one.start, one.end))
        return apart(found)

    def _load(self) -> Any:
        # Looked for first: Presidio would fetch a model that is missing from the network.
        if lacking := missing(self._languages):
            raise DetectionFailed(f"Presidio can't be used without {', '.join(lacking)}")
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        models = [{"lang_code": code, "model_name": MODELS.get(code, SEVERAL)} for code in self._languages]
        provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
        return AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=list(self._languages))
