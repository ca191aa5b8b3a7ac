"""Reading the archive of an image: both formats, layers packed or not, and what a container sees of them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import IO, Any

import pytest

from automation.docker import archive
from automation.docker.archive import Archive, ArchiveError, File, Layer

CONFIG = {
    "history": [
        {"created_by": "COPY one"},
        {"created_by": "ENV A=1", "empty_layer": True},
        {"created_by": "COPY two"},
    ]
}


def pack(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                made.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def link(kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, target
    return member


def saved(*layers: bytes, config: Mapping[str, Any] = CONFIG) -> bytes:
    """Return an archive as `docker image save` writes it without the containerd store."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "Layers": names}]
    return pack(
        {
            **dict(zip(names, layers, strict=True)),
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def oci(*layers: bytes) -> tuple[bytes, str]:
    """Return an archive as buildx writes it, and the digest of its manifest."""
    blobs: dict[str, bytes] = {}

    def add(blob: bytes) -> dict[str, str]:
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        blobs["blobs/" + digest.replace(":", "/")] = blob
        return {"digest": digest}

    described = [add(layer) for layer in layers]
    manifest = add(json.dumps({"config": add(json.dumps(CONFIG).encode()), "layers": described}).encode())
    return pack({**blobs, "index.json": json.dumps({"manifests": [manifest]}).encode()}), manifest["digest"]


def read(data: bytes, **options: Any) -> Archive[str]:
    def look(file: File, content: IO[bytes]) -> str | None:
        return content.read().decode() if file.path.endswith(".txt") else None

    return archive.read(io.BytesIO(data), look, **options)


ONE, TWO = pack({"app/a.txt": b"a" * 10_000, "./app/b": b"b"}), pack({"c.txt": b"c"})


def test_both_formats_give_layers_files_and_contents() -> None:
    packed, digest = oci(gzip.compress(ONE, 9), TWO)
    for image in (read(saved(ONE, TWO)), read(packed)):
        assert [layer.command for layer in image.layers] == ["COPY one", "COPY two"]
        assert [layer.size for layer in image.layers] == [10_001, 1]
        assert image.size == 10_002
        assert sorted(image.files) == ["/app/a.txt", "/app/b", "/c.txt"]
        assert dict(image.layers[0].found) == {"/app/a.txt": "a" * 10_000}
        assert image.history == ("COPY one", "ENV A=1", "COPY two")
    assert read(packed).digest == digest


def test_the_compressed_size_is_the_archives_own_or_what_gzip_makes_of_it() -> None:
    compressed = gzip.compress(ONE, 9)
    counts: list[int] = []
    data = oci(compressed, TWO)[0]
    first, second = read(data, compressed=True, progress=counts.append).layers
    assert first.compressed == len(compressed)
    assert second.compressed == pytest.approx(len(gzip.compress(TWO, 6)), abs=2)
    assert counts[-1] == len(data)
    assert read(saved(TWO)).layers[0].compressed == 0


def test_a_layer_that_is_known_is_not_read_again() -> None:
    known: dict[str, Layer[str]] = {}
    assert read(saved(ONE), known=known).layers[0].files == known["0/layer.tar"].files
    known["0/layer.tar"] = Layer(())
    assert read(saved(ONE), known=known).size == 0


def test_a_container_sees_what_later_layers_leave() -> None:
    program = tarfile.TarInfo()
    program.mode = 0o755
    first = pack(
        {
            "bin/tool": program,
            "bin/same": link(tarfile.LNKTYPE, "bin/tool"),
            "sh": link(tarfile.SYMTYPE, "./bin/../bin/same"),
            "round": link(tarfile.SYMTYPE, "round"),
            "a/b": b"",
            "c/d": b"",
            "e/f": b"",
            "e": link(tarfile.DIRTYPE, ""),
        }
    )
    second = pack({"a/.wh.b": b"", "c/.wh..wh..opq": b"", "c/g": b"", "e": b""})
    image = read(saved(first, second))
    assert sorted(image.files) == ["/bin/same", "/bin/tool", "/c/g", "/e", "/round", "/sh"]
    assert image.is_executable("/sh")
    assert image.resolve("/sh") == image.files["/bin/same"]
    assert image.resolve("/round") is None
    assert not image.is_executable("/c/g")


def test_capabilities_and_owners_are_kept() -> None:
    member = tarfile.TarInfo()
    member.uid, member.gid, member.mode, member.mtime = 1001, 1002, 0o4750, 60
    member.pax_headers = {"SCHILY.xattr.security.capability": "cap"}
    [file] = read(saved(pack({"tool": member}))).layers[0].files
    assert file == File("/tool", "file", 0o4750, 1001, 1002, 0, "", 60, (("security.capability", "cap"),))


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", saved(ONE)[:2000], pack({"a.txt": b"a"}), pack({"manifest.json": b"[]"})],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not the archive of one image"):
        read(data)
    with pytest.raises(ArchiveError, match="zstd"):
        read(saved(b"\x28\xb5\x2f\xfd" + bytes(600)))
