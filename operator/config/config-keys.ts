// The keys of the configuration file: those of the launch instructions' Appendix A, required, and those this software
// adds, optional with safe defaults. Every schema's description completes the sentence "… must be".
import { z } from 'zod';
import type { BitcoinNetwork } from '../../chain/network.ts';
import { contactSchema } from '../../crypto/contacts.ts';

export const PARTICIPANTS_MAX = 64;
const NODES_MAX = 16;
const CONFIRMATIONS_MAX = 1000;
/** Longest name of an operator. */
export const NAME_CHARACTERS_MAX = 64;
const PATH_CHARACTERS_MAX = 4096;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** Names as operators write them. bitcoind's own are main, test, testnet4, signet, regtest. */
export const NETWORKS = ['mainnet', 'testnet', 'testnet4', 'signet', 'regtest'] as const satisfies BitcoinNetwork[];

const whole = (min: number, max: number, what: string) =>
  z.int().min(min).max(max).describe(`a whole number, ${min} to ${max}: ${what}`);
// A line break in a path would begin another line of the systemd unit, which root writes.
const path = (what: string) =>
  z
    .string()
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u)
    .max(PATH_CHARACTERS_MAX)
    .describe(`a path whose characters all show: ${what}`);
const text = (max: number, what: string) =>
  z
    .string()
    // As on operator cards: what turns a line around or shows nothing could make a name look like another.
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u)
    .max(max)
    .describe(`a text of at most ${max} characters that all show: ${what}`);
const confirmations = (what: string) => whole(1, CONFIRMATIONS_MAX, what);

/** Appendix A of the launch instructions, in its order. */
const appendixA = {
  parties: whole(2, PARTICIPANTS_MAX, 'how many operators there are (n)'),
  threshold: whole(2, PARTICIPANTS_MAX, 'how many operators must sign (t)'),
  party_addresses: z
    .array(z.string())
    .min(2)
    .max(PARTICIPANTS_MAX)
    .describe('a list of host:port, one for each operator, in index order'),
  my_index: whole(0, PARTICIPANTS_MAX - 1, "this operator's place in party_addresses, counted from 0"),
  key_share_path: path('where the encrypted key share is kept'),
  tls_cert_path: path("this operator's TLS certificate (PEM)"),
  tls_key_path: path("the TLS certificate's private key (PEM)"),
  user_db_path: path('the database of accounts'),
  security_db_path: path('the database of everything the node must not lose'),
  bitcoin_nodes: z.array(z.string()).min(1).max(NODES_MAX).describe('a list of 1 to 16 URLs of your own Bitcoin nodes'),
  normal_confirmations: confirmations('confirmations that make a Bitcoin transaction count'),
  fork_confirmations: confirmations('confirmations asked for while the chain looks forked'),
};

/** The least deposit that may be set, in sats: what Core relays of a Taproot output at its default dust rate. */
const DEPOSIT_SATS_MIN = 330;
const DEPOSIT_SATS_MAX = 1_000_000;
const CONSOLIDATE_ADDRESSES_MAX = 16;
/** What the smallest treasury has beyond its floor; and a whole bitcoin, beyond which a reserve is a mistake. */
const FEE_RESERVE_SATS_MIN = 10_000;
const FEE_RESERVE_SATS_MAX = 100_000_000;
const SATS_MAX = 2_100_000_000_000_000;
const HOLD_MINUTES_MAX = 7 * 24 * 60;

/** The block `policy`: what this operator signs of the treasury line. */
const policySchema = z.strictObject({
  deposit_min_sats: whole(
    DEPOSIT_SATS_MIN,
    DEPOSIT_SATS_MAX,
    'the least deposit that is attested and swept, in sats, the same at all operators',
  ).optional(),
  consolidate_addresses: z
    .array(z.string())
    .max(CONSOLIDATE_ADDRESSES_MAX)
    .optional()
    .describe('a list of up to 16 Bitcoin addresses that funds may be moved to'),
  fee_reserve_sats: whole(
    FEE_RESERVE_SATS_MIN,
    FEE_RESERVE_SATS_MAX,
    'what a consolidation leaves of the surplus for miner fees, in sats',
  ).optional(),
  withdrawal_max_sats: whole(
    1,
    SATS_MAX,
    'the largest payout of one burn that this operator signs, in sats',
  ).optional(),
  day_max_sats: whole(1, SATS_MAX, 'the most that this operator signs to be paid within 24 h, in sats').optional(),
  approve_above_sats: whole(
    0,
    SATS_MAX,
    'payouts of more than so many sats are signed once a person approves',
  ).optional(),
  hold_above_sats: whole(1, SATS_MAX, 'payouts of so many sats or more are signed after the hold window').optional(),
  hold_minutes: whole(
    1,
    HOLD_MINUTES_MAX,
    'how long a burn is final before a payout of hold_above_sats or more is signed',
  ).optional(),
});

/** The block `backup`: backups of the database by the clock. */
const backupSchema = z.strictObject({
  folder: path('the folder for backups of the database, which must exist'),
  every_hours: whole(1, 24 * 31, 'hours from one backup to the next'),
  keep: whole(1, 1000, 'how many of the newest backups are kept'),
  recipient: z
    .string()
    .regex(/^age1[0-9a-z]{20,4090}$/)
    .describe('a recipient of age (age1…), whose identity is kept off this machine'),
});

const CONTACT = 'an object with "name" and at least one of "email", "phone" (digits) and "messaging"';

/** The block `contacts`: whom the other operators call here. It goes onto the operator card. */
const contactsSchema = z.strictObject({
  technical_coordinator: contactSchema.optional().describe(CONTACT),
  security_officer: contactSchema.optional().describe(CONTACT),
  emergency_contact: contactSchema.optional().describe(CONTACT),
});

/** Keys that hold a block of keys. */
const BLOCKS = { policy: policySchema, backup: backupSchema, contacts: contactsSchema } as const;

/** Whether a key holds a block of keys. */
export function isBlock(key: string): boolean {
  return Object.hasOwn(BLOCKS, key);
}

const additions = {
  network: z
    .enum(NETWORKS)
    .optional()
    .describe(`one of ${NETWORKS.join(', ')}`),
  name: text(NAME_CHARACTERS_MAX, 'how the other operators call this one').optional(),
  listen_address: z.string().optional().describe('host:port to listen on for the other operators'),
  public_address: z.string().optional().describe('host:port to serve the public API on'),
  metrics_address: z.string().optional().describe('host:port to serve metrics on'),
  admin_address: z.string().optional().describe('host:port to serve the web admin on'),
  tls_overlap_s: whole(HOUR_S, 30 * DAY_S, 'seconds for which the old certificate holds beside a new one').optional(),
  alertmanager_url: z.string().optional().describe('the URL of your Alertmanager'),
  control_socket: path('the Unix socket through which commands reach the server').optional(),
  bitcoin_rpc_cookie_file: path("bitcoind's .cookie file").optional(),
  bitcoin_rpc_user: text(128, 'the RPC user of your Bitcoin nodes').optional(),
  bitcoin_rpc_password_file: path('a file that holds the RPC password of your Bitcoin nodes').optional(),
  wire_nodes: z.array(z.string()).max(NODES_MAX).optional().describe('a list of up to 16 URLs of your own Wire nodes'),
  wire_confirmations: confirmations('confirmations that make a burn on Wire count').optional(),
  burn_proof_verifier: z
    .array(z.string().min(1).max(PATH_CHARACTERS_MAX))
    .min(1)
    .max(32)
    .optional()
    .describe('a list: the command that checks a burn proof, then its arguments'),
  notify_command: z
    .array(z.string().min(1).max(PATH_CHARACTERS_MAX))
    .min(1)
    .max(32)
    .optional()
    .describe('a list: the command that notifies your people, then its arguments'),
  attestation_validity_s: whole(HOUR_S, 30 * DAY_S, 'seconds for which a mint attestation is valid').optional(),
  fee_rate_max_sat_vb: whole(1, 10_000, 'the highest fee rate this operator signs, in sat/vB').optional(),
  fee_target_blocks: whole(1, 1008, 'blocks within which a payout should confirm').optional(),
  automatic: z.boolean().optional().describe('true or false: attest deposits and pay burns without a command'),
  takeover_s: whole(
    1,
    HOUR_S,
    'seconds of silence after which the next operator takes over a piece of work',
  ).optional(),
  payout_batch_count: whole(1, 200, 'waiting burns that are paid at once').optional(),
  payout_batch_age_s: whole(0, DAY_S, 'seconds after which a waiting burn is paid').optional(),
  payout_cheap_sat_vb: whole(0, 10_000, 'the fee rate up to which no burn waits, in sat/vB').optional(),
  payout_bump_blocks: whole(1, 1008, 'blocks after which an unconfirmed payout is replaced at a higher fee').optional(),
  payout_bump_percent: whole(10, 1000, 'the least growth of the fee rate from one version to the next').optional(),
  single_operator: z
    .boolean()
    .optional()
    .describe('true or false: one person runs this node, so no act asks for a second person'),
  policy: policySchema
    .optional()
    .describe(`an object with any of the keys ${Object.keys(policySchema.shape).join(', ')}`),
  backup: backupSchema.optional().describe(`an object with the keys ${Object.keys(backupSchema.shape).join(', ')}`),
  contacts: contactsSchema
    .optional()
    .describe(`an object with any of the keys ${Object.keys(contactsSchema.shape).join(', ')}`),
};

/** The file as JSON, keys as written. Unknown keys are refused before this schema sees the file. */
export const configFileSchema = z.strictObject({ ...appendixA, ...additions });
export type ConfigFile = z.infer<typeof configFileSchema>;

/** Every key there is, those of Appendix A first. */
export const CONFIG_KEYS: readonly string[] = Object.keys(configFileSchema.shape);

/** What a key's value must be, to complete the sentence "… must be"; null for an unknown key. `policy.x`: x of the block `policy`. */
export function keyExpectation(key: string): string | null {
  const block = Object.entries(BLOCKS).find(([of]) => key.startsWith(`${of}.`));
  const schemas: Record<string, z.ZodType> = block === undefined ? configFileSchema.shape : block[1].shape;
  const name = block === undefined ? key : key.slice(block[0].length + 1);
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (schema === undefined) return null;
  return schema.description ?? (schema instanceof z.ZodOptional ? description(schema.unwrap()) : undefined) ?? null;
}

/** The known key that takes the fewest edits to reach from `key`; null where none is near. */
export function nearestKey(key: string): string | null {
  const wanted = key.toLowerCase().replaceAll('-', '_');
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 2)) + 1;
  for (const known of CONFIG_KEYS) {
    const distance = editDistance(wanted, known);
    if (distance < bestDistance) [best, bestDistance] = [known, distance];
  }
  return best;
}

function description(schema: unknown): string | undefined {
  return schema instanceof z.ZodType ? schema.description : undefined;
}

// Levenshtein's distance, one row at a time. The lengths are those of a key, so its square cost does not matter.
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitute = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitute, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
