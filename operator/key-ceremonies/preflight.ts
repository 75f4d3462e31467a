// What a node checks about itself before it takes part in making keys; the others see the outcome by name.

import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PreflightCheck } from '../../ceremony/messages-dkg.ts';
import { type BitcoinView, BitcoinViewError } from '../../chain/bitcoin-view.ts';
import type { OperatorConfig } from '../config/config.ts';
import { daysLeft } from '../peers/certificate.ts';
import { loadTlsIdentity } from '../peers/tls.ts';
import type { ProveTls } from '../peers/tls-self-test.ts';

/** Free disk space that a node needs, in bytes. */
export const DISK_FREE_BYTES_MIN = 512 * 1024 * 1024;
/** A TLS certificate must outlive the ceremony by this many days. */
export const CERTIFICATE_DAYS_MIN = 7;

/** What is checked. `proveTls`: null where no TLS carries the messages. */
export interface PreflightInput {
  readonly config: OperatorConfig;
  readonly bitcoin: BitcoinView;
  readonly proveTls: ProveTls | null;
}

/** Runs all checks; a check that cannot be made has failed. `now` in ms since 1970. */
export async function runPreflight(
  { config, bitcoin, proveTls }: PreflightInput,
  now: number,
): Promise<readonly PreflightCheck[]> {
  return Promise.all([certificateCheck(config, proveTls, now), diskCheck(config), bitcoinCheck(bitcoin)]);
}

async function certificateCheck(
  config: OperatorConfig,
  proveTls: ProveTls | null,
  now: number,
): Promise<PreflightCheck> {
  const name = 'tls certificate';
  const verdict = await loadTlsIdentity(config.tlsCertPath, config.tlsKeyPath, now);
  if (!verdict.ok) return { name, ok: false, detail: clip(verdict.detail) };
  const flaw = (await proveTls?.(verdict.identity, config.tlsCertPath)) ?? null;
  if (flaw !== null) return { name, ok: false, detail: clip(flaw) };
  const days = daysLeft(verdict.identity.facts, now);
  return { name, ok: days >= CERTIFICATE_DAYS_MIN, detail: `${days} days left` };
}

async function diskCheck(config: OperatorConfig): Promise<PreflightCheck> {
  const name = 'disk space';
  try {
    const { bavail, bsize } = await statfs(dirname(config.securityDbPath));
    const free = bavail * bsize;
    return { name, ok: free >= DISK_FREE_BYTES_MIN, detail: `${Math.floor(free / 1024 / 1024)} MiB free` };
  } catch (error) {
    return {
      name,
      ok: false,
      detail: clip(`cannot be checked: ${error instanceof Error ? error.message : 'unknown'}`),
    };
  }
}

async function bitcoinCheck(bitcoin: BitcoinView): Promise<PreflightCheck> {
  const name = 'bitcoin node';
  try {
    const tip = await bitcoin.tip();
    return { name, ok: true, detail: `height ${tip.height}` };
  } catch (error) {
    if (error instanceof BitcoinViewError) return { name, ok: false, detail: clip(error.message) };
    throw error;
  }
}

function clip(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}
