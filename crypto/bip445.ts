// BIP 445: FROST signing for BIP 340 Schnorr signatures, shaped as the BIP shapes it, without its optional
// deterministic signing. The signing ceremony uses crypto/bip340-scheme.ts, which stands on the same parts and keeps
// what does not change between signatures.

export { type ContributionKind, InvalidContributionError } from './bip445/errors.ts';
export { interpolatingValue, interpolatingValues } from './bip445/lagrange.ts';
export { type Nonce, type NonceInputs, nonceAgg, nonceGen } from './bip445/nonce.ts';
export type { SessionContext } from './bip445/session.ts';
export { partialSigAgg, partialSigVerify, sign } from './bip445/signature.ts';
export { deriveThresholdPublicKey, type SignersContext, validateSignersContext } from './bip445/signers.ts';
export { applyTweak, type TweakContext, tweakContextInit, tweakThresholdPublicKey } from './bip445/tweak.ts';
export { ValueError } from './secp256k1.ts';
