// Passkeys (WebAuthn Level 3): a person registers several, signs in with one, and confirms an act by one whose challenge is the
// act's digest. The library is loaded when the first passkey is asked for, since most starts of the program need none.

import { base64urlnopad } from '@scure/base';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import type { Queries } from '../../store/database.ts';
import { addPasskey, getPasskey, listPasskeys, PASSKEYS_MAX, removePasskey, usePasskey } from '../../store/passkeys.ts';
import type { Person } from '../accounts/accounts.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Challenges } from './challenges.ts';

/** EdDSA, ES256, RS256: what authenticators of today sign with. */
const ALGORITHMS = [-8, -7, -257];
const CHALLENGE_BYTES = 32;
const PASSKEY_NAME = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,64}$/u;
const TEXT_CHARACTERS_MAX = 16_384;
const SIGN_IN = 'sign-in';

/** Where the page is: the origin as the browser sees it, and its host name. */
export interface Site {
  readonly origin: string;
  readonly host: string;
}

const encoded = z.string().max(TEXT_CHARACTERS_MAX);
const outer = { id: encoded, rawId: encoded, type: z.literal('public-key'), clientExtensionResults: z.looseObject({}) };
/** What a browser answers to a registration. */
export const registrationSchema = z.looseObject({
  ...outer,
  response: z.looseObject({ clientDataJSON: encoded, attestationObject: encoded }),
});
/** What a browser answers to an authentication. */
export const authenticationSchema = z.looseObject({
  ...outer,
  response: z.looseObject({
    clientDataJSON: encoded,
    authenticatorData: encoded,
    signature: encoded,
    userHandle: encoded.optional(),
  }),
});

/** A passkey as its person sees it. */
export interface PasskeyReport {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly used_at: string | null;
}

async function library(): Promise<typeof import('@simplewebauthn/server')> {
  // The library reads certificates with one that asks for this global polyfill.
  await import('reflect-metadata');
  return import('@simplewebauthn/server');
}

/** The passkeys in an open accounts database. */
export class Passkeys {
  readonly #db: Queries;
  readonly #effects: Pick<Effects, 'now' | 'random'>;
  readonly #challenges: Challenges;

  constructor(db: Queries, effects: Pick<Effects, 'now' | 'random'>, challenges: Challenges) {
    this.#db = db;
    this.#effects = effects;
    this.#challenges = challenges;
  }

  list(user: string): readonly PasskeyReport[] {
    return listPasskeys(this.#db, user).map(({ id, name, createdAt, usedAt }) => ({
      id,
      name,
      created_at: new Date(createdAt).toISOString(),
      used_at: usedAt === null ? null : new Date(usedAt).toISOString(),
    }));
  }

  remove(user: string, id: string): boolean {
    return removePasskey(this.#db, user, id);
  }

  /** What the browser needs to make a passkey of this account: the options of `navigator.credentials.create`. */
  async registrationOptions(user: string, site: Site, node: string): Promise<object> {
    const { generateRegistrationOptions } = await library();
    const options = await generateRegistrationOptions({
      rpName: `0BTC Wire ${node}`,
      rpID: site.host,
      userName: user,
      userID: new Uint8Array(new TextEncoder().encode(user)),
      challenge: new Uint8Array(this.#effects.random(CHALLENGE_BYTES)),
      attestationType: 'none',
      excludeCredentials: listPasskeys(this.#db, user).map(({ id }) => ({ id })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    });
    this.#challenges.add(options.challenge, `register ${user}`);
    return options;
  }

  /** Keeps a passkey that a browser has just made. Throws `CommandError` where it is not good. */
  async register(user: string, name: string, answer: z.infer<typeof registrationSchema>, site: Site): Promise<void> {
    if (!PASSKEY_NAME.test(name)) {
      throw new CommandError('passkey_name', 'give the passkey a name of 1 to 64 characters that all show');
    }
    const { verifyRegistrationResponse } = await library();
    // The schema has checked the members that the library reads first; it checks what it reads in them itself.
    const response = answer as RegistrationResponseJSON;
    const verdict = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => this.#challenges.take(challenge, `register ${user}`),
      expectedOrigin: site.origin,
      expectedRPID: site.host,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(() => null);
    if (verdict === null || !verdict.verified) {
      const remedy = 'try again; if it fails again, use another authenticator';
      throw new CommandError('passkey_refused', `the browser's answer does not prove a new passkey: ${remedy}`);
    }
    const { id, publicKey, counter } = verdict.registrationInfo.credential;
    const row = { id, user, name, publicKey, counter, createdAt: this.#effects.now(), usedAt: null };
    const outcome = addPasskey(this.#db, row);
    if (outcome === 'known') throw new CommandError('passkey_known', 'this passkey is registered already');
    if (outcome === 'too_many') {
      throw new CommandError('passkeys_max', `there are ${PASSKEYS_MAX} passkeys already: remove one first`);
    }
  }

  /** What the browser needs to sign in with any passkey of this site. */
  signInOptions(site: Site): Promise<object> {
    return this.#options(site, base64urlnopad.encode(this.#effects.random(CHALLENGE_BYTES)), SIGN_IN, []);
  }

  /** What the browser needs to sign the digest of an act (32 bytes) with a passkey of this account. */
  actOptions(user: string, site: Site, digest: Uint8Array): Promise<object> {
    const ids = listPasskeys(this.#db, user).map(({ id }) => id);
    return this.#options(site, base64urlnopad.encode(digest), `act ${user}`, ids);
  }

  async #options(site: Site, challenge: string, purpose: string, ids: readonly string[]): Promise<object> {
    const { generateAuthenticationOptions } = await library();
    const options = await generateAuthenticationOptions({
      rpID: site.host,
      challenge: new Uint8Array(base64urlnopad.decode(challenge)),
      userVerification: 'required',
      allowCredentials: ids.map((id) => ({ id })),
    });
    this.#challenges.add(options.challenge, purpose);
    return options;
  }

  /** Who signed in with a passkey; null where its answer is not good, or the account may not. */
  signIn(answer: z.infer<typeof authenticationSchema>, site: Site): Promise<Person | null> {
    return this.#authenticated(answer, site, SIGN_IN, null);
  }

  /** Whether this person has signed the digest of this act. */
  async confirms(
    user: string,
    answer: z.infer<typeof authenticationSchema>,
    site: Site,
    digest: Uint8Array,
  ): Promise<boolean> {
    const person = await this.#authenticated(answer, site, `act ${user}`, base64urlnopad.encode(digest));
    return person?.user === user;
  }

  async #authenticated(
    answer: z.infer<typeof authenticationSchema>,
    site: Site,
    purpose: string,
    challenge: string | null,
  ): Promise<Person | null> {
    const found = getPasskey(this.#db, answer.id);
    if (found === null || found.user.state !== 'active') return null;
    const { passkey, user } = found;
    const { verifyAuthenticationResponse } = await library();
    const verdict = await verifyAuthenticationResponse({
      response: answer as AuthenticationResponseJSON,
      expectedChallenge: (signed) =>
        (challenge === null || signed === challenge) && this.#challenges.take(signed, purpose),
      expectedOrigin: site.origin,
      expectedRPID: site.host,
      credential: { id: passkey.id, publicKey: new Uint8Array(passkey.publicKey), counter: passkey.counter },
      requireUserVerification: true,
    }).catch(() => null);
    if (verdict === null || !verdict.verified) return null;
    const isUsed = usePasskey(this.#db, passkey.id, verdict.authenticationInfo.newCounter, this.#effects.now());
    return isUsed ? { user: user.name, role: user.role } : null;
  }
}
