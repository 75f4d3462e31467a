// Holds what is said of a step to the bytes of its transaction, before anything is written. A contradiction is a fault of the
// caller, who has validated the step.
import { assertBatch, type Outpoint } from './database.ts';
import { readUnsigned } from './line-bytes.ts';
import type { ListedBurn, StepContent } from './line-steps.ts';

/** The output number of the input that makes a transaction a test: no transaction fits so many outputs. */
const IMPOSSIBLE_VOUT = 0xffff_ffff;

/** Throws where what is said of a step is not what its bytes say, and where the step is a test. */
export function assertContent({
  txid,
  parentTxid,
  unsignedTx,
  inputs,
  treasuryAmount,
  kind,
  burns,
}: StepContent): void {
  assertBatch(burns ?? []);
  const read = readUnsigned(unsignedTx);
  if (read.txid !== txid) throw new Error('the txid is not of this transaction (without witnesses)');
  if (!isSameInputs(read.inputs, inputs)) throw new Error('the inputs are not those of the transaction');
  if (read.outputs[0]?.amount !== treasuryAmount) throw new Error('output 0 does not hold the treasury’s amount');
  const [first] = inputs;
  const isChild = first?.txid === parentTxid && first?.vout === 0;
  if (parentTxid !== null && !isChild) throw new Error('input 0 is not output 0 of the parent');
  if (inputs.some(({ vout }) => vout === IMPOSSIBLE_VOUT)) throw new Error('a test step stands outside the line');
  if ((kind === null) !== (burns === null)) throw new Error('a list has a kind and burns');
}

function isSameInputs(a: readonly Outpoint[], b: readonly Outpoint[]): boolean {
  return (
    a.length === b.length && a.every(({ txid, vout }, index) => b[index]?.txid === txid && b[index]?.vout === vout)
  );
}

/** Whether two lists name the same burns. */
export function isSameList(a: readonly ListedBurn[], b: readonly ListedBurn[]): boolean {
  const names = (list: readonly ListedBurn[]) => list.map(({ burnTxid, nullifier }) => `${burnTxid}:${nullifier}`);
  return names(a).sort().join() === names(b).sort().join();
}
