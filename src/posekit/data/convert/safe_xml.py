"""Reads XML that somebody else wrote."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from posekit.errors import DatasetError, DatasetNotFoundError


def load_xml(path: Path) -> Element:
    """Return the root of an XML file.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, is no XML, or declares entities, with which a small file can fill the
            memory or read other files.
    """
    from defusedxml import DefusedXmlException
    from defusedxml import ElementTree as SafeTree

    try:
        return _root(SafeTree.parse(path, forbid_dtd=True).getroot())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFoundError(f"{path}: there is no such annotation file") from error
    except ParseError as error:
        line, column = error.position
        raise DatasetError(f"{path}:{line}:{column + 1}: is no valid XML here ({error.msg})") from error
    except DefusedXmlException as error:
        raise DatasetError(
            f"{path}: declares a document type or entities, which CVAT never writes and which can do harm: not read"
        ) from error
    except (OSError, ValueError, LookupError) as error:
        raise DatasetError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def parse_xml(text: str) -> Element | None:
    """Return the root of a piece of XML; None when it is none, or declares entities."""
    from defusedxml import DefusedXmlException
    from defusedxml import ElementTree as SafeTree

    try:
        return _root(SafeTree.fromstring(text, forbid_dtd=True))
    except (ParseError, DefusedXmlException, ValueError):
        return None


def _root(element: Any) -> Element:
    root: Element = element
    return root
