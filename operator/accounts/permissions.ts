// The permission matrix: what may be done here, and by which roles. It stands here alone; the command line asks it, and every
// other way to act has to. `mpc_operator user roles` prints it.
import { USER_ROLES, type UserRole } from '../../store/schema-users.ts';
import type { CommandName, CommandParams } from '../runtime/command-types.ts';

/** `what` completes the sentence "… may"; `second`: it takes a second person of another of these roles as well. */
export interface Permission {
  readonly what: string;
  readonly roles: readonly UserRole[];
  readonly second: boolean;
}

const RUNS: readonly UserRole[] = ['admin', 'operator'];
const KEEPS_KEYS: readonly UserRole[] = ['admin', 'security-officer'];
const ANSWERS: readonly UserRole[] = ['admin', 'operator', 'security-officer'];

/** Every act, in the order in which `user roles` shows it. */
export const PERMISSIONS = {
  accounts: { what: 'create, enable and delete users, and give them roles', roles: ['admin'], second: false },
  'account-access': { what: 'reset, unlock and disable users', roles: KEEPS_KEYS, second: false },
  configure: { what: 'change the configuration', roles: ['admin'], second: false },
  cards: { what: 'add the cards of other operators', roles: KEEPS_KEYS, second: false },
  'key-ceremony': { what: 'make keys, and abandon a key ceremony', roles: KEEPS_KEYS, second: false },
  'recover-key': { what: 'bring a key back', roles: KEEPS_KEYS, second: true },
  unseal: { what: 'open the key file of the running server', roles: ANSWERS, second: false },
  seal: { what: 'drop the keys from the memory of the running server', roles: ANSWERS, second: false },
  backup: { what: 'back up the key material', roles: KEEPS_KEYS, second: false },
  'enable-service': { what: 'let the node sign real attestations and payouts', roles: ANSWERS, second: true },
  'disable-service': { what: 'end new attestations at the node', roles: ANSWERS, second: false },
  pause: { what: 'stop all signing in an emergency', roles: ANSWERS, second: false },
  resume: { what: 'end a pause', roles: KEEPS_KEYS, second: true },
  policy: { what: 'change what this operator signs', roles: KEEPS_KEYS, second: true },
  'open-treasury': { what: 'open the treasury', roles: RUNS, second: false },
  deposits: { what: 'make deposit addresses and attest deposits', roles: RUNS, second: false },
  payouts: { what: 'pay burns and raise fees', roles: RUNS, second: false },
  consolidate: { what: 'pay the surplus to an agreed address', roles: RUNS, second: false },
  hold: { what: 'hold burns back and release them', roles: ANSWERS, second: false },
  veto: { what: 'veto large payouts in their hold window', roles: ANSWERS, second: false },
  void: { what: 'ask to make all unmined steps worthless', roles: RUNS, second: false },
  approve: { what: 'approve and refuse requests', roles: ANSWERS, second: false },
  checklist: { what: 'confirm boxes of the checklist', roles: ANSWERS, second: false },
  test: { what: 'have the keys sign tests', roles: RUNS, second: false },
  incidents: { what: 'open incidents, take their steps and notify people', roles: ANSWERS, second: false },
  'ceremony-date': { what: 'propose and answer dates of the key ceremony', roles: ANSWERS, second: false },
} as const satisfies Readonly<Record<string, Permission>>;
export type Action = keyof typeof PERMISSIONS;

/** The act that each command is; null where it only reads, or proves by itself who asks. */
const COMMAND_ACTIONS: { readonly [C in CommandName]: Action | null } = {
  status: null,
  unseal: 'unseal',
  'key-info': null,
  // Writes what configuration and certificate say already.
  'peer-export': null,
  'peer-add': 'cards',
  'peer-list': null,
  dkg: 'key-ceremony',
  'ceremony-list': null,
  'ceremony-show': null,
  'ceremony-abandon': 'key-ceremony',
  'ceremony-recover': 'recover-key',
  treasury: null,
  'treasury-open': 'open-treasury',
  'test-communication': null,
  'test-signing': 'test',
  'deposit-address': 'deposits',
  attest: 'deposits',
  'test-burn': 'test',
  deposits: null,
  fees: null,
  'test-consolidate-fees': 'test',
  'consolidate-fees': 'consolidate',
  withdraw: 'payouts',
  bump: 'payouts',
  hold: 'hold',
  unhold: 'hold',
  void: 'void',
  veto: 'veto',
  'requests-list': null,
  'requests-show': null,
  'requests-approve': 'approve',
  'requests-refuse': 'approve',
  withdrawals: null,
  'withdrawals-waiting': null,
  'service-status': null,
  'enable-service': 'enable-service',
  'disable-service': 'disable-service',
  'emergency-pause': 'pause',
  'emergency-resume': 'resume',
  'emergency-status': null,
  'policy-show': null,
  'policy-set': 'policy',
  'tls-rotate': 'configure',
  seal: 'seal',
  'backup-key-share': 'backup',
  'backup-list': null,
  // Notes what another command has done; the schedule runs it with nobody at a terminal.
  'backup-record': null,
  'user-list': null,
  'user-create': 'accounts',
  'user-set-role': 'accounts',
  'user-reset': 'account-access',
  'user-unlock': 'account-access',
  'user-disable': 'account-access',
  'user-enable': 'accounts',
  'user-delete': 'accounts',
  // The person shows a reset code and the factor that is left.
  'user-set-password': null,
  'user-set-totp': null,
  authorise: 'configure',
  'security-check': null,
  checklist: null,
  'checklist-confirm': 'checklist',
  contacts: null,
  escalate: 'incidents',
  'incident-list': null,
  'incident-show': null,
  'incident-acknowledge': 'incidents',
  'incident-respond': 'incidents',
  'incident-plan': 'incidents',
  'incident-close': 'incidents',
  'incident-test-notify': 'incidents',
  'ceremony-schedule': 'ceremony-date',
  'ceremony-schedule-show': null,
  'ceremony-schedule-answer': 'ceremony-date',
};

/** The act that a command with these parameters is, or null where nobody has to sign in for it. */
export function actionOf<C extends CommandName>(command: C, params: CommandParams<C>): Action | null {
  if (command === 'attest' && 'test' in params && params.test === true) return 'test';
  return COMMAND_ACTIONS[command];
}

/** Whether somebody of a role may do it. */
export function mayDo(role: UserRole, action: Action): boolean {
  const { roles }: Permission = PERMISSIONS[action];
  return roles.includes(role);
}

/** The matrix as rows: each act, what it is, and whether each role may. */
export function permissionRows(): readonly {
  readonly action: Action;
  readonly what: string;
  readonly roles: readonly UserRole[];
  readonly second_person: boolean;
}[] {
  const actions = Object.keys(PERMISSIONS).filter((name): name is Action => Object.hasOwn(PERMISSIONS, name));
  return actions.map((action) => {
    const { what, roles, second }: Permission = PERMISSIONS[action];
    return { action, what, roles: USER_ROLES.filter((role) => roles.includes(role)), second_person: second };
  });
}
