"""What was brought, sorted out by names: containers opened, bands chosen, and what belongs to none left out.

No picture is opened here; `inputs` makes one scene's of the files that are chosen, and `assemble` goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from s2dash.errors import PackGiven, UnreadableFile
from s2dash.ingest.align import MANY_SCENES
from s2dash.ingest.checks import driver_of, first_bytes
from s2dash.ingest.composed import Composed, choosable, composed_of, made
from s2dash.ingest.inputs import Findings, Inputs, inputs_of, is_raster
from s2dash.ingest.kinds import ARCHIVE_ENDINGS, RASTER_ENDINGS, WANTED, is_beside, kind_of, most_telling, zarr_in
from s2dash.ingest.member_location import MemberLocation, location_in_zip
from s2dash.ingest.pack_members import is_pack
from s2dash.ingest.pile import GivenFile, Pile, is_archive, pile_of_archive, pile_of_files, pile_of_folder, shown
from s2dash.ingest.places import side_cars
from s2dash.ingest.product.choose import Choice, choose_files
from s2dash.ingest.product.names import file_facts
from s2dash.ingest.zarr.names import Product, other_zarr, products_in
from s2dash.settings import ARCHIVE_LIMITS


def gather(
    given: Sequence[GivenFile],
    scratch: Path,
    title: str,
    tile: str | None,
    progress: Callable[[float], None],
    also: Sequence[str] = (),
    is_glance: bool = False,
) -> Inputs:
    """Sort out what was brought: one archive, one folder, the files of one (their names have folders), or loose files.

    What lies beside pictures (texts, styles, quick-looks) is left out and noted.

    Parameters
    ----------
    scratch : a folder for what is unpacked; exists
    title : the scene's where nothing better is found
    tile : which one to take where there are several
    also : names of pictures to use as bands though they would be left out
    is_glance : whether bands that a zip stores as they are stay in it, to be read where they lie

    Raises UnreadableFile where there are no bands, or an archive or metadata file is refused; UnknownName
    for a tile that is not there.
    """
    given = _with_pixels_of_products(_with_unique_names(given))
    space = _Workspace(scratch, progress, tuple(also), is_glance)
    container = _the_container(given, scratch, progress)
    if container is not None:
        _require_no_pack(container)
        beside = [one.name for one in given if one.name != container.name]
        return _from_collection(container, title, tile, beside, space)
    files = [one for one in given if not one.path.is_dir()]
    beside = [one.name for one in given if one.path.is_dir()]
    product = next((one.name for one in files if one.name.lower().endswith(".dim")), None)
    if product is not None and composed_of([one.name for one in files]):
        return _from_collection(pile_of_files(files, product, is_loose=False), title, tile, beside, space)
    folders = [one.name.replace("\\", "/").split("/")[:-1] for one in files]
    if all(folders):
        return _from_collection(pile_of_files(files, folders[0][0], is_loose=False), title, tile, beside, space)
    return _from_loose(files, title, tile, beside, space)


def _require_no_pack(container: Pile) -> None:
    """Raise PackGiven for a pack; UnreadableFile for one that was unpacked, whose files are of a map."""
    if not is_pack(name.partition("/")[2] for name in container.names):
        return
    if container.unpacked_bytes:
        raise PackGiven(
            f"{shown(container.name)} is a pack of s2dash, a map and not satellite bands. Open it by “Change” on the "
            "page, or unpack it and give the picture that it is of."
        )
    raise UnreadableFile(f"{shown(container.name)} is a pack that was unpacked. Open the zip itself.")


def gather_one(given: GivenFile, title: str) -> Inputs:
    """What `gather` gives for a raster that is brought by itself, wherever it lies; raises as `gather` does."""
    return inputs_of([given], Findings(), title, choose_files([given.name]), is_loose=True)


def _with_unique_names(given: Sequence[GivenFile]) -> list[GivenFile]:
    """The same files with a number before a name that another one has too."""
    names = [one.name for one in given]
    return [
        replace(one, name=f"{number}/{one.name}") if names.count(one.name) > 1 else one
        for number, one in enumerate(given, 1)
    ]


def _with_pixels_of_products(given: Sequence[GivenFile]) -> list[GivenFile]:
    """The same, with the files of a folder `x.data` in place of it where its description, `x.dim`, is there too."""
    descriptions = {one.name[: -len(".dim")].lower() for one in given if one.name.lower().endswith(".dim")}
    found: list[GivenFile] = []
    for one in given:
        is_data = one.name.lower().endswith(".data") and one.name[: -len(".data")].lower() in descriptions
        if is_data and one.path.is_dir():
            files = pile_of_folder(one.path, one.name)
            found += [GivenFile(name, path) for name, path in files.fetch(files.names).items()]
        else:
            found.append(one)
    return found


def _the_container(given: Sequence[GivenFile], scratch: Path, progress: Callable[[float], None]) -> Pile | None:
    """The one archive or folder that holds the scene; None where loose files do.

    Raises UnreadableFile where several things hold pictures, of which nobody said that they are one scene.
    """
    folders = [one for one in given if one.path.is_dir()]
    archives = [one for one in given if one not in folders and not is_beside(one.name) and is_archive(one.path)]
    piles = [
        *(pile_of_archive(one, scratch, progress) for one in archives),
        *(pile_of_folder(one.path, one.name) for one in folders),
    ]
    if len(given) == 1:
        return piles[0] if piles else None
    full = [pile for pile in piles if _holds_pictures(pile.names)]
    parts = {part for one in composed_of([one.name for one in given]) for part in one.parts}
    rest = [one for one in given if one not in folders and one not in archives]
    loose = [one for one in rest if one.name in parts or _is_picture(one)]
    if full and (loose or len(full) > 1):
        name = full[0].name
        if any(one.name == name for one in folders):
            raise UnreadableFile(
                f"{shown(name)} is a folder beside other files. Give one folder, files alone, or {MANY_SCENES}."
            )
        raise UnreadableFile(
            f"{shown(name)} is {'a zip' if name.lower().endswith('.zip') else 'an archive'} beside other files. "
            f"Give one archive, files without it, or {MANY_SCENES}."
        )
    if loose or not piles:
        return None
    return full[0] if full else piles[0]


def _holds_pictures(names: Iterable[str]) -> bool:
    names = list(names)
    is_raster_there = any(name.lower().endswith((*RASTER_ENDINGS, *ARCHIVE_ENDINGS)) for name in names)
    return is_raster_there or zarr_in(names, "") is not None or bool(composed_of(names))


def _is_picture(given: GivenFile) -> bool:
    """Whether a loose file is one that is read, or claims to be by its ending, so that it must not be passed over."""
    if is_beside(given.name):
        return False
    if given.name.lower().endswith(RASTER_ENDINGS):
        return True
    return given.path.stat().st_size > 0 and driver_of(given.path) is not None


def _from_loose(
    given: Sequence[GivenFile], title: str, tile: str | None, beside: Sequence[str], space: _Workspace
) -> Inputs:
    """The pictures among loose files; raises UnreadableFile that says most of what else was brought."""
    composed = composed_of([one.name for one in given])
    parts = {part for one in composed for part in one.parts}
    pictures = [one for one in given if one.name in parts or _is_picture(one)]
    if not pictures:
        told = [(shown(one.name), kind_of(one.name, first_bytes(one.path))) for one in given]
        raise UnreadableFile(most_telling(told) or f"There are no files. {WANTED}")
    names = choosable([one.name for one in given], composed)
    choice = choose_files(names, tile, space.also)
    used = {*(one.name for one in pictures), *choice.beside}
    paths = {one.name: one.path for one in given}
    wanted = [name for name in names if name in used or name not in paths]
    cars = {car for name in wanted for car in side_cars(name, paths)}
    left = [one.name for one in given if one.name not in used and one.name not in cars]
    if len(composed) == 1 and wanted == [composed[0].name]:
        title = composed[0].title
    return inputs_of(*space.made(wanted, composed, paths), title, choice, is_loose=True, left=[*left, *beside])


def _from_collection(pile: Pile, title: str, tile: str | None, beside: Sequence[str], space: _Workspace) -> Inputs:
    """Out of all files of a folder or archive, those that make up one scene."""
    if products := products_in(pile):
        return _from_zarr(products, pile, title, tile, beside, space)
    composed = composed_of(pile.names)
    choice = choose_files(choosable(pile.names, composed), tile, space.also)
    inner = None if choice.bands or choice.other_rasters else _archive_inside(pile, space)
    if inner is not None:
        return _from_collection(inner, title, tile, beside, space)
    wanted = _wanted(choice, pile)
    parts = {one.name: one.parts for one in composed}
    asked = [part for name in wanted for part in (*parts.get(name, (name,)), *side_cars(name, pile.names))]
    lying = space.lying(pile, [facts.name for facts in choice.bands])
    paths = pile.fetch([name for name in dict.fromkeys(asked) if name not in lying])
    used = {*paths, *lying}
    unread = [n for n in pile.names if n not in used and not (is_raster(n) and file_facts(n, choice.said))]
    rest = [] if _is_product(choice) else unread
    made_ready = space.made(wanted, composed, paths, lying)
    return inputs_of(*made_ready, title, choice, is_loose=False, left=[*rest, *beside])


def _from_zarr(
    products: Sequence[Product], pile: Pile, title: str, tile: str | None, beside: Sequence[str], space: _Workspace
) -> Inputs:
    """The one product of a folder or archive, read where it lies; raises UnreadableFile where there are several."""
    if len(products) > 1:
        raise UnreadableFile(
            f"{shown(pile.name)} holds {len(products):,} products, such as {products[0].name}. Give one of them, or "
            f"{MANY_SCENES}."
        )
    # Its decoders are needed where there is one, not by the server.
    from s2dash.ingest.zarr.eopf import inputs_of_product

    return inputs_of_product(products[0], pile, title, tile, space.also, beside)


def _archive_inside(pile: Pile, space: _Workspace) -> Pile | None:
    """The one archive in a folder or archive, as Drive and hubs pack downloads once more; None where there is none.

    One archive inside another is opened, none inside that. Raises UnreadableFile where there are several, or it
    is deeper.
    """
    inner = [name for name in pile.names if name.lower().endswith(ARCHIVE_ENDINGS)]
    if not inner:
        return None
    if pile.is_inner:
        raise UnreadableFile(
            f"{shown(pile.name)} lies in an archive and holds archives itself. Unpack it and give what is in it."
        )
    if len(inner) > 1:
        raise UnreadableFile(
            f"{shown(pile.name)} holds {len(inner):,} archives, such as {shown(inner[0])}. Unpack it and give one of "
            f"them, or {MANY_SCENES}."
        )
    (path,) = pile.fetch(inner).values()
    left = max(0, ARCHIVE_LIMITS.most_total_bytes - pile.unpacked_bytes)
    if path.parent == space.scratch:
        # Errors call an archive by the name it has on the disk.
        path = path.replace(path.with_name(re.sub(r"[^A-Za-z0-9._-]+", "_", shown(inner[0])).lstrip(".") or "inner"))
    if not is_archive(path):
        raise UnreadableFile(kind_of(shown(inner[0]), first_bytes(path)).sentence(shown(inner[0])))
    limits = replace(ARCHIVE_LIMITS, most_total_bytes=left)
    return replace(pile_of_archive(GivenFile(inner[0], path), space.scratch, space.progress, limits), is_inner=True)


@dataclass(frozen=True)
class _Workspace:
    """Where what is unpacked or put together goes, and who is told how far that is."""

    scratch: Path
    progress: Callable[[float], None]
    also: tuple[str, ...] = ()
    """Names of pictures that are asked for."""
    is_glance: bool = False

    def lying(self, pile: Pile, names: Sequence[str]) -> Mapping[str, MemberLocation]:
        """Those of these files that are read where they lie in a zip."""
        if not self.is_glance or pile.in_place is None:
            return {}
        found = {name: location_in_zip(blob, shown(name)) for name, blob in pile.blobs(names).items()}
        return {name: location for name, location in found.items() if location is not None}

    def made(
        self,
        wanted: Sequence[str],
        composed: Sequence[Composed],
        paths: Mapping[str, Path],
        lying: Mapping[str, MemberLocation] = MappingProxyType({}),
    ) -> tuple[list[GivenFile], Findings]:
        """The files of wanted names, those of several files put together; and what was found on the way."""
        by_name = {one.name: one for one in composed}
        files: list[GivenFile] = []
        findings = Findings()
        for number, name in enumerate(wanted):
            if name in by_name:
                found = made(by_name[name], paths, self.scratch / f"made_{number}.tif", self.progress)
                if found.given is None:
                    findings.helpers.append(by_name[name].parts[0])
                else:
                    files.append(found.given)
                findings.notes.extend(found.notes)
                continue
            files.append(GivenFile(name, lying[name] if name in lying else paths[name]))
            findings.side_cars[name] = tuple((shown(car), paths[car]) for car in side_cars(name, paths))
        return files, findings


def _wanted(choice: Choice, pile: Pile) -> list[str]:
    """Names of the files to use out of a collection: its bands with their metadata, or else its other rasters."""
    rasters = [facts.name for facts in choice.bands]
    are_alone = all(facts.is_scl for facts in choice.bands)
    rasters += choice.other_rasters if are_alone else choice.also
    if not rasters:
        raise _without_bands(pile)
    return [*rasters, *choice.beside]


def _without_bands(pile: Pile) -> UnreadableFile:
    """What is in a collection in place of bands, as far as names tell."""
    if refusal := other_zarr(pile):
        return refusal
    told = [(shown(name), kind) for name in pile.names if (kind := kind_of(name)).tells == 2]
    if told:
        return UnreadableFile(f"{shown(pile.name)} holds no bands that are read here: {most_telling(told)}")
    return UnreadableFile(
        f"{shown(pile.name)} holds no Sentinel-2 bands: no JP2 or GeoTIFF with a band in its name, such as B02. "
        "Choose a product as it was downloaded."
    )


def _is_product(choice: Choice) -> bool:
    """Whether the files are of a product as it was downloaded, of which it is known what else belongs to it."""
    return bool(choice.metadata or choice.tile_metadata) or any(
        part.upper().endswith(".SAFE") for facts in choice.bands for part in facts.name.split("/")[:-1]
    )
