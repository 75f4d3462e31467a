// The one error of BIP 445 that carries blame. Broken preconditions are ValueError (crypto/secp256k1.ts).

/** What kind of message was invalid. */
export type ContributionKind = 'aggnonce' | 'pubnonce' | 'psig';

/** A party sent a value that the protocol does not allow. */
export class InvalidContributionError extends Error {
  override readonly name: string = 'InvalidContributionError';
  /** Position of the signer in the session's list of signers; null: the coordinator. */
  readonly signerIndex: number | null;
  readonly contribution: ContributionKind;

  constructor(signerIndex: number | null, contribution: ContributionKind) {
    const sender = signerIndex === null ? 'the coordinator' : `the signer at position ${signerIndex}`;
    super(`Invalid ${contribution} from ${sender}.`);
    this.signerIndex = signerIndex;
    this.contribution = contribution;
  }
}
