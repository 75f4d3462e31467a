// Passwords are kept as Argon2id hashes (RFC 9106). Checking one takes the same work whether or not there is an account.
import { zeroize } from '../../crypto/bytes.ts';

/** What a hash costs: memory in KiB, passes over it. */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
}

/** RFC 9106, section 4, second recommended option: 64 MiB and three passes. */
export const PASSWORD_COST: PasswordCost = { memoryKib: 65_536, passes: 3 };

/** Hashes at the same time: each holds 64 MiB and a core, which signing needs as well. */
const AT_ONCE_MAX = 2;
/** Of a password that nobody has: what is checked where there is no account. */
const DECOY =
  '$argon2id$v=19$m=65536,t=3,p=1$8Jto3US7vuRpUuYvwT7mPGbC5Xnl77u8rI8jCNamJh0$sMytwhEKjPORrlcUKdIpbWflKEr6PXOmvmpc+smlLYQ';

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    // Whoever waits takes the place over, so that nobody slips in between.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

/** Makes and checks hashes at one cost. */
export class PasswordHasher {
  readonly #cost: PasswordCost;
  #decoy: Promise<string> | null = null;

  constructor(cost: PasswordCost = PASSWORD_COST) {
    this.#cost = cost;
  }

  /** The hash of a password, as a PHC string with its own salt. */
  hash(password: Uint8Array): Promise<string> {
    const { memoryKib: memoryCost, passes: timeCost } = this.#cost;
    return inTurn(() => Bun.password.hash(password, { algorithm: 'argon2id', memoryCost, timeCost }));
  }

  /** Whether a password has this hash. `hash` null: there is no account; the same work is done, and the answer is no. */
  async matches(password: Uint8Array, hash: string | null): Promise<boolean> {
    // The runtime refuses an empty password at once, which would answer sooner than another.
    const checked = password.length === 0 ? new Uint8Array(1) : password;
    const against = hash ?? (await this.#decoyHash());
    const isRight = await inTurn(() => Bun.password.verify(checked, against, 'argon2id'));
    return isRight && hash !== null && password.length > 0;
  }

  #decoyHash(): Promise<string> {
    if (this.#cost === PASSWORD_COST) return Promise.resolve(DECOY);
    this.#decoy ??= this.hash(Uint8Array.of(0));
    return this.#decoy;
  }
}

/** A text as bytes that its reader zeroes after use; the text itself stays where the runtime keeps it. */
export async function withSecretBytes<T>(text: string, use: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  const bytes = new TextEncoder().encode(text);
  try {
    return await use(bytes);
  } finally {
    zeroize(bytes);
  }
}
