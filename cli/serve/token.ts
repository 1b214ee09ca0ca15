import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether what was given is the token; takes as long whatever was given. */
export function isToken(token: string, given: unknown): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(hash(token), hash(given));
}

/** The token of an `Authorization: Bearer` header. */
export const bearerOf = (header: string | undefined): string | undefined => header?.match(/^Bearer +(\S+)$/i)?.[1];
