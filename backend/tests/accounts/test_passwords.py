"""Password hashes are compatible with Better Auth in both directions."""

import pytest

from app.accounts.passwords import hash_password, length, verify_password

# Created by hashPassword of better-auth 1.7.7.
REAL_HASHES = {
    "correct horse battery": (
        "8d56d41acdf6880c82cc95c3371a3002:65834f29721a9617dbc50bd8089dd5a067e927696c2154643cf34d9fbf968a2c"
        "3122a1be3fde5e2fed969b2c5ab69ba84739d6fff7ba3167b09cc3ab26a34d2c"
    ),
    "Ⅷ ﬁne pässwörd 🔑": (
        "347f2756da39346dd9f9eebab5f85eaf:1342ba715395ee9e13af7b420e2321daade61d973dfe868b2a2e07319b895720"
        "633a50b3e9475300025805c477976a9ccbf3685577c6237df7b5f1941d58f4fa"
    ),
    "\ud800 lone surrogate": (
        "98a08446ef0865dcae8db5f3ace2c36c:3ae18c6ca5fcfb2aab77df47c4aae580905d6e05ae7bb6ae67abc85c08d293fc"
        "6aa414a83053985e13d1ae6ec76a8610c6514c8dfaa386492d04d45f673a4df0"
    ),
}


@pytest.mark.parametrize("password", REAL_HASHES)
async def test_a_hash_made_by_better_auth_verifies(password: str) -> None:
    assert await verify_password(password, REAL_HASHES[password])


async def test_unicode_normal_forms_of_a_password_are_equal() -> None:
    assert await verify_password("VIII fine pa\u0308sswo\u0308rd 🔑", REAL_HASHES["Ⅷ ﬁne pässwörd 🔑"])


async def test_a_wrong_password_does_not_verify() -> None:
    assert not await verify_password("correct horse batterY", REAL_HASHES["correct horse battery"])


async def test_a_new_hash_verifies_and_has_a_unique_salt() -> None:
    first, second = await hash_password("password"), await hash_password("password")
    assert first != second
    assert await verify_password("password", first)
    assert [len(part) for part in first.split(":")] == [32, 128]


@pytest.mark.parametrize("hashed", ["", ":", "nonsense", "00:zz", "é:é"])
async def test_a_malformed_hash_does_not_verify(hashed: str) -> None:
    assert not await verify_password("password", hashed)


def test_length_counts_as_javascript_does() -> None:
    assert length("🔑ab") == 4
