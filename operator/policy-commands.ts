// `policy show` and `policy set`: what this operator signs. The configuration file is the one source of it; a running server
// writes the file and takes the new policy at once.
import { readFileSync } from 'node:fs';
import { scriptAddress } from '../chain/network.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from '../store/audit-log.ts';
import { transact } from '../store/database.ts';
import { signedWithinDay } from '../store/payout-limits.ts';
import type { Person } from './accounts/accounts.ts';
import {
  type ConfigProblem,
  checkConfig,
  describeProblem,
  type LinePolicy,
  loadConfig,
  type OperatorConfig,
} from './config/config.ts';
import { keyExpectation } from './config/config-keys.ts';
import type { Node } from './node.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandParams, PolicyReport, PolicyValue } from './runtime/command-types.ts';
import { writeDurably } from './runtime/durable-file.ts';
import { errorText } from './runtime/log.ts';

/** What an operator sets for itself alone; `fee_rate_max_sat_vb` is a key of the file itself, the others of its `policy`. */
const POLICY_NAMES = [
  'withdrawal_max_sats',
  'day_max_sats',
  'approve_above_sats',
  'hold_above_sats',
  'hold_minutes',
  'fee_rate_max_sat_vb',
  'consolidate_addresses',
] as const;
type PolicyName = (typeof POLICY_NAMES)[number];

/** What all operators have to change together. */
const FEDERATION_NAMES: ReadonlySet<string> = new Set([
  ...['deposit_min_sats', 'normal_confirmations', 'fork_confirmations', 'wire_confirmations', 'attestation_validity_s'],
  ...['parties', 'threshold'],
]);

/** Where each is in the policy that the server holds. */
const FIELDS = {
  withdrawal_max_sats: 'withdrawalMaxSats',
  day_max_sats: 'dayMaxSats',
  approve_above_sats: 'approveAboveSats',
  hold_above_sats: 'holdAboveSats',
  hold_minutes: 'holdMinutes',
  consolidate_addresses: 'consolidateScripts',
} as const satisfies Readonly<Record<Exclude<PolicyName, 'fee_rate_max_sat_vb'>, keyof LinePolicy>>;

const OFF = 'off';

/** What this operator signs now, and how much of the day's limit counts. */
export function policyReport(node: Pick<Node, 'config' | 'store' | 'input'>): PolicyReport {
  const { config, store, input } = node;
  const signed = signedWithinDay(store.db, input.effects.now()).reduce((sum, { sats }) => sum + sats, 0n);
  return {
    file: config.file,
    values: POLICY_NAMES.map((name) => ({
      name,
      value: inUse(config, name),
      what: keyExpectation(pathOf(name)) ?? '',
    })),
    deposit_min_sats: `${config.policy.depositMinSats}`,
    signed_today_sats: `${signed}`,
  };
}

/**
 * Sets one value, or with `off` goes back to its default: in the file, durably, and in this process at once. Approvals that
 * were given under the policy of before are void. Throws `CommandError`; nothing is changed then.
 */
export function setPolicy(
  node: Node,
  params: CommandParams<'policy-set'>,
  io: { readonly actor?: Person | null },
): Promise<PolicyReport> {
  // One after the other: each reads the whole file and writes it back.
  const turn = (turns.get(node.config) ?? Promise.resolve()).then(() => setInTurn(node, params, io));
  turns.set(
    node.config,
    turn.catch(() => {}),
  );
  return turn;
}

/** When the last change that was asked for is done, by the configuration that it changes; never rejects. */
const turns = new WeakMap<OperatorConfig, Promise<unknown>>();

async function setInTurn(
  node: Node,
  { name: written, values }: CommandParams<'policy-set'>,
  { actor }: { readonly actor?: Person | null },
): Promise<PolicyReport> {
  const name = policyNameOf(written);
  const { config, store, input, selfWatch, validation } = node;
  const loaded = loadConfig(config.file, input.home);
  if (!loaded.ok) throw fileRefusal(loaded.file, loaded.problems);
  const before = readFile(config.file);
  const after = withValue(before, name, parsed(name, values));
  const checked = checkConfig(after, config.file, input.home);
  if (!checked.ok) throw fileRefusal(checked.file, checked.problems);
  await selfWatch?.look();
  const isOurs = (selfWatch?.configChangedAt() ?? null) === null;
  const change = { name, before: valueIn(before, name), after: valueIn(after, name), by: actor?.user ?? null };
  const now = input.effects.now();
  appendAudit(store.db, now, 'policy_changed', change);
  try {
    await writeDurably(config.file, new TextEncoder().encode(`${JSON.stringify(after, null, 2)}\n`));
  } catch (error) {
    appendAudit(store.db, input.effects.now(), 'policy_not_changed', { name, detail: errorText(error) });
    throw error;
  }
  transact(store.db, () => {
    apply(config, name, checked.config);
    validation.payouts.voidApprovals();
  });
  // What somebody else has written into it before still waits for a restart.
  if (isOurs) selfWatch?.configWritten();
  input.log('info', 'policy_changed', { name, before: `${change.before}`, after: `${change.after}` });
  return policyReport(node);
}

// What the server works with, which a file that was edited since it started need not say.
function inUse({ policy, feeRateMaxSatVb, network }: OperatorConfig, name: PolicyName): PolicyValue {
  const sats = (limit: bigint | null): number | null => (limit === null ? null : Number(limit));
  switch (name) {
    case 'withdrawal_max_sats':
      return sats(policy.withdrawalMaxSats);
    case 'day_max_sats':
      return sats(policy.dayMaxSats);
    case 'approve_above_sats':
      return sats(policy.approveAboveSats);
    case 'hold_above_sats':
      return sats(policy.holdAboveSats);
    case 'hold_minutes':
      return policy.holdMinutes;
    case 'fee_rate_max_sat_vb':
      return feeRateMaxSatVb;
    case 'consolidate_addresses':
      return policy.consolidateScripts.map((script) => scriptAddress(script, network) ?? '');
  }
}

// All parts of the node hold this very object. Whatever else the file says stays as the server read it: nobody has been asked
// about that, and the audit log does not tell of it.
function apply(config: OperatorConfig, name: PolicyName, next: OperatorConfig): void {
  if (name === 'fee_rate_max_sat_vb') Object.assign(config, { feeRateMaxSatVb: next.feeRateMaxSatVb });
  else Object.assign(config.policy, { [FIELDS[name]]: next.policy[FIELDS[name]] });
}

/** The name that somebody wrote, also with dashes. Throws `CommandError` with what it may be. */
export function policyNameOf(written: string): PolicyName {
  const name = written.replaceAll('-', '_');
  const found = POLICY_NAMES.find((one) => one === name);
  if (found !== undefined) return found;
  if (FEDERATION_NAMES.has(name)) {
    const what = `${name} is the same at all operators, so no operator can set it alone`;
    const remedy =
      'agree on it with all of them, put it into every configuration file, and restart all servers together';
    throw new CommandError('federation_constant', `${what}: ${remedy}`);
  }
  throw new CommandError('policy_unknown', `there is no policy ${name}: it is one of ${POLICY_NAMES.join(', ')}`);
}

type FileObject = Readonly<Record<string, Json>>;

// Checked by `loadConfig` before.
function readFile(file: string): FileObject {
  return objectOf(JSON.parse(readFileSync(file, 'utf8')));
}

function objectOf(value: Json | undefined): FileObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

function valueIn(file: FileObject, name: PolicyName): PolicyValue {
  const value = name === 'fee_rate_max_sat_vb' ? file[name] : objectOf(file['policy'])[name];
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'number' ? value : null;
}

function withValue(file: FileObject, name: PolicyName, value: Json | null): FileObject {
  const isTop = name === 'fee_rate_max_sat_vb';
  const { [name]: _, ...others } = isTop ? file : objectOf(file['policy']);
  const changed = value === null ? others : { ...others, [name]: value };
  return isTop ? changed : { ...file, policy: changed };
}

function parsed(name: PolicyName, values: readonly string[]): Json | null {
  const [first, ...more] = values;
  if (first === OFF && more.length === 0) return null;
  if (name === 'consolidate_addresses') return [...values];
  // What is no number is refused with what it must be, by the check of the whole file.
  if (more.length > 0 || first === undefined || !isPolicyNumber(first)) return values.join(' ');
  return Number(first);
}

/** Whether it is written as every number of the policy is. */
export function isPolicyNumber(written: string): boolean {
  return /^[0-9]{1,16}$/.test(written);
}

function pathOf(name: PolicyName): string {
  return name === 'fee_rate_max_sat_vb' ? name : `policy.${name}`;
}

function fileRefusal(file: string, problems: readonly ConfigProblem[]): CommandError {
  return new CommandError('config', problems.map((one) => describeProblem(file, one)).join(' '));
}
