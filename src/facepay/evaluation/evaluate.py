"""Packs, numbers of photos and settings, each with each, on one labelled folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from facepay.calibration.calibration import Calibration, load_calibration
from facepay.evaluation.ablation import ablation, ablation_table, bursts
from facepay.evaluation.degradations import degradation_table, degradations
from facepay.evaluation.folders import Photo, Presentation
from facepay.evaluation.folds import run_in_folds
from facepay.evaluation.observing import Observer, Subject
from facepay.evaluation.presentations import PresentationSummary, examine_all, presentation_table
from facepay.evaluation.smiles import LabelledSmile, SmileTrial, score_smiles, smile_table, summarise_smiles
from facepay.evaluation.summary import Summary, stage_times, summarise
from facepay.evaluation.tables import Table, tables_of
from facepay.evaluation.trial import Trial, Variant, product_policies, run
from facepay.settings import Settings
from facepay.vision.engine import load_engine
from facepay.vision.evidence import FrameEvidence

DEGRADED_PEOPLE_MAX = 200

Progress = Callable[[str, int, int], None]  # what is done, how many, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to try on which photos, of which there may be none where there are `smiles`.

    `settings` are by the name that a report calls them.
    """

    photos: Sequence[Photo]
    settings: Mapping[str, Settings]
    presentations: Sequence[Presentation] = ()
    smiles: Sequence[LabelledSmile] = ()
    packs: Sequence[str] = ()
    enrol: Sequence[int] = (1,)
    burst: Sequence[int] = (1,)
    subject: Subject = "nearest"
    folds: int = 0
    ablate: bool = False
    degrade: bool = False
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def variants(self, pack: str) -> Iterator[Variant]:
        """Each with each, named by whatever differs."""
        for name, settings in self.settings.items():
            for enrol in self.enrol:
                for burst in self.burst:
                    parts = (
                        (pack, len(self.packs) > 1),
                        (name, len(self.settings) > 1),
                        (f"{enrol} enrolled", len(self.enrol) > 1),
                        (f"bursts of {burst}", len(self.burst) > 1),
                    )
                    called = ", ".join(part for part, differs in parts if differs) or pack
                    yield Variant(name=called, policies=product_policies(settings), enrol=enrol, burst=burst)


@dataclass(slots=True)
class Findings:
    """Everything that came out: `tables` to show, `summaries` for machines, `trials` for figures and pictures."""

    trials: list[Trial] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    presentations: dict[str, list[PresentationSummary]] = field(default_factory=dict)
    smiles: dict[str, SmileTrial] = field(default_factory=dict)


def evaluate(plan: Plan, *, threads: int = 1, progress: Progress = lambda *_: None) -> Findings:
    """Try all of it. Raises `packs.PackError`, and TooFewPeople where folds are too small to calibrate."""
    findings = Findings()
    further: list[Table] = []
    for pack in plan.packs:
        bench = Bench.of(plan, pack, threads=threads, progress=progress)
        for trial in bench.trials(plan) if plan.photos else ():
            findings.trials.append(trial)
            findings.summaries.append(bench.summary(trial, plan))
        if plan.ablate:
            further += bench.ablation(plan)
        if plan.degrade:
            further.append(bench.degradations(plan))
        if plan.presentations:
            findings.presentations[pack] = bench.presentations(plan)
            further.append(presentation_table(findings.presentations[pack]))
        if plan.smiles:
            findings.smiles[pack] = bench.smiles(plan)
            further.append(smile_table(findings.smiles[pack].summary))
    identification = tables_of(findings.summaries) if findings.summaries else []
    findings.tables = identification + [table for table in further if table.rows]
    return findings


@dataclass(frozen=True, slots=True)
class Bench:
    """One pack, and what it saw of the photos."""

    observer: Observer
    calibration: Calibration
    seen: Mapping[Path, FrameEvidence | None]
    progress: Progress

    @classmethod
    def of(cls, plan: Plan, pack: str, *, threads: int, progress: Progress) -> Bench:
        settings = next(iter(plan.settings.values()))
        engine = load_engine(
            pack,
            liveness_model=settings.liveness_model,
            expression_model=settings.expression_model,
            threads=1,
            provider=settings.execution_provider,
        )
        observer = Observer(engine, subject=plan.subject, workers=threads)
        paths = [photo.path for photo in plan.photos]
        seen = observer.observe(paths, progress=partial(progress, f"{pack}: photos"))
        return cls(observer, load_calibration(observer.pack), dict(zip(paths, seen, strict=True)), progress)

    def evidence_of(self, photo: Photo) -> FrameEvidence | None:
        return self.seen[photo.path]

    def trials(self, plan: Plan) -> Iterator[Trial]:
        variants = list(plan.variants(self.observer.pack))
        for done, variant in enumerate(variants):
            self.progress(f"{self.observer.pack}: searching", done, len(variants))
            yield self.run(variant, plan.photos)
            if plan.folds:
                yield run_in_folds(
                    replace(variant, name=f"{variant.name}, calibrated on others"),
                    plan.photos,
                    self.evidence_of,
                    pack=self.observer.pack,
                    folds=plan.folds,
                )
        self.progress(f"{self.observer.pack}: searching", len(variants), len(variants))

    def run(self, variant: Variant, photos: Sequence[Photo]) -> Trial:
        return run(variant, photos, self.evidence_of, self.calibration)

    def summary(self, trial: Trial, plan: Plan) -> Summary:
        times = stage_times(list(self.seen.values()))
        return summarise(trial, pack=self.observer.pack, groups=plan.groups, timings_ms=times)

    def ablation(self, plan: Plan) -> Iterator[Table]:
        policies = product_policies(next(iter(plan.settings.values())))
        yield self._compared(
            f"What each part is worth, {self.observer.pack}",
            "The same photos searched for in every row, those beyond the first three of each person; each row has "
            "one part more than the one above it, but for those that say instead.",
            ablation(policies),
            plan,
        )
        yield self._compared(
            f"Bursts, {self.observer.pack}",
            "One photo enrolled of each; the same further photos, searched for alone or fused, of those who have "
            "enough to fill the longest burst.",
            bursts(policies),
            plan,
        )

    def _compared(self, title: str, note: str, variants: Iterable[Variant], plan: Plan) -> Table:
        return ablation_table(title, note, [self.run(variant, plan.photos) for variant in variants])

    def degradations(self, plan: Plan) -> Table:
        """On some of the people only, evenly picked: each copy has to be looked at anew."""
        people = list(dict.fromkeys(photo.person for photo in plan.photos))
        picked = set(people[:: -(-len(people) // DEGRADED_PEOPLE_MAX)])
        photos = [photo for photo in plan.photos if photo.person in picked]
        variant = Variant(name="", policies=product_policies(next(iter(plan.settings.values()))))
        trials = {}
        for name, alter in degradations().items():
            paths = [photo.path for photo in photos]
            seen = self.observer.observe(paths, alter=alter, progress=partial(self.progress, name))
            copies = dict(zip(photos, seen, strict=True))
            trials[name] = run(variant, photos, self.evidence_of, self.calibration, copy_of=copies.__getitem__)
        return degradation_table(f"Poor copies, {self.observer.pack}", trials)

    def presentations(self, plan: Plan) -> list[PresentationSummary]:
        paths = [presentation.path for presentation in plan.presentations]
        seen = self.observer.observe(paths, progress=partial(self.progress, "presentations"))
        minimum = next(iter(plan.settings.values())).live_score_min
        return examine_all(plan.presentations, seen, live_score_min=minimum)

    def smiles(self, plan: Plan) -> SmileTrial:
        paths = [labelled.path for labelled in plan.smiles]
        scores = score_smiles(plan.smiles, self.observer.observe(paths, progress=partial(self.progress, "smiles")))
        return SmileTrial(scores, summarise_smiles(scores))
