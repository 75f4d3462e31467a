// `init`: configuration, TLS certificate, keys, database and operator card. The configuration comes last, so that one
// that exists belongs to a node that is complete. What is there already is kept: keys are never replaced.

import { existsSync } from 'node:fs';
import { cardFingerprint } from '../crypto/operator-card.ts';
import { liveKey } from '../store/keys.ts';
import { openStore } from '../store/open.ts';
import { ownerOf } from '../store/owner.ts';
import { checkConfig, describeProblem, type OperatorConfig } from './config/config.ts';
import type { ConfigFile } from './config/config-keys.ts';
import { writeConfig } from './config/config-write.ts';
import { untrustedFile } from './config/trusted-files.ts';
import { assertOwnPlace, claimDatabase } from './keys/database-owner.ts';
import { KeyRing, lostKeyFile } from './keys/key-ring.ts';
import { scryptWorkFactor } from './node.ts';
import { ensureOwnCard } from './peers/federation.ts';
import { ensureTlsFiles } from './peers/tls.ts';
import { provenTlsIdentity } from './peers/tls-self-test.ts';
import { CommandError } from './runtime/command-error.ts';
import type { Effects } from './runtime/effects.ts';

/** What `init` is told. `file`: absolute path of the configuration; `home`: what `~` stands for. */
export interface InitialiseInput {
  readonly file: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly content: ConfigFile;
  /** Of the key file. */
  readonly passphrase: string;
  /** Replaces a configuration that exists; never keys or certificate. */
  readonly force: boolean;
  readonly effects: Effects;
}

/** What was made. `fingerprint`: the operator card's words. */
export interface InitialiseResult {
  readonly configPath: string;
  readonly certificatePath: string;
  readonly created: readonly string[];
  readonly fingerprint: string;
}

/** Sets a node up. Throws `CommandError`, `KeyFileError` or `StoreError` with one sentence each. */
export async function initialise(input: InitialiseInput): Promise<InitialiseResult> {
  const { file, home, content, force, effects } = input;
  const verdict = checkConfig(content, file, home);
  if (!verdict.ok) {
    throw new CommandError('config', verdict.problems.map((problem) => describeProblem(file, problem)).join(' '));
  }
  const { config } = verdict;
  const untrusted = untrustedFile(config);
  if (untrusted !== null) throw new CommandError('untrusted_file', untrusted);
  if (!force && existsSync(file)) throw new CommandError('config_exists', `${file} exists already`);
  const address = config.partyAddresses[config.myIndex]?.text ?? '';
  const { tlsCertPath: certificatePath, tlsKeyPath: keyPath, keySharePath, securityDbPath, network, myIndex } = config;

  const made = await ensureTlsFiles({ certificatePath, keyPath, name: config.name, address, now: effects.now() });
  if (made.outcome === 'incomplete') {
    throw new CommandError(
      'tls',
      `only one of ${certificatePath} and ${keyPath} is there: put both, or remove the other`,
    );
  }
  const tls = await provenTlsIdentity(config, effects.now());

  const workFactor = scryptWorkFactor(config.network, input.env);
  const ring = new KeyRing({ path: keySharePath, network, index: myIndex, ...workFactor });
  const hadKeys = existsSync(keySharePath);
  const hadDatabase = existsSync(securityDbPath);
  if (hadDatabase) assertKeysFor(config, hadKeys);
  if (hadKeys) await ring.unseal(input.passphrase);
  else await ring.create(input.passphrase, () => effects.random(32));
  const store = openStore(securityDbPath);
  try {
    claimDatabase(config, store.db, ring);
    const card = ensureOwnCard(config, store.db, ring, tls.facts.pem, effects.now());
    const written = await writeConfig(file, content, { force });
    if (!written.ok) throw new CommandError('config_exists', `${file} exists already`);
    const created = [
      ...(made.outcome === 'made' ? [certificatePath, keyPath] : []),
      ...(hadKeys ? [] : [keySharePath]),
      ...(hadDatabase ? [] : [securityDbPath]),
      file,
    ];
    return { configPath: file, certificatePath, created, fingerprint: cardFingerprint(card).join(' ') };
  } finally {
    ring.close();
    store.close();
  }
}

// Before keys are made: new ones beside the database of a node would make one that no peer knows.
function assertKeysFor(config: OperatorConfig, hadKeys: boolean): void {
  const store = openStore(config.securityDbPath);
  try {
    assertOwnPlace(config, store.db);
    if (hadKeys) return;
    const live = liveKey(store.db);
    if (live !== null) throw new CommandError('key_file_lost', lostKeyFile(config.keySharePath, live.keyId));
    if (ownerOf(store.db) === null) return;
    const lost = `${store.path} belongs to a node whose key file is not at ${config.keySharePath}`;
    throw new CommandError('key_file_lost', `${lost}: put the key file back from its backup`);
  } finally {
    store.close();
  }
}
