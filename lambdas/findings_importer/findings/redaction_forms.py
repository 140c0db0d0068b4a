"""Secrets that are known by their own form, or by the form of what stands around them.

Every pattern is bounded or begins at a place that only a few characters share, so that a text of any kind costs time in
proportion to its length. The forms are those that the issuers publish; gitleaks' rules collect them:
https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from common.clip import REDACTED

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

# What a text must hold, in lower case, and the secret: the group of that name, or all of it.
_FORMS: Final = (
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
    (("akia", "asia", "abia", "acca"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}"),
    # 40 characters of base64 near a word that says what they are; a hash or a path is not of mixed characters.
    (
        ("secret", "key"),
        r"(?i:secret|aws)[^\n]{0,40}?(?<![A-Za-z0-9/+])(?=.{0,39}[A-Z])(?=.{0,39}[a-z])(?=.{0,39}[0-9])"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{20,}"),
    (("github_pat_",), r"github_pat_[A-Za-z0-9_]{20,}"),
    (("glpat-",), r"glpat-[A-Za-z0-9_.-]{16,}"),
    (("xox", "xapp-"), r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),
    (("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9/_-]{20,})"),
    (("aiza",), r"AIza[A-Za-z0-9_-]{30,}"),
    (("k_live_", "k_test_"), r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    (("npm_",), r"npm_[A-Za-z0-9]{30,}"),
    (("pypi-age",), r"pypi-AgE[A-Za-z0-9_-]{16,}"),
    (("snyk_",), r"snyk_[us]at\.[A-Za-z0-9._-]{16,}"),
    (("sk-",), r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{32,}"),
    (("dckr_pat_", "dop_v1_", "hf_"), r"(?:dckr_pat_|dop_v1_|(?<![A-Za-z0-9])hf_)[A-Za-z0-9_-]{24,}"),
    # JSON Web Tokens. Without the boundary, each of many "eyJ" in one long word would be tried to its end.
    (("eyj",), r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,4}\.?"),
    # Snyk's older tokens are UUIDs: only the word before tells.
    (("token", "snyk auth"), rf"(?i:snyk|token|auth)[^A-Za-z0-9\n]{{1,10}}(?P<secret>(?i:{_UUID}))"),
    # Not docker://name:tag@sha256:...
    (("://",), r"://[^\s/@:\"'<>]*:(?P<secret>[^\s/\"'<>]+)@(?!sha\d{3}:)"),
    (("://",), r"://(?P<secret>[^\s/@:\"'<>]{20,})@"),
    (("bearer",), r"(?i:bearer)\s+(?=[A-Za-z_~+/=-]{0,60}[0-9.])(?P<secret>[A-Za-z0-9._~+/=-]{16,})"),
    (("basic",), r"(?i:basic)\s+(?=[A-Za-z+/]{0,60}[0-9=])(?P<secret>[A-Za-z0-9+/]{8,}={0,2})"),
    (
        ("authorization",),
        r"(?i:authorization[\"']?[ \t]{0,5}[:=][ \t]{0,5}[\"']?(?:basic|bearer|token|apikey|negotiate|ntlm))"
        r"[ \t]{1,5}(?P<secret>[^\s\"'<,;]{8,})",
    ),
    # Names that alone are words of prose: only with what makes them a setting.
    (
        ("pass",),
        r"(?i:(?:[a-z0-9]{1,30}[_-]pass[ \t]{0,3}[:=]|(?<![a-z])pass[ \t]{0,3}=(?!=))[ \t]{0,3}[\"']?)"
        r"(?P<secret>[^\s\"'&<>;,\[\]$*]{3,})",
    ),
    # A Dockerfile's older form, as Snyk quotes instructions: ENV NAME value
    (
        ("env ",),
        r"(?i:\benv[ \t]{1,3}[a-z0-9_]{0,40}(?:pass|pwd|secret|token|api_?key)[a-z0-9_]{0,20})[ \t]{1,3}"
        r"(?P<secret>[^\s\"'<>\[\]$]{3,})",
    ),
    (
        ("curl",),
        r"(?i:\bcurl\b[^\n]{0,200}?[ \t](?:-u|--user)[ \t=]{1,3}[\"']?[^\s:\"']{1,64}:)(?P<secret>[^\s\"'\[\]]+)",
    ),
    # <add key="Password" value="..."/>
    (
        ("value=",),
        r"(?i:(?:key|name)=[\"'][a-z0-9_.:-]{0,60}(?:passw(?:or)?d|pwd|secret|token)[\"'][ \t]{1,5}value=[\"'])"
        r"(?P<secret>[^\"'<>\[\]]+)",
    ),
    (("%3d",), r"(?i:(?:passw(?:or)?d|pwd|secret|token|api_?key)%3d)(?P<secret>(?:(?!%26)[^\s&\"'<>\[\]]){1,500})"),
    # Signed URLs and headers of AWS and Azure.
    (("signature=", "sig="), r"(?i:[?&; ,](?:x-amz-signature|signature|sig)=)(?P<secret>[^\s&,\"'<>]+)"),
)
# What every text with a form among them holds, in lower case: on its own, or beside a character that few texts have. Those of
# AWS's key ids are too short to tell anything in lower case.
HINTS: Final = (
    *("eyj", "aiza", "xox", "xapp-", "glpat-", "sk-", "pypi-age", "hooks.slack.com/", "snyk auth"),
    *("secret", "key", "token", "bearer", "basic", "cookie", "pass", "pwd", "curl"),
)
URL_USER: Final = re.compile(r"://[^\s/\"'<>]*@")
CAPITAL_HINTS: Final = ("IA", "ACCA")
RARE_HINTS: Final = {
    "_": (
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "_live_",
        "_test_",
        "npm_",
        "snyk_",
        "_pat_",
        "_v1_",
        "hf_",
    ),
    "=": ("sig=", "signature="),
}

_COOKIES: Final = re.compile(r"(?i:cookie2?[\"']?[ \t]{0,5}:[ \t]{0,5})(?P<pairs>[^\r\n<]+)")
_COOKIE: Final = re.compile(r"(?<![^\s;,=\"'])(?P<name>[^\s;,=\"']+)=(?P<value>[^;\s,\"']+)")
_ATTRIBUTES: Final = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority", "version"})

_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_DATA: Final = re.compile(r"[A-Za-z0-9+/=]{16}")
# A key that was cut off: the lines of its head (OpenSSL's, PGP's), then base64 with line breaks, real or written "\n".
_KEY_BREAK: Final = r"(?:\s|\\[nr])"
_KEY_REST: Final = re.compile(
    rf"(?:{_KEY_BREAK}|[A-Z][A-Za-z-]{{2,20}}: [^\n\\]{{0,200}}(?:\n|\\n))*+(?:[A-Za-z0-9+/=]{{16,}}+{_KEY_BREAK}*+)*+[A-Za-z0-9+/=]*"
)


def without_known_forms(text: str) -> str:
    """The text without private keys, tokens of known form, credentials in URLs and headers, and values of cookies."""
    lower = text.lower()
    if "private key" in lower:
        text = _without_keys(text)
    for hints, form in _FORMS:
        if any(hint in lower for hint in hints):
            text = _compiled(form).sub(_replacement, text)
    return _COOKIES.sub(_without_values, text) if "cookie" in lower else text


@cache  # at the first use: most reports need few of them, and every cold start waits for all that is compiled at import
def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(form)


def _replacement(found: re.Match[str]) -> str:
    secret = found.groupdict().get("secret")
    if secret is None:
        return REDACTED
    start, end = found.start("secret") - found.start(), found.end("secret") - found.start()
    return found[0][:start] + REDACTED + found[0][end:]


def _without_values(found: re.Match[str]) -> str:
    """A line of cookies without their values. Attributes such as Path stay, and so does prose: it has no "="."""
    start = found.start("pairs") - found.start()
    return found[0][:start] + _COOKIE.sub(
        lambda pair: pair[0] if pair["name"].lower() in _ATTRIBUTES else f"{pair['name']}={REDACTED}", found["pairs"]
    )


def _without_keys(text: str) -> str:
    """The text without private keys, also those that are cut off; a mere mention of the first line stays."""
    parts: list[str] = []
    position = 0
    begins = list(_KEY_BEGIN.finditer(text))
    for number, begin in enumerate(begins):
        following = begins[number + 1].start() if number + 1 < len(begins) else len(text)
        end = _KEY_END.search(text, begin.end(), following)
        stop = end.end() if end else _KEY_REST.match(text, begin.end(), following).end()  # type: ignore[union-attr] # matches ""
        if _KEY_DATA.search(text, begin.end(), stop):
            parts += (text[position : begin.start()], REDACTED)
            position = stop
    return "".join((*parts, text[position:]))
