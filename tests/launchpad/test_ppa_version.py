from __future__ import annotations

import pytest

from backport.errors import InputError
from backport.launchpad.upload.ppa import number_of, parse_name


@pytest.mark.parametrize(
    "version", ["1.0-1", "1.0-1~ppa", "1.0-1~ppa0", "1.0-1~ppa01", "1.0-2~ppa1", "1.0-1~ppa1~x"]
)
def test_other_versions_have_no_number(version: str) -> None:
    assert number_of(version, "1.0-1") == 0


@pytest.mark.parametrize("text", ["me/it", "ppa:me/it", "~me/ubuntu/it"])
def test_a_ppas_name_gives_its_path_and_folder(text: str) -> None:
    name = parse_name(text, where="here")

    assert (str(name), name.incoming) == ("ppa:me/it", "~me/ubuntu/it/")
    assert name.path == "~me/+archive/ubuntu/it"


@pytest.mark.parametrize(
    "text", ["ubuntu", "ubuntu/primary", "me/primary", "me/../ubuntu", "Me/It", "me/it/more", "/it"]
)
def test_what_is_no_ppa_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no PPA"):
        parse_name(text, where="here")
