// Verifies samples of Signet with libraries of JavaScript: samples from stdin, a
// verdict a line to stdout. What the two forms mean stands in ../go/wire.go.

import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import jsonwebtoken from 'jsonwebtoken';

const kinds = ['good', 'access', 'forged', 'flipped', 'expired', 'wrong_audience'];

// version of a library, which may hide its package.json.
function version(name) {
  const locked = JSON.parse(readFileSync(new URL('./node_modules/.package-lock.json', import.meta.url)));
  return locked.packages[`node_modules/${name}`].version;
}

// A library gives the sub of a token that it accepts, and throws otherwise. lacks
// names the algorithms that it does not have, and reason what an error is about.
const libraries = [
  {
    name: 'jose',
    lacks: {},
    async verify({ alg, issuer, audience, jwksURI, token }) {
      const keys = jose.createRemoteJWKSet(new URL(jwksURI));
      const { payload } = await jose.jwtVerify(token, keys, { algorithms: [alg], issuer, audience });
      return payload.sub;
    },
    reason(err) {
      if (err instanceof jose.errors.JWSSignatureVerificationFailed) return 'signature';
      if (err instanceof jose.errors.JWTExpired) return 'expired';
      if (err instanceof jose.errors.JWTClaimValidationFailed && err.claim === 'aud') return 'audience';
      return '';
    },
  },
  {
    // It reads no JWKS: Node.js makes the key of the JWK with the token's kid.
    name: 'jsonwebtoken',
    lacks: { EdDSA: 'has no Ed25519', Ed25519: 'has no Ed25519' },
    async verify({ alg, issuer, audience, jwks, token }) {
      const { kid } = jsonwebtoken.decode(token, { complete: true }).header;
      const found = jwks.keys.filter((k) => k.kid === kid);
      if (found.length !== 1) throw new Error(`${found.length} keys have the kid ${kid}`);
      const key = createPublicKey({ key: found[0], format: 'jwk' });
      return jsonwebtoken.verify(token, key, { algorithms: [alg], issuer, audience }).sub;
    },
    reason(err) {
      if (err.message === 'invalid signature') return 'signature';
      if (err instanceof jsonwebtoken.TokenExpiredError) return 'expired';
      if (err.message.startsWith('jwt audience invalid')) return 'audience';
      return '';
    },
  },
];

const samples = JSON.parse(readFileSync(0, 'utf8'));
for (const library of libraries) {
  for (const { alg, issuer, jwks, jwks_uri: jwksURI, tokens } of samples.issuers.filter((s) => !s.kept)) {
    for (const kind of kinds) {
      const v = { language: 'JavaScript', library: library.name, version: version(library.name), alg, kind };
      try {
        const subject = await library.verify({ alg, issuer, audience: samples.audience, jwks, jwksURI, token: tokens[kind] });
        Object.assign(v, { verdict: 'accepted', reason: subject === samples.subject ? '' : `its sub is ${subject}`, error: '' });
      } catch (err) {
        const lacks = library.lacks[alg];
        const [verdict, reason] = lacks ? ['lacking', lacks] : ['refused', library.reason(err)];
        Object.assign(v, { verdict, reason, error: `${err.name}: ${err.message}` });
      }
      console.log(JSON.stringify(v));
    }
  }
}
