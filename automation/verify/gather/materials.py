"""The bill of materials of an image, from what is in it: packages of the base, of Python and of npm."""

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from automation.verify.facts import Config
from automation.verify.gather.content import Content

_PYTHON = re.compile(r".*/site-packages/([^/]+)-([^/-]+)\.dist-info/METADATA")
_NODE = re.compile(r".*/node_modules/((?:@[^/]+/)?[^/@.][^/]*)/package\.json")
_BUNDLES = re.compile(r"/\.next/|/_next/")
_FIELD = re.compile(r"^(?:Package|Version|P|V): ?(.+)$", re.MULTILINE)

Package = tuple[str, str, str, str]
"""The type, namespace, name and version of a package URL."""


def packages(content: Content, locked: Mapping[str, str]) -> Iterator[Package]:
    """Yield the packages of an image; `locked` has those that the frontend is built from."""
    for path, text in content.texts.items():
        kind, namespace = ("apk", "alpine") if "/apk/" in path else ("deb", "debian")
        for paragraph in text.split("\n\n") if not path.endswith(".md5sums") else ():
            fields = _FIELD.findall(paragraph)
            if len(fields) > 1:
                yield kind, namespace, fields[0], fields[1]
    for path in content.files:
        if found := _PYTHON.fullmatch(path):
            yield "pypi", "", found[1].lower().replace("_", "-"), found[2]
    node = {found[1]: "" for path in content.files if (found := _NODE.fullmatch(path))}
    if any(_BUNDLES.search(path) for path in content.files):  # their scripts are of these packages, too
        node |= locked
    for whole, version in node.items():
        namespace, _, name = whole.rpartition("/")
        yield "npm", namespace, name, version


def document(config: Config, found: Iterator[Package]) -> str:
    """Return the bill of materials as CycloneDX JSON."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    def component(package: Package) -> Component:
        kind, namespace, name, version = package
        url = PackageURL(kind, namespace or None, name, version or None)
        library = ComponentType.LIBRARY
        return Component(name=name, version=version or None, type=library, purl=url, bom_ref=url.to_string())

    version: Any = config.labels.get("org.opencontainers.image.version")
    image = Component(
        name=config.reference, version=version, type=ComponentType.CONTAINER, bom_ref=config.reference
    )
    bill = Bom(components=[component(package) for package in sorted(set(found))])
    bill.metadata.component = image
    bill.register_dependency(image, bill.components)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return JsonV1Dot6(bill).output_as_string(indent=2) + "\n"
