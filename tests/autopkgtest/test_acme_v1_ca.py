from __future__ import annotations

import datetime
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm

from tests.autopkgtest.conftest import Ca
from tests.autopkgtest.support import (
    LIBRARY,
    NAME,
    Answer,
    Client,
    b64,
    library,
    new_key,
    one_challenge,
    place,
    signing_request,
    valid_days,
)

Policy: Any = library("acme_authority").Policy
store: Any = library("acme_store")


def registered(ca: Ca) -> Client:
    client = ca.client()
    assert client.register().status == 202
    return client


def authorized(ca: Ca, *names: str) -> Client:
    client = registered(ca)
    for name in names or (NAME,):
        assert client.authorize(ca.webroot, name).json["status"] == "valid"
    return client


# What is refused. Each fault is one step away from a request that is granted.
GOOD = {"resource": "new-authz", "identifier": {"type": "dns", "value": NAME}}


def wrong_signature(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    envelope["signature"] = client.signed({"resource": "other"})["signature"]
    return client.send("/acme/new-authz", envelope)


def used_nonce(client: Client) -> Answer:
    nonce = client.nonce()
    client.post("/acme/new-authz", GOOD, nonce)
    return client.post("/acme/new-authz", GOOD, nonce)


def foreign_nonce(client: Client) -> Answer:
    return client.post("/acme/new-authz", GOOD, b64(b"n" * 32))


def nonce_not_signed(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    protected = b64(b"{}")
    raw = f"{protected}.{envelope['payload']}".encode()
    envelope["signature"] = b64(client.key.sign(raw, padding.PKCS1v15(), SHA256()))
    envelope["protected"] = protected
    envelope["header"]["nonce"] = client.nonce()
    return client.send("/acme/new-authz", envelope)


def other_algorithm(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    envelope["header"]["alg"] = "none"
    return client.send("/acme/new-authz", envelope)


def key_twice(client: Client) -> Answer:
    envelope = client.signed(GOOD)
    envelope["header"]["nonce"] = client.nonce()
    return client.send("/acme/new-authz", envelope)


def no_signature_at_all(client: Client) -> Answer:
    return client.ask("POST", "/acme/new-authz", b'{"resource": "new-authz"}')


def other_resource(client: Client) -> Answer:
    identifier = {"type": "dns", "value": NAME}
    return client.post("/acme/new-authz", {"resource": "new-cert", "identifier": identifier})


def no_host_name(client: Client) -> Answer:
    return client.new_authorization("www_example")


def unknown_account(client: Client) -> Answer:
    return Client(client.port).new_authorization()


def terms_not_agreed(client: Client) -> Answer:
    other = Client(client.port)
    other.post("/acme/new-reg", {"resource": "new-reg"})
    return other.new_authorization()


def other_terms(client: Client) -> Answer:
    return client.post("/acme/reg/1", {"resource": "reg", "agreement": "http://127.0.0.1/other"})


def foreign_registration(client: Client) -> Answer:
    other = Client(client.port)
    other.register()
    return other.post("/acme/reg/1", {"resource": "reg", "contact": []})


def foreign_authorization(client: Client) -> Answer:
    challenge = one_challenge(client.new_authorization(), "http-01")
    other = Client(client.port)
    other.register()
    return other.answer(challenge)


def foreign_key_authorization(client: Client) -> Answer:
    challenge = one_challenge(client.new_authorization(), "http-01")
    payload = {"resource": "challenge", "keyAuthorization": f"{challenge['token']}.other"}
    return client.post(client.path_of(challenge["uri"]), payload)


def answered_twice(client: Client) -> Answer:
    challenge = one_challenge(client.new_authorization(), "http-01")
    client.answer(challenge)
    return client.answer(challenge)


def registered_twice(client: Client) -> Answer:
    return client.post("/acme/new-reg", {"resource": "new-reg"})


def name_not_authorized(client: Client) -> Answer:
    return client.certificate(NAME)


def request_signed_by_another_key(client: Client) -> Answer:
    der = bytearray(signing_request(NAME))
    der[-1] ^= 1
    return client.post("/acme/new-cert", {"resource": "new-cert", "csr": b64(bytes(der))})


def request_for_the_account_key(client: Client) -> Answer:
    return client.certificate(NAME, key=client.key)


def request_for_a_small_key(client: Client) -> Answer:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return client.certificate(NAME, key=small)


def no_request(client: Client) -> Answer:
    return client.post("/acme/new-cert", {"resource": "new-cert", "csr": b64(b"no request")})


def unknown_path(client: Client) -> Answer:
    return client.ask("GET", "/acme/other")


def unknown_certificate(client: Client) -> Answer:
    return client.ask("GET", "/acme/cert/ff00")


def wrong_method(client: Client) -> Answer:
    return client.ask("GET", "/acme/new-cert")


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (wrong_signature, (400, "malformed")),
        (used_nonce, (400, "badNonce")),
        (foreign_nonce, (400, "badNonce")),
        (nonce_not_signed, (400, "badNonce")),
        (other_algorithm, (400, "malformed")),
        (key_twice, (400, "malformed")),
        (no_signature_at_all, (400, "malformed")),
        (other_resource, (400, "malformed")),
        (no_host_name, (400, "malformed")),
        (unknown_account, (403, "unauthorized")),
        (terms_not_agreed, (403, "unauthorized")),
        (other_terms, (400, "malformed")),
        (foreign_registration, (403, "unauthorized")),
        (foreign_authorization, (403, "unauthorized")),
        (foreign_key_authorization, (403, "unauthorized")),
        (answered_twice, (400, "malformed")),
        (registered_twice, (409, "malformed")),
        (name_not_authorized, (403, "unauthorized")),
        (request_signed_by_another_key, (400, "malformed")),
        (request_for_the_account_key, (400, "malformed")),
        (request_for_a_small_key, (400, "malformed")),
        (no_request, (400, "malformed")),
        (unknown_path, (404, "malformed")),
        (unknown_certificate, (404, "malformed")),
        (wrong_method, (405, "malformed")),
    ],
)
def test_a_faulty_request_gets_its_problem_document(
    fault: Callable[[Client], Answer], problem: tuple[int, str], ca: Ca
) -> None:
    answer = fault(registered(ca))

    assert answer.problem == problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Replay-Nonce"]


def test_the_request_that_the_faults_are_made_from_is_granted(ca: Ca) -> None:
    assert registered(ca).post("/acme/new-authz", GOOD).status == 201


def any_signature(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("fault", "status"),
    # The second one is then refused for its name, which nobody has authorized.
    [(wrong_signature, 201), (request_signed_by_another_key, 403)],
)
def test_without_the_check_of_signatures_the_fault_is_not_found(
    fault: Callable[[Client], Answer], status: int, ca: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = registered(ca)
    monkeypatch.setattr(library("acme_jws"), "signature_is_valid", any_signature)

    assert fault(client).status == status


def test_without_the_check_of_names_anybody_gets_any_certificate(
    ca: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = registered(ca)
    authority = library("acme_authority").Authority
    monkeypatch.setattr(authority, "_names_of", lambda *_: {NAME})

    assert client.certificate(NAME).status == 201


def test_a_certificate_is_for_the_names_and_key_of_the_request_and_from_the_issuer(ca: Ca) -> None:
    client = authorized(ca, NAME, "mail.example.org")
    key = new_key()

    answer = client.certificate(NAME, "mail.example.org", key=key)

    found = x509.load_der_x509_certificate(answer.body)
    issuer = x509.load_der_x509_certificate(client.ask("GET", "/acme/issuer-cert").body)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME, "mail.example.org"]
    assert found.public_key() == key.public_key()
    found.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(ca.server.store.root.certificate)
    assert isinstance(found.signature_hash_algorithm, HashAlgorithm)
    assert client.ask("GET", client.path_of(answer.headers["Location"])).body == answer.body


def test_a_certificate_asked_for_one_name_too_many_names_it(ca: Ca) -> None:
    refused = authorized(ca, NAME).certificate(NAME, "mail.example.org")

    assert refused.problem == (403, "unauthorized")
    assert refused.json["detail"].endswith(": mail.example.org")


def test_the_authorization_of_one_account_is_no_use_to_another(ca: Ca) -> None:
    authorized(ca, NAME)

    assert registered(ca).certificate(NAME).problem == (403, "unauthorized")


def test_http_01_without_a_server_makes_the_authorization_invalid(
    start_ca: Callable[..., Ca],
) -> None:
    ca = start_ca()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Bound and not listening: nobody answers there.
        ca.server.authority._http_01_port = probe.getsockname()[1]
        found = registered(ca).authorize(ca.webroot).json

    [challenge] = [one for one in found["challenges"] if one["status"] == "invalid"]
    assert (found["status"], challenge["type"]) == ("invalid", "http-01")
    assert challenge["error"]["type"] == "urn:acme:error:connection"


@pytest.mark.parametrize("text", ["", "something else", None])
def test_http_01_with_another_answer_makes_the_authorization_invalid(
    text: str | None, ca: Ca
) -> None:
    client = registered(ca)
    made = client.new_authorization()
    challenge = one_challenge(made, "http-01")
    if text is not None:
        place(ca.webroot, challenge["token"], text)
    client.answer(challenge)

    found = client.settled(made.headers["Location"]).json

    assert found["status"] == "invalid"
    [error] = [one["error"]["type"] for one in found["challenges"] if "error" in one]
    assert error == "urn:acme:error:unauthorized"
    assert client.certificate(NAME).problem == (403, "unauthorized")


def test_a_certificate_is_revoked_once_and_only_by_its_owner(ca: Ca) -> None:
    client = authorized(ca)
    der = client.certificate(NAME).body
    payload = {"resource": "revoke-cert", "certificate": b64(der)}

    assert registered(ca).post("/acme/revoke-cert", payload).problem == (403, "unauthorized")
    assert client.post("/acme/revoke-cert", payload).status == 200
    assert client.post("/acme/revoke-cert", payload).problem == (409, "malformed")


def test_the_key_of_a_certificate_may_revoke_it(ca: Ca) -> None:
    key = new_key()
    der = authorized(ca).certificate(NAME, key=key).body

    payload = {"resource": "revoke-cert", "certificate": b64(der)}
    assert Client(ca.server.port, key).post("/acme/revoke-cert", payload).status == 200


def test_lifetime_and_start_of_certificates_can_be_chosen_and_changed_while_it_runs(
    start_ca: Callable[..., Ca], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    ca = start_ca(directory=str(state), policy=Policy(90, not_before_days_ago=70))
    client = authorized(ca)

    due = x509.load_der_x509_certificate(client.certificate(NAME).body)
    store.write_policy(str(state), Policy())
    fresh = x509.load_der_x509_certificate(client.certificate(NAME).body)

    assert round(valid_days(due), 2) == 20
    assert due.not_valid_after_utc - due.not_valid_before_utc == datetime.timedelta(days=90)
    assert 89 < valid_days(fresh) < 90


def test_a_ca_that_is_started_again_knows_its_accounts_chain_and_certificates(
    start_ca: Callable[..., Ca], tmp_path: Path
) -> None:
    first = start_ca(directory=str(tmp_path / "state"))
    client = authorized(first)
    answer = client.certificate(NAME)
    issuer = client.ask("GET", "/acme/issuer-cert").body

    again = Client(start_ca(directory=str(tmp_path / "state")).server.port, client.key)

    assert again.new_authorization().status == 201
    assert again.ask("GET", "/acme/issuer-cert").body == issuer
    path = client.path_of(answer.headers["Location"])
    assert again.ask("GET", path).body == answer.body
    stranger = Client(start_ca(directory=str(tmp_path / "other")).server.port, client.key)
    assert stranger.new_authorization().problem == (403, "unauthorized")


def test_every_request_is_one_line_in_the_log(start_ca: Callable[..., Ca], tmp_path: Path) -> None:
    ca = start_ca(directory=str(tmp_path / "state"))
    client = authorized(ca)
    client.certificate(NAME)
    client.certificate("mail.example.org")

    lines = (tmp_path / "state" / "log.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]

    assert "stand-in" in events[0]["server"]
    assert [one["status"] for one in events if one.get("path") == "/acme/new-cert"] == [201, 403]
    assert [one["names"] for one in events if one["event"] == "issued"] == [[NAME]]
    assert [one["status"] for one in events if one["event"] == "validation"] == ["valid"]
    assert events == store.read_events(str(tmp_path / "state"))


def test_it_says_that_it_is_a_stand_in(ca: Ca) -> None:
    client = ca.client()

    assert "stand-in" in client.ask("GET", "/directory").headers["Server"]
    assert b"stand-in" in client.ask("GET", "/terms/v1").body


def test_on_the_command_line_it_announces_port_and_nature_and_ends_on_a_signal(
    tmp_path: Path,
) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-B", str(LIBRARY / "acme_v1_ca.py"), "--port", "0"]
    options = ["--port-file", str(port_file), "--state", str(tmp_path / "state")]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(port_file.read_text())
        assert line == (f"Stand-in ACME v1 CA, for tests only: http://127.0.0.1:{port}/directory\n")
        assert Client(port).ask("GET", "/directory").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_on_the_command_line_it_ends_however_many_signals_come_at_once(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, str(LIBRARY / "acme_v1_ca.py"), "--port", "0"]
    options = ["--http-01-port", "0", "--port-file", str(port_file), "--state", str(tmp_path)]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as process:
        while not port_file.exists():
            assert process.poll() is None
            time.sleep(0.01)
        # A handler that takes a lock is met by the next signal while it holds it.
        end = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end:
            process.terminate()
        hung = process.poll() is None
        process.kill()

    assert not hung
    assert process.returncode == 0


def test_on_the_command_line_a_port_in_use_is_one_sentence(ca: Ca) -> None:
    command = [sys.executable, "-B", str(LIBRARY / "acme_v1_ca.py")]
    ended = subprocess.run(
        [*command, "--port", str(ca.server.port)], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert f"port {ca.server.port}" in ended.stderr


def test_on_the_command_line_a_state_directory_that_is_a_file_is_one_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").write_text("no directory")
    command = [sys.executable, "-B", str(LIBRARY / "acme_v1_ca.py"), "--port", "0"]
    ended = subprocess.run(
        [*command, "--state", str(tmp_path / "state")], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert str(tmp_path / "state") in ended.stderr


def test_many_clients_at_once_each_get_their_own_certificate(ca: Ca) -> None:
    started = time.time()
    clients = [registered(ca) for _ in range(6)]

    def one(client: Client) -> bytes:
        client.authorize(ca.webroot)
        return client.certificate(NAME).body

    with ThreadPoolExecutor(6) as pool:
        issued = list(pool.map(one, clients))

    assert len(set(issued)) == 6
    assert all(x509.load_der_x509_certificate(der) for der in issued)
    assert [event["event"] for event in ca.server.store.events].count("issued") == 6
    assert all(event["time"] >= started - 60 for event in ca.server.store.events)
