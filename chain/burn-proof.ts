// The optional `burn_proof_verifier`: an operator's own command that gets a burn's proof on stdin and must exit 0.
import type { BurnProofVerifier } from './burn.ts';
import { WireLedgerError } from './wire-ledger.ts';

/** Longest time a verifier may take unless configured otherwise, in milliseconds. */
export const BURN_PROOF_TIMEOUT_MS_DEFAULT = 30_000;

/**
 * A verifier that runs `command` (program and arguments, no shell) once per burn, with the proof's bytes on stdin and
 * the burn in MPC_BURN_TXID, MPC_BURN_ADDRESS, MPC_BURN_AMOUNT and MPC_BURN_FEE. Exit status 0: it holds; any other:
 * it does not, as for a burn without proof. A command that cannot be started or runs too long throws
 * `WireLedgerError`.
 */
export function burnProofCommand(command: readonly string[], timeoutMs: number): BurnProofVerifier {
  const [program] = command;
  if (program === undefined) throw new Error('the burn proof verifier names no program');
  return async (burn) => {
    if (burn.proof === null) return false;
    let child: Bun.Subprocess<Uint8Array, 'ignore', 'ignore'>;
    try {
      child = Bun.spawn([...command], {
        stdin: burn.proof,
        stdout: 'ignore',
        stderr: 'ignore',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        // Only what a program needs to start: the operator's environment may name secrets.
        env: {
          PATH: process.env['PATH'] ?? '/usr/bin:/bin',
          MPC_BURN_TXID: burn.burnTxid,
          MPC_BURN_ADDRESS: burn.address,
          MPC_BURN_AMOUNT: burn.amount.toString(),
          MPC_BURN_FEE: burn.fee.toString(),
        },
      });
    } catch {
      throw new WireLedgerError(`the burn proof verifier ${program} cannot be started`);
    }
    const status = await child.exited;
    if (child.signalCode !== null)
      throw new WireLedgerError(`the burn proof verifier was ended by ${child.signalCode}`);
    return status === 0;
  };
}
