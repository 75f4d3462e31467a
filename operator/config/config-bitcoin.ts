// Where the RPC credentials of this operator's Bitcoin nodes come from. Only places are settled here; the secrets
// themselves are read by the RPC client when it needs them.
import { join } from 'node:path';
import type { BitcoinNetwork } from '../../chain/network.ts';
import type { RpcCredentials } from '../../chain/rpc.ts';
import type { OperatorConfig } from './config.ts';

const USER_VARIABLE = 'MPC_OPERATOR_BITCOIN_RPC_USER';
const PASSWORD_VARIABLE = 'MPC_OPERATOR_BITCOIN_RPC_PASSWORD';

export type CredentialsVerdict =
  | { readonly ok: true; readonly credentials: RpcCredentials }
  | { readonly ok: false; readonly detail: string };

// bitcoind keeps every network but mainnet in a folder of its own below the data directory.
const NETWORK_FOLDER: Record<BitcoinNetwork, string> = {
  mainnet: '',
  testnet: 'testnet3',
  testnet4: 'testnet4',
  signet: 'signet',
  regtest: 'regtest',
};

/** The environment first, then what the configuration names, else what bitcoind itself has in its default places. */
export function bitcoinCredentials(
  config: Pick<OperatorConfig, 'bitcoinRpc' | 'network'>,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): CredentialsVerdict {
  const user = env[USER_VARIABLE] ?? '';
  const password = env[PASSWORD_VARIABLE] ?? '';
  if (user !== '' && password !== '') {
    const credentials = {
      kind: 'environment',
      userVariable: USER_VARIABLE,
      passwordVariable: PASSWORD_VARIABLE,
    } as const;
    return { ok: true, credentials };
  }
  if (user !== '' || password !== '') {
    const missing = user === '' ? USER_VARIABLE : PASSWORD_VARIABLE;
    return { ok: false, detail: `${missing} is not set, but its counterpart is. Set both or neither.` };
  }
  const { cookieFile, user: name, passwordFile } = config.bitcoinRpc;
  if (cookieFile !== null) return { ok: true, credentials: { kind: 'file', path: cookieFile } };
  if (name !== null && passwordFile !== null) {
    return { ok: true, credentials: { kind: 'password_file', user: name, path: passwordFile } };
  }
  const { network } = config;
  const cookie = join(home, '.bitcoin', NETWORK_FOLDER[network], '.cookie');
  const conf = join(home, '.bitcoin', 'bitcoin.conf');
  return { ok: true, credentials: { kind: 'bitcoind', cookie, conf, network } };
}
