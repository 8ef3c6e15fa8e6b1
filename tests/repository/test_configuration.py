"""reconciler.yaml: what it sets up, what it refuses, and what it leaves to each provider."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model import ForgeKind, ForgeSettings, Mode, PullLimits
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from reconciler.providers.base import Rate
from reconciler.repository.configuration import Configuration
from reconciler.repository.parse import parse_configuration
from reconciler.repository.schemas import installed
from tests.repository.build import CONFIGURATION


def read(text: str) -> tuple[Configuration | None, list[str]]:
    configuration, _, problems = parse_configuration(text.encode(), installed())
    return configuration, [str(p).removeprefix("reconciler.yaml:") for p in problems]


def valid(text: str) -> Configuration:
    configuration, problems = read(text)
    assert configuration is not None, problems
    return configuration


def test_a_new_system_only_reports() -> None:
    """Rule 7."""
    configuration = valid(CONFIGURATION)
    assert {s.system.name: s.mode for s in configuration.systems} == {
        "gcp": Mode.REPORT,
        "azure": Mode.REPORT,
        "bitbucket-dc": Mode.REPORT,
    }


def test_common_keys_are_ours_and_the_rest_the_providers() -> None:
    [gcp] = valid(
        "systems:\n  g: {provider: gcp, mode: enforce, rate: {calls: 7, seconds: 0.5},"
        " concurrency: 3,\n    exclusive: [{project: payments-prod, role: roles/viewer}]}\n"
    ).systems
    assert (gcp.system.name, gcp.mode, gcp.rate) == ("g", Mode.ENFORCE, Rate(7, 0.5, 3))
    [item] = gcp.exclusive
    assert str(item.entitlement) == "g: roles/viewer on projects/payments-prod"
    assert str(item.position) == "reconciler.yaml:3:17"


def test_limits_protected_and_lookback() -> None:
    configuration = valid(
        CONFIGURATION
        + "guards: {percent: 12.5, count: 3}\nprotected: [root@example.com]\nlookback: 10d\n"
    )
    assert configuration.limits.percent == 12.5
    assert (configuration.limits.count, configuration.limits.floor) == (3, 5)
    assert configuration.protected == ("root@example.com",)
    assert configuration.lookback == timedelta(days=10)


def test_the_forge_is_none_where_nothing_is_said() -> None:
    configuration = valid(CONFIGURATION)
    assert configuration.forge == ForgeSettings(ForgeKind.NONE, "", "main", "", False)
    assert configuration.check_limits == PullLimits(100, 50)
    assert valid(CONFIGURATION + "forge: {provider: none}\n").forge == configuration.forge


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("{provider: github, repository: acme/access}", ForgeSettings(ForgeKind.GITHUB, "acme/access")),
        (
            "{provider: github, repository: acme/access, branch: prod/main, signed: true,"
            " url: https://git.example.com/api/v3/}",
            ForgeSettings(ForgeKind.GITHUB, "acme/access", "prod/main", "https://git.example.com/api/v3", True),
        ),
        (
            "{provider: github, repository: acme/access, pushers: required}",
            ForgeSettings(ForgeKind.GITHUB, "acme/access", pushers=True),
        ),
        ("{provider: github, repository: acme/access, pushers: told}", ForgeSettings(ForgeKind.GITHUB, "acme/access")),
        ("{provider: bitbucket, repository: acme/access}", ForgeSettings(ForgeKind.BITBUCKET, "acme/access")),
        (
            "{provider: bitbucket-dc, repository: ~alice/access, url: 'http://127.0.0.1:7990'}",
            ForgeSettings(ForgeKind.BITBUCKET_DC, "~alice/access", url="http://127.0.0.1:7990"),
        ),
    ],
)  # fmt: skip
def test_a_forge_is_where_approvals_are_looked_up(text: str, settings: ForgeSettings) -> None:
    assert valid(f"{CONFIGURATION}forge: {text}\n").forge == settings


def test_a_pull_request_may_be_limited_in_size() -> None:
    assert valid(CONFIGURATION + "check: {max_files: 7}\n").check_limits == PullLimits(7, 50)
    assert valid(CONFIGURATION + "check: {max_grants: 7}\n").check_limits == PullLimits(100, 7)


def test_the_lookback_is_thirty_days_where_nothing_is_said() -> None:
    assert valid(CONFIGURATION).lookback == timedelta(days=30)


MISTAKES = [
    ("systems: {gcp: {provider: gpc}}\n",
     ["1:27: there is no provider `gpc`; did you mean `gcp`?"]),
    ("systems: {gcp: {}}\n",
     ["1:16: `provider` is missing; add `provider: …`"]),
    ("systems: {GCP: {provider: gcp}}\n",
     ["1:11: `GCP` is no name of a system; write it like `aws`"]),
    ("systems: {gcp: {provider: gcp, mode: enforced}}\n",
     ["1:38: `systems.gcp.mode` is `enforced`, which is not known here; did you mean `enforce`?"]),
    ("systems: {gcp: {provider: gcp, projekts: {a: b}}}\n",
     ["1:32: unknown key `projekts`; did you mean `projects`?"]),
    ("systems: {gcp: {provider: gcp, concurrency: many}}\n",
     ["1:45: `systems.gcp.concurrency` is `many`; write a whole number"]),
    ("systems: {gcp: {provider: gcp, concurrency: 0}}\n",
     ["1:45: `systems.gcp.concurrency` is `0`; write at least 1"]),
    ("systems: {gcp: {provider: gcp, rate: {calls: 5}}}\n",
     ["1:38: `seconds` is missing; add `seconds: 1`"]),
    ("systems: {gcp: {provider: gcp, exclusive: [{project: x-y-z, rolle: r}]}}\n",
     ["1:61: unknown key `rolle`; did you mean `role`?"]),
    ("systems: {}\n", ["1:10: `systems` has 0 entries; write at least 1"]),
    ("systems: []\n", ["1:10: `systems` is a list; write a mapping (`key: value` lines)"]),
    ("guards: {}\n", ["1:1: `systems` is missing; add `systems: …`"]),
    (CONFIGURATION + "guards: {percent: 101}\n",
     ["5:19: `guards.percent` is `101`; write at most 100"]),
    (CONFIGURATION + "lookback: 0d\n",
     ["5:11: `lookback` is `0d`: it is no time at all; write `30d`"]),
    (CONFIGURATION + "lookback: 30\n",
     ["5:11: `lookback` is `30`, which is no length of time; write it like `30d`"]),
    ("systems: {g: {provider: bitbucket-dc, url: 'https://b.example.com', mood: report}}\n",
     ["1:69: unknown key `mood`; did you mean `mode`?"]),
    ("systems: {g: {provider: gcp, mode: report, zzz: x}}\n",
     ["1:44: unknown key `zzz`; write one of `endpoint`, `groups_endpoint`, `projects`, `rate`, "
      "`concurrency`, `was` or `exclusive`"]),
    (CONFIGURATION + "forge: {provider: github}\n",
     ["5:8: `repository` is missing; add `repository: example/access`"]),
    (CONFIGURATION + "forge: {provider: bitbucket-dc, repository: ACME/access}\n",
     ["5:8: `url` is missing; add `url: https://git.example.com/api/v3`"]),
    (CONFIGURATION + "forge: {provider: gitlab, repository: acme/access}\n",
     ["5:19: `forge.provider` is `gitlab`, which is not known here; did you mean `github`?"]),
    (CONFIGURATION + "forge: {provider: github, repository: 'https://github.com/acme/access'}\n",
     ["5:39: `forge.repository` is `https://github.com/acme/access`, which is no repository; "
      "write it like `example/access`"]),
    (CONFIGURATION + "forge: {provider: github, repository: acme/access, url: 'http://git.example.com'}\n",
     ["5:57: `forge.url` is `http://git.example.com`, which is no address of a server; "
      "write it like `https://git.example.com/api/v3`"]),
    (CONFIGURATION + "forge: {provider: github, repository: acme/access, url: 'https://me@git.example.com'}\n",
     ["5:57: `forge.url` is `https://me@git.example.com`, which is no address of a server; "
      "write it like `https://git.example.com/api/v3`"]),
    (CONFIGURATION + "forge: {provider: github, repository: acme/access, branch: '-f'}\n",
     ["5:60: `forge.branch` is `-f`, which is no name of a branch; write it like `main`"]),
    (CONFIGURATION + "check: {}\n", ["5:8: `check` has 0 entries; write at least 1"]),
    (CONFIGURATION + "check: {max_grants: 0}\n",
     ["5:21: `check.max_grants` is `0`; write at least 1"]),
    (CONFIGURATION + "  forge: {provider: gcp}\n",
     ["5:3: a system named `forge`: under `accounts` that is where pull requests are made; "
      "give it another name"]),
    (CONFIGURATION + "protect: [x]\n", ["5:1: unknown key `protect`; did you mean `protected`?"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_told_at_its_place(text: str, said: list[str]) -> None:
    configuration, problems = read(text)
    assert (configuration, problems) == (None, said)


def test_a_boolean_is_true_or_false_and_nothing_else() -> None:
    for text in ("no", "False", "off", "0"):
        _, [problem] = read(CONFIGURATION.replace("pim: false", f"pim: {text}"))
        assert problem == f"3:79: `systems.azure.pim` is `{text}`; write `true` or `false`"


def test_text_that_looks_like_a_number_stays_text() -> None:
    """012345670123 would be another account for YAML 1.1, read as an octal number."""
    text = "systems: {aws: {provider: aws, region: eu-west-1, accounts: {pay: 012345670123}}}\n"
    _, problems = read(text)
    assert not any("pay" in p for p in problems), problems


def test_items_of_a_system_with_wrong_settings_are_not_blamed() -> None:
    from reconciler.repository.parse import parse
    from reconciler.repository.paths import Kind
    from tests.repository.build import GRANT

    _, grammar, _ = parse_configuration(
        CONFIGURATION.replace("tenant:", "tennant:").encode(), installed()
    )
    assert grammar.broken == {"azure"}
    assert parse(Kind.GRANT, "grants/a.yaml", GRANT.encode(), grammar).problems == ()


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("{store: folder}", LedgerSettings(LedgerStore.FOLDER, path="ledger")),
        (
            "{store: folder, path: /var/lib/access/ledger, anchor: {file: ../head.json}}",
            LedgerSettings(
                LedgerStore.FOLDER, path="/var/lib/access/ledger", anchor_file="../head.json"
            ),
        ),
        (
            "{store: branch, anchor: {tags: true}}",
            LedgerSettings(LedgerStore.BRANCH, branch="access-ledger", anchor_tags=True),
        ),
        (
            "{store: bucket, url: 'az://acmeaudit/ledger/access', endpoint: 'http://127.0.0.1:10000'}",
            LedgerSettings(
                LedgerStore.BUCKET,
                url="az://acmeaudit/ledger/access",
                endpoint="http://127.0.0.1:10000",
            ),
        ),
    ],
)
def test_the_ledger_is_kept_where_it_says(text: str, settings: LedgerSettings) -> None:
    assert valid(f"{CONFIGURATION}ledger: {text}\n").ledger == settings


def test_no_ledger_is_kept_where_nothing_is_said() -> None:
    assert valid(CONFIGURATION).ledger is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{store: disk}", "`disk`"),
        ("{store: bucket}", "`url`"),
        ("{store: bucket, url: 'https://acme-audit/access'}", "`https://acme-audit/access`"),
        ("{store: folder, path: ../ledger}", "`../ledger`"),
        ("{store: folder, path: a/../../ledger}", "`a/../../ledger`"),
        ("{store: folder, anchor: {file: a.json, tags: true}}", "anchor"),
        (
            "{store: folder, branch: ledger}",
            "`branch` says nothing about a ledger with `store: folder`; remove it, or write `path`",
        ),
    ],
)
def test_a_mistake_about_the_ledger_is_told(text: str, said: str) -> None:
    found, problems = read(f"{CONFIGURATION}ledger: {text}\n")
    assert found is None
    assert len(problems) == 1
    assert said in problems[0]


def test_how_a_system_is_set_up_has_a_digest_of_its_own() -> None:
    def setup(gcp: str, more: str = "") -> list[str]:
        azure = "{provider: azure, tenant: 00000000-0000-0000-0000-000000000000}"
        text = f"systems:\n  gcp: {{provider: gcp{gcp}}}\n  azure: {azure}\n{more}"
        return [system.setup for system in valid(text).systems]

    before = setup("")
    assert setup(", mode: enforce, concurrency: 2") == before  # not where, and not what
    elsewhere = setup(', endpoint: "grpc://127.0.0.1:1"')
    assert (elsewhere[0] != before[0], elsewhere[1] == before[1]) == (True, True)
    marked = setup("", "owner: acme\nowner_was: []\n")
    assert [a != b for a, b in zip(marked, before, strict=True)] == [True, True]
