"""The XML of strangers: parsed without document types, within limits, and read by local names in any namespace."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from s2dash.errors import UnreadableFile
from s2dash.settings import ARCHIVE_LIMITS

_SEEN_CHARACTERS = 200


def parsed_xml(xml: bytes, name: str, most_bytes: int = ARCHIVE_LIMITS.most_metadata_bytes) -> Element:
    """A stranger's XML; raises UnreadableFile for a DOCTYPE, what is too large, or not well-formed."""
    if len(xml) > most_bytes:
        raise UnreadableFile(
            f"{name} has {len(xml):,} bytes, and {most_bytes:,} are allowed. "
            "Leave it out, or download the product again."
        )
    if xml.count(b"<") > ARCHIVE_LIMITS.most_metadata_tags:
        raise UnreadableFile(f"{name} is far more complex than real metadata. Leave it out.")
    try:
        root: Element = defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableFile(f"{name} holds a DOCTYPE, which real metadata do not. Leave it out.") from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableFile(f"{name} is damaged: it is not well-formed XML. Download the product again.") from error
    return root


def local_name(element: Element) -> str:
    """An element's tag without its namespace."""
    return element.tag.rpartition("}")[2]


def text_of(element: Element) -> str:
    """An element's own text, cut."""
    return (element.text or "").strip()[:_SEEN_CHARACTERS]
