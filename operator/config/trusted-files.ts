// The files of a node that nobody else may be able to change, looked at before any of them is opened.
import { isAbsolute } from 'node:path';
import type { OperatorConfig } from './config.ts';
import { type PathView, systemPathView, untrusted } from './path-trust.ts';
import { accountKeyPath } from './paths.ts';

// SQLite takes what lies in these beside a database for its own.
const DATABASE_SUFFIXES = ['', '-wal', '-shm', '-journal', '.lock'];

/** Why a file that a configuration names cannot be trusted, as a sentence with its remedy; null where all can. */
export function untrustedFile(config: OperatorConfig, view: PathView = systemPathView()): string | null {
  return untrusted(trustedPaths(config), view);
}

/** Every path that has to be this user's alone, absolute; not all of them need be there. */
export function trustedPaths(config: OperatorConfig): readonly string[] {
  const databases = [config.securityDbPath, config.userDbPath].flatMap((path) =>
    DATABASE_SUFFIXES.map((suffix) => `${path}${suffix}`),
  );
  const files = [
    config.file,
    config.keySharePath,
    config.tlsKeyPath,
    config.tlsCertPath,
    ...databases,
    accountKeyPath(config.userDbPath),
  ];
  return [...files, ...programFiles(config.burnProofVerifier ?? []), ...programFiles(config.notifyCommand ?? [])];
}

/** Why the program that a command runs cannot be trusted, as `untrustedFile` says it. */
export function untrustedProgram(command: readonly string[], view: PathView = systemPathView()): string | null {
  return untrusted(programFiles(command), view);
}

// A program that is not given by its path is looked for as it will be when it is run. Of its arguments, those that are
// paths may be what it runs.
function programFiles([program, ...args]: readonly string[]): readonly string[] {
  if (program === undefined) return [];
  const found = isAbsolute(program) ? program : Bun.which(program);
  return [...(found === null ? [] : [found]), ...args.filter((argument) => isAbsolute(argument))];
}
