"""Verifies samples of Signet with libraries of Python: samples from stdin, a verdict
a line to stdout. What the two forms mean stands in ../go/wire.go.

The libraries are Debian's packages python3-jwt, python3-jwcrypto and python3-authlib.
"""

import importlib.metadata
import json
import sys

import authlib.jose.errors
import jwcrypto.jwk
import jwcrypto.jws
import jwcrypto.jwt
import jwt
from authlib.jose import JsonWebKey, JsonWebToken

KINDS = ("good", "access", "forged", "flipped", "expired", "wrong_audience")
LACKS = {"Ed25519": "knows it as EdDSA only"}


class PyJWT:
    name, package = "PyJWT", "PyJWT"

    @staticmethod
    def verify(q):
        key = jwt.PyJWKClient(q["jwks_uri"]).get_signing_key_from_jwt(q["token"]).key
        return jwt.decode(q["token"], key, algorithms=[q["alg"]], issuer=q["issuer"], audience=q["audience"])["sub"]

    @staticmethod
    def reason(err):
        return {
            jwt.InvalidSignatureError: "signature",
            jwt.ExpiredSignatureError: "expired",
            jwt.InvalidAudienceError: "audience",
        }.get(type(err), "")


class JWCrypto:
    name, package = "jwcrypto", "jwcrypto"

    @staticmethod
    def verify(q):
        keys = jwcrypto.jwk.JWKSet.from_json(json.dumps(q["jwks"]))
        token = jwcrypto.jwt.JWT(
            algs=[q["alg"]], check_claims={"iss": q["issuer"], "aud": q["audience"], "exp": None}
        )
        token.leeway = 0  # its default lets a token pass that ended a minute ago
        token.deserialize(q["token"], keys)
        return json.loads(token.claims)["sub"]

    @staticmethod
    def reason(err):
        if isinstance(err, jwcrypto.jwt.JWTExpired):
            return "expired"
        if isinstance(err, jwcrypto.jwt.JWTInvalidClaimValue) and "'aud'" in str(err):
            return "audience"
        # With a set of keys it tells in its text alone that no key would verify.
        if isinstance(err, jwcrypto.jws.InvalidJWSSignature) or (
            isinstance(err, jwcrypto.jwt.JWTMissingKey) and "InvalidJWSSignature" in str(err)
        ):
            return "signature"
        return ""


class Authlib:
    name, package = "Authlib", "Authlib"

    @staticmethod
    def verify(q):
        claims = JsonWebToken([q["alg"]]).decode(
            q["token"],
            JsonWebKey.import_key_set(q["jwks"]),
            claims_options={
                "iss": {"essential": True, "value": q["issuer"]},
                "aud": {"essential": True, "value": q["audience"]},
                "exp": {"essential": True},
            },
        )
        claims.validate()
        return claims["sub"]

    @staticmethod
    def reason(err):
        if isinstance(err, authlib.jose.errors.BadSignatureError):
            return "signature"
        if isinstance(err, authlib.jose.errors.ExpiredTokenError):
            return "expired"
        if isinstance(err, authlib.jose.errors.InvalidClaimError) and '"aud"' in str(err):
            return "audience"
        return ""


def judge(library, samples, sample, kind):
    """One verdict. An algorithm that the library is said to lack is tried all the same."""
    v = {"language": "Python", "library": library.name, "version": importlib.metadata.version(library.package)}
    v |= {"alg": sample["alg"], "kind": kind, "reason": "", "error": ""}
    q = {"alg": sample["alg"], "issuer": sample["issuer"], "audience": samples["audience"]}
    q |= {"jwks": sample["jwks"], "jwks_uri": sample["jwks_uri"], "token": sample["tokens"][kind]}
    try:
        subject = library.verify(q)
    except Exception as err:  # whatever a library throws is a refusal, and its reason decides
        v["error"] = f"{type(err).__name__}: {err}"
        if sample["alg"] in LACKS:
            return v | {"verdict": "lacking", "reason": LACKS[sample["alg"]]}
        return v | {"verdict": "refused", "reason": library.reason(err)}
    return v | {"verdict": "accepted", "reason": "" if subject == samples["subject"] else f"its sub is {subject}"}


def main():
    samples = json.load(sys.stdin)
    for library in (PyJWT, JWCrypto, Authlib):
        for sample in samples["issuers"]:
            if not sample["kept"]:
                for kind in KINDS:
                    print(json.dumps(judge(library, samples, sample, kind)))


main()
