/** Signed tokens (JWT) that say what their bearer may hear: made by the application, checked by the feed. */
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Authenticate, Authorize, MosSubscription } from '../../../plugin/index.ts';

const algorithm = 'HS256';
const audience = 'mos';

/**
 * @param secret - at least 32 bytes, shared by who issues tokens and who checks them
 * @param hears - what its bearer may subscribe to
 * @param lifetime - such as '10m'; default '1h'
 */
export function issueToken(secret: Uint8Array, hears: readonly MosSubscription[], lifetime = '1h'): Promise<string> {
  return new SignJWT({ hears })
    .setProtectedHeader({ alg: algorithm })
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(secret);
}

/** Lets in who has a token, and to what the token names; for `attachMosNamespace` and `attachMosWebSocket` alike. */
export function tokenAccess(secret: Uint8Array): { authenticate: Authenticate; authorize: Authorize } {
  return {
    async authenticate(client) {
      const { token } = client.handshake.auth;
      if (typeof token !== 'string') return false;
      const payload = await payloadOf(token, secret);
      if (payload === undefined) return false;
      if (!Array.isArray(payload.hears)) return false;
      client.data.hears = payload.hears;
      client.data.until = payload.exp;
      return true;
    },
    authorize(client, wanted) {
      if (Date.now() / 1000 >= client.data.until) return false;
      const kinds = ['routerId', 'producerId', 'participantId'] as const;
      return client.data.hears.some((allowed: MosSubscription) =>
        kinds.every((kind) => allowed[kind] === wanted[kind]),
      );
    },
  };
}

/** Undefined unless signature, algorithm, audience and time are right. An error would mean "not decided, try again later". */
async function payloadOf(token: string, secret: Uint8Array): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: [algorithm], audience, requiredClaims: ['exp'] });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
