import pytest

for name in ("scipy", "matplotlib"):
    pytest.importorskip(name, reason=f"{name} is missing: pip install -r study/requirements.txt")
