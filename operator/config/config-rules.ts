// The rules of the configuration that a single key's schema cannot say: the federation's arithmetic, addresses that
// must differ, keys that need each other.
import { addressScript } from '../../chain/network.ts';
import { bitcoinUrlProblem, type HostPort, nodeUrlProblem, parseHostPort } from './config-address.ts';
import type { ConfigFile } from './config-keys.ts';

/** One thing wrong with a configuration. `key` null: the file as a whole. */
export interface ConfigProblem {
  readonly key: string | null;
  /** The value as written, shortened; null where there is none or it says nothing. */
  readonly value: string | null;
  /** Continues the sentence "KEY (VALUE) …". */
  readonly problem: string;
  /** Whole sentences: what to do, or why. */
  readonly remedy: string;
}

// sockaddr_un.sun_path holds 108 bytes on Linux with its closing zero, 104 on other systems.
const SOCKET_PATH_BYTES_MAX = 103;

/** Every rule that a well-typed file breaks. `resolve` gives the absolute form of a path of the file. */
export function ruleProblems(file: ConfigFile, resolve: (path: string) => string): ConfigProblem[] {
  return [
    ...federationProblems(file),
    ...addressProblems(file),
    ...nodeProblems(file),
    ...alertmanagerProblems(file),
    ...chainProblems(file),
    ...credentialProblems(file),
    ...pathProblems(file, resolve),
    ...policyProblems(file),
  ];
}

function federationProblems({ parties: n, threshold: t, my_index, party_addresses }: ConfigFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (t > n) {
    problems.push({
      key: 'threshold',
      value: String(t),
      problem: `is more than the ${n} operators there are, so no signature could ever be made`,
      remedy: `Set it to at most ${n}.`,
    });
  } else if (2 * t <= n) {
    problems.push({
      key: 'threshold',
      value: String(t),
      problem: `of ${n} lets two groups of ${t} sign without sharing an operator, so they could decide one deposit or burn in two ways`,
      remedy: `Set it to ${Math.floor(n / 2) + 1} or more.`,
    });
  }
  if (my_index >= n) {
    problems.push({
      key: 'my_index',
      value: String(my_index),
      problem: `is not a place among ${n} operators`,
      remedy: `Indices count from 0: set it to 0 … ${n - 1}.`,
    });
  }
  if (party_addresses.length !== n) {
    problems.push({
      key: 'party_addresses',
      value: null,
      problem: `lists ${party_addresses.length} addresses for ${n} operators`,
      remedy: 'List one address for each operator, in index order, or correct "parties".',
    });
  }
  return problems;
}

function addressProblems(file: ConfigFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const check = (key: string, value: string): HostPort | null => {
    const verdict = parseHostPort(value);
    if (verdict.ok) return verdict.address;
    problems.push({ key, value: JSON.stringify(value), problem: verdict.problem, remedy: verdict.remedy });
    return null;
  };
  const seen = new Map<string, number>();
  file.party_addresses.forEach((value, index) => {
    const key = `party_addresses[${index}]`;
    const address = check(key, value);
    if (address === null) return;
    const earlier = seen.get(address.text);
    if (earlier === undefined) seen.set(address.text, index);
    else {
      const problem = `is the address of operator ${earlier} too`;
      problems.push({
        key,
        value: JSON.stringify(value),
        problem,
        remedy: 'Each operator needs an address of its own.',
      });
    }
  });
  const listen = file.listen_address === undefined ? null : check('listen_address', file.listen_address);
  const metrics = file.metrics_address === undefined ? null : check('metrics_address', file.metrics_address);
  const admin = file.admin_address === undefined ? null : check('admin_address', file.admin_address);
  const open = file.public_address === undefined ? null : check('public_address', file.public_address);
  const other = (key: string, address: HostPort | null, taken: string, by: HostPort | null): void => {
    if (address === null || by === null || address.text !== by.text) return;
    problems.push({ key, value: address.text, problem: `is the ${taken} too`, remedy: 'Choose another port.' });
  };
  other('metrics_address', metrics, 'listen_address', listen);
  other('public_address', open, 'listen_address', listen);
  other('public_address', open, 'metrics_address', metrics);
  other('admin_address', admin, 'listen_address', listen);
  other('admin_address', admin, 'metrics_address', metrics);
  other('admin_address', admin, 'public_address', open);
  return problems;
}

function nodeProblems(file: ConfigFile): ConfigProblem[] {
  return (['bitcoin_nodes', 'wire_nodes'] as const).flatMap((key) =>
    (file[key] ?? []).flatMap((url, index) => {
      const found = key === 'bitcoin_nodes' ? bitcoinUrlProblem(url) : nodeUrlProblem(url);
      // A URL with credentials is not repeated: errors are logged.
      const value = found === null || url.includes('@') ? null : JSON.stringify(url);
      return found === null ? [] : [{ key: `${key}[${index}]`, value, ...found }];
    }),
  );
}

function alertmanagerProblems({ alertmanager_url: url }: ConfigFile): ConfigProblem[] {
  const found = url === undefined ? null : nodeUrlProblem(url);
  if (url === undefined || found === null) return [];
  const value = url.includes('@') ? null : JSON.stringify(url);
  return [
    { key: 'alertmanager_url', value, problem: found.problem, remedy: 'Write for example http://127.0.0.1:9093.' },
  ];
}

function chainProblems(file: ConfigFile): ConfigProblem[] {
  if (file.fork_confirmations >= file.normal_confirmations) return [];
  return [
    {
      key: 'fork_confirmations',
      value: String(file.fork_confirmations),
      problem: `is less than normal_confirmations (${file.normal_confirmations}), so a forked chain would be trusted sooner`,
      remedy: `Set it to ${file.normal_confirmations} or more.`,
    },
  ];
}

function credentialProblems(file: ConfigFile): ConfigProblem[] {
  const user = file.bitcoin_rpc_user !== undefined;
  const password = file.bitcoin_rpc_password_file !== undefined;
  if (file.bitcoin_rpc_cookie_file !== undefined && (user || password)) {
    const problem = 'is given together with a user or password file';
    return [{ key: 'bitcoin_rpc_cookie_file', value: null, problem, remedy: 'Keep one of the two ways.' }];
  }
  if (user === password) return [];
  return user
    ? [{ key: 'bitcoin_rpc_user', value: null, problem: 'has no password', remedy: 'Set "bitcoin_rpc_password_file".' }]
    : [{ key: 'bitcoin_rpc_password_file', value: null, problem: 'has no user', remedy: 'Set "bitcoin_rpc_user".' }];
}

function policyProblems({ policy, network = 'mainnet' }: ConfigFile): ConfigProblem[] {
  return (policy?.consolidate_addresses ?? []).flatMap((address, index) => {
    const verdict = addressScript(address, network);
    if (verdict.ok) return [];
    const problem = `is not an address of ${network}: ${verdict.detail}`;
    const remedy = 'Correct it, or take it out.';
    return [{ key: `policy.consolidate_addresses[${index}]`, value: JSON.stringify(address), problem, remedy }];
  });
}

function pathProblems(file: ConfigFile, resolve: (path: string) => string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const socket = resolve(file.control_socket ?? 'run/control.sock');
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
    problems.push({
      key: 'control_socket',
      value: socket,
      problem: `is longer than the ${SOCKET_PATH_BYTES_MAX} bytes that a Unix socket's path may have`,
      remedy: 'Set "control_socket" to a shorter path.',
    });
  }
  const paths = ['key_share_path', 'tls_cert_path', 'tls_key_path', 'user_db_path', 'security_db_path'] as const;
  const seen = new Map<string, string>();
  for (const key of paths) {
    // Two files in one place would overwrite each other. The databases are compared as they will be named.
    const place = resolve(key.endsWith('_db_path') ? file[key].replace(/\.json$/, '.db') : file[key]);
    const earlier = seen.get(place);
    if (earlier === undefined) seen.set(place, key);
    else
      problems.push({
        key,
        value: place,
        problem: `is the file of "${earlier}" too`,
        remedy: 'Give each its own file.',
      });
  }
  return problems;
}
