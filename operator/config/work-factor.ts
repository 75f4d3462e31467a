// How much work a passphrase costs whoever guesses it: scrypt's work factor of new sealed files.
import type { OperatorConfig } from './config.ts';

/**
 * The scrypt work factor of new sealed files: the default, unless `MPC_OPERATOR_SCRYPT_WORK_FACTOR` says otherwise on
 * regtest, where federations on one machine make many key files at once and hold nothing.
 */
export function scryptWorkFactor(
  network: OperatorConfig['network'],
  env: Readonly<Record<string, string | undefined>>,
): { readonly workFactor?: number } {
  const text = env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'];
  if (text === undefined || network !== 'regtest') return {};
  const workFactor = Number(text);
  return Number.isInteger(workFactor) && workFactor >= 1 && workFactor <= 20 ? { workFactor } : {};
}
