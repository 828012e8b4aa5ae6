"""Who is where: people followed from frame to frame, told apart when they cross, found again when hidden."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from realtime.camera import Intrinsics
from realtime.stream.appearance import look_distance, prepare_lab
from realtime.stream.associate import assign, similarity
from realtime.stream.cuts import Continuity
from realtime.stream.motion import RootMotion
from realtime.stream.networks import Detector, Estimator
from realtime.stream.person_track import UNNAMED, Carried, Track, box_of
from realtime.stream.search import Search
from realtime.stream.sighting import (
    Sighting,
    covered,
    distinct,
    is_looked_at,
    look_at,
    same_person,
    touches,
)
from realtime.types import FloatArray, Frame, Region, Result

log = logging.getLogger(__name__)

Lap = Callable[[str], None]

_USUAL_UNLIKENESS = 0.25
_LEAST_FIT = 0.08


class Tracker:
    """Follows up to `people` people through a stream.

    A person in view is found from their last joints alone; the detector runs while there is room for more
    (see `Search`). Those in view keep their places; a place stays kept for who is hidden behind one
    of them, for `_SEEK_S`; free places go to who was there before, then to the most prominent.

    Who is hidden behind somebody is carried on for `bridge_s` at most: said to be where they should be by how
    they moved, less and less surely.

    Someone new in the open has an identity at once; someone new over or beside another person, who may be
    that person seen twice, after `_PROBATION_S`. Someone out of view for `_FORGET_S` is given up. After a
    cut, a gap or a jump in time everybody is given up.
    """

    _PROBATION_S = 0.2
    _PROBATION_SIGHTINGS = 3
    _FORGET_S = 3.0
    _SEEK_S = 2.0
    _CROWDED = 0.25
    _LOOK_WEIGHT = 1.0
    _DEAREST = 1.1
    _RETURN_COST = 0.15
    _MIXED = 0.2
    """Likeness to somebody else seen, below which they are too far apart to be mixed up."""
    _SPARE_LOOKS = 4
    """Looks in vain, a frame: a detector that sees people everywhere must not stall it."""

    def __init__(
        self,
        detector: Detector,
        estimator: Estimator,
        people: int = 1,
        search_s: float = 0.1,
        bridge_s: float = 0.5,
    ) -> None:
        self._detector = detector
        self._estimator = estimator
        self._people = people
        self._bridge_s = bridge_s
        self._search = Search(search_s)
        self._continuity = Continuity()
        self._tracks: list[Track] = []
        self._next_id = 0
        self._seen: list[Sighting] = []
        prepare_lab()

    def update(self, frame: Frame, lap: Lap) -> tuple[list[Track | Carried], list[int]]:
        """Advance by one frame; returns the people in view or hidden for a moment, and the ids given up.

        lap: called with "estimate" or "detect" as each piece of work ends.
        """
        gone = self._reset_if_broken(frame)
        was_in_view, self._seen = len(self._in_view()), []
        self._settle(self._follow(frame), self._tracks, frame.media_s)
        lap("estimate")
        if self._search_is_due(frame.media_s, len(self._in_view()) < was_in_view):
            known = [track.region for track in self._in_view()]
            missed = self._missed(frame)
            window = self._search.window(frame, missed and missed[1], known)
            boxes = self._detector.detect(frame, self._estimator.around, window)
            lap("detect")
            found = self._look_into(boxes.regions, boxes.score, frame)
            self._give_birth(self._settle(found, self._lost(), frame.media_s), frame.media_s)
            lap("estimate")
        gone += self._forget(frame.media_s)
        shown: list[Track | Carried] = [track for track in self._in_view() if track.named]
        return shown + self._carried(frame.media_s), gone

    def hint(self, results: Sequence[Result], intrinsics: Intrinsics) -> None:
        """Take note of where people are in space: who is lost is expected further along that way."""
        known = {track.id: track for track in self._tracks if track.named and not track.doubtful}
        for result in results:
            time_s = result.frame.media_s
            for person in result.people:
                track = known.get(person.id)
                if track is not None and time_s <= track.seen_s:  # later they were carried on, not seen
                    track.root = track.root or RootMotion(intrinsics)
                    track.root.see(person.pose.root_m, time_s)

    def _in_view(self) -> list[Track]:
        return [track for track in self._tracks if track.in_view]

    def _lost(self) -> list[Track]:
        return [track for track in self._tracks if not track.in_view]

    def _carried(self, time_s: float) -> list[Carried]:
        """Those hidden for a moment, while there are places: first who was seen last."""
        room = self._people - len(self._in_view())
        hidden = sorted((t for t in self._lost() if t.hidden), key=lambda track: -track.seen_s)
        carried = [track.carried(time_s, self._bridge_s) for track in hidden[: max(room, 0)]]
        return [person for person in carried if person is not None]

    def _reset_if_broken(self, frame: Frame) -> list[int]:
        why = self._continuity.broken(frame)
        if not why:
            return []
        if self._tracks:
            log.info("frame %d: %s: everybody counts as new", frame.index, why)
        gone = [track.id for track in self._tracks if track.named]
        self._tracks = []
        self._search.restart()
        return gone

    def _follow(self, frame: Frame) -> list[Sighting]:
        """Look where those in view should be, and where one of those missed should be."""
        seen = [look_at(self._estimator, frame, t.region, n) for n, t in enumerate(self._tracks) if t.in_view]
        if (missed := self._missed(frame)) is not None:
            number, region = missed
            sighting = look_at(self._estimator, frame, region, number)
            seen += [sighting] if sighting is not None and sighting.is_sure else []
        return self._unmixed([sighting for sighting in seen if sighting is not None], frame.media_s)

    def _unmixed(self, sightings: list[Sighting], time_s: float) -> list[Sighting]:
        """Without those that lie rather on somebody else who is seen than where who is sought should be.

        Beside others the 2D net slides onto them, or gives some joints of each.
        """
        if len(sightings) < 2:
            return sightings
        sought = [self._tracks[s.seeker].foresee(time_s) for s in sightings if s.seeker is not None]
        points_px = np.array([sighting.points_px for sighting in sightings])
        score = np.array([sighting.score for sighting in sightings])
        own = similarity(sought, points_px, score, strayed=False).diagonal()
        on = similarity([sighting.foreseen for sighting in sightings], points_px, score)
        mixed = (on > np.maximum(own, self._MIXED)) & (own[:, None] > own)
        return [sightings[n] for n in np.flatnonzero(~mixed.any(axis=0))]

    def _search_is_due(self, time_s: float, lost_one: bool) -> bool:
        in_view = len(self._in_view())
        room = in_view < self._people
        missed = any(time_s - track.seen_s < self._SEEK_S for track in self._lost())
        return self._search.is_due(time_s, in_view > 0, room, lost_one, missed)

    def _missed(self, frame: Frame) -> tuple[int, Region] | None:
        """One of those missed, by number, and where they should be; in turn, so they cost as one in view.

        Nobody while all places are taken: who is found then could not be shown.
        """
        if len(self._in_view()) >= self._people:
            return None
        since_s = frame.media_s - self._SEEK_S
        lost = [n for n, track in enumerate(self._tracks) if not track.in_view and track.seen_s > since_s]
        if not lost:
            return None
        number = lost[frame.index % len(lost)]
        track = self._tracks[number]
        x, y = track.motion.shift_px(frame.media_s, track.root)
        region = replace(track.region, cx_px=track.region.cx_px + x, cy_px=track.region.cy_px + y)
        return (number, region) if touches(region, frame) else None

    def _look_into(self, regions: Sequence[Region], score: FloatArray, frame: Frame) -> list[Sighting]:
        """Whom the detector found that are not followed already, the most prominent first."""
        known = [track.region for track in self._in_view()]
        wanted = self._people - len(self._in_view()) + len(self._lost())
        found: list[Sighting] = []
        looks = 2 * wanted + self._SPARE_LOOKS
        for n in sorted(range(len(regions)), key=lambda n: -regions[n].size_px * float(score[n])):
            if len(found) >= wanted or not looks:
                break
            if not is_looked_at(regions[n], known):
                looks -= 1
                sighting = look_at(self._estimator, frame, regions[n])
                found += [sighting] if sighting else []
        return found

    def _settle(self, sightings: list[Sighting], tracks: list[Track], time_s: float) -> list[Sighting]:
        """Give sightings to those of `tracks` they are of; the rest is lost. Gives what is nobody's.

        Who has an identity chooses first.
        """
        groups = distinct([s for s in sightings if not any(same_person(s, known) for known in self._seen)])
        owners: list[tuple[Track, Sighting]] = []
        for named in (True, False):
            choosing = [track for track in tracks if track.named == named]
            pairs = self._pairs(choosing, [group[0] for group in groups], time_s)
            owners += [(choosing[row], self._own(choosing[row], groups[column])) for row, column in pairs]
            taken = {column for _, column in pairs}
            groups = [group for column, group in enumerate(groups) if column not in taken]
        self._seen += [sighting for _, sighting in owners]
        missed = self._missed_boxes([track for track, _ in owners], time_s)
        for track, sighting in owners:
            beset = max(self._crowding(sighting), covered(sighting.box_px, missed)) > self._CROWDED
            track.see(sighting, time_s, beset)
            if not track.named and self._is_proven(track, time_s):
                self._name(track)
        self._lose([t for t in tracks if not any(t is owner for owner, _ in owners)], time_s)
        return [group[0] for group in groups]

    def _pairs(self, tracks: list[Track], sightings: list[Sighting], time_s: float) -> list[tuple[int, int]]:
        """Which of the tracks is which of the sightings: by place, and by the colour of their clothes."""
        if not tracks or not sightings:
            return []
        foreseen = [track.foresee(time_s) for track in tracks]
        points_px = np.array([sighting.points_px for sighting in sightings])
        score = np.array([sighting.score for sighting in sightings])
        fit = similarity(foreseen, points_px, score)
        if fit.shape == (1, 1) and 1 - fit[0, 0] + self._LOOK_WEIGHT < self._DEAREST:
            return [(0, 0)]  # whatever they wear
        looks = np.stack([track.look for track in tracks])[:, None]
        unlike = look_distance(looks, np.stack([s.look for s in sightings])[None])
        cost = 1 - fit + self._LOOK_WEIGHT * np.nan_to_num(unlike, nan=_USUAL_UNLIKENESS)
        away = np.array([not track.in_view for track in tracks])[:, None]
        cost = cost + np.where(away, self._RETURN_COST, 0.0)
        return assign(np.where(fit > _LEAST_FIT, cost, np.nan), self._DEAREST)

    def _own(self, track: Track, group: list[Sighting]) -> Sighting:
        """Of the sightings of one person the one from the person's own region."""
        number = next(n for n, other in enumerate(self._tracks) if other is track)
        return next((s for s in group if s.seeker == number), group[0])

    def _missed_boxes(self, seen: list[Track], time_s: float) -> list[FloatArray]:
        """Where those with an identity should be who are not seen."""
        missed = [t for t in self._tracks if t.named and not any(t is other for other in seen)]
        return [box_of(t.foresee(time_s)) for t in missed if time_s - t.seen_s < self._SEEK_S]

    def _crowding(self, sighting: Sighting) -> float:
        return covered(sighting.box_px, [s.box_px for s in self._seen if s is not sighting])

    def _lose(self, tracks: list[Track], time_s: float) -> None:
        for track in tracks:
            if track.in_view:
                track.hidden = (
                    covered(box_of(track.foresee(time_s)), [s.box_px for s in self._seen]) > self._CROWDED
                )
                track.in_view = False
        self._tracks = [track for track in self._tracks if track.named or track.in_view]

    def _give_birth(self, sightings: list[Sighting], time_s: float) -> None:
        for sighting in filter(lambda s: s.is_sure, sightings):
            kept = sum(t.in_view or (t.hidden and time_s - t.seen_s < self._SEEK_S) for t in self._tracks)
            if kept >= self._people:
                return
            lost = [track.foresee(time_s) for track in self._lost()]
            near = similarity(lost, sighting.points_px[None], sighting.score[None])
            track = Track.of(sighting, time_s)
            self._tracks.append(track)
            if self._crowding(sighting) <= self._CROWDED and near.max(initial=0.0) <= _LEAST_FIT:
                self._name(track)
            self._seen.append(sighting)

    def _is_proven(self, track: Track, time_s: float) -> bool:
        lasted_s = time_s - track.since_s
        return track.sightings >= self._PROBATION_SIGHTINGS and lasted_s >= self._PROBATION_S - 1e-3

    def _name(self, track: Track) -> None:
        track.id = self._next_id
        self._next_id += 1

    def _forget(self, time_s: float) -> list[int]:
        gone = [t.id for t in self._lost() if time_s - t.seen_s > self._FORGET_S]
        self._tracks = [t for t in self._tracks if t.id not in gone or t.id == UNNAMED]
        return gone
