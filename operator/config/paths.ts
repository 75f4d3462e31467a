// Where things are on this machine: the home folder, the configuration file and the paths written in it. Follows the
// launch instructions, whose paths all begin with `~/.0btc-wire/mpc`.
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** What decides where paths lead. Tests and the devnet give their own. */
export interface PathContext {
  /** Absolute path that `~` stands for. */
  readonly home: string;
  /** Absolute path that relative paths on the command line start from. */
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const CONFIG_PATH_DEFAULT = '~/.0btc-wire/mpc/config.json';

/** The path context of this process. `$HOME` first, as service managers set it; then the user database. */
export function processPaths(): PathContext {
  return { home: homedir(), workingDirectory: process.cwd(), env: process.env };
}

/** Where the key lies that seals the TOTP secrets of an accounts database. */
export function accountKeyPath(userDbPath: string): string {
  return `${userDbPath.replace(/\.db$/, '')}.key`;
}

/** Replaces a leading `~` or `~/` by the home folder. `~other` is left as it is: it names no user here. */
export function expandHome(path: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

/** The absolute form of a path: `~` expanded, and what is still relative taken from `base`. */
export function absolutePath(path: string, base: string, home: string): string {
  const expanded = expandHome(path, home);
  return isAbsolute(expanded) ? resolve(expanded) : resolve(base, expanded);
}

/** The configuration file: `--config`, else `$MPC_OPERATOR_CONFIG`, else the launch instructions' place. */
export function locateConfig(flag: string | undefined, paths: PathContext): string {
  const chosen = flag ?? (paths.env['MPC_OPERATOR_CONFIG'] || CONFIG_PATH_DEFAULT);
  return absolutePath(chosen, paths.workingDirectory, paths.home);
}
