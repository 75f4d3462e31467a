// A federation of one for tests: a plain secret key in the place of the bitcoin group key, signing under BIP 341
// tweaks.
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import type { BuiltSpend, InputMessage } from '../../chain/custody-spend.ts';

const { Fn, BASE } = secp256k1.Point;

export interface SingleSigner {
  /** 33 bytes. */
  readonly groupKey: Uint8Array;
  sign(message: InputMessage): Uint8Array;
  signAll(spend: BuiltSpend): Uint8Array[];
}

/** A signer whose key follows from a number; even and odd y both occur among small ones. */
export function singleSigner(seed: number): SingleSigner {
  const secret = Fn.create(BigInt(seed) * 0x1f3d5b79n + 7n);
  const point = BASE.multiply(secret);
  const sign = ({ message, tweaks }: InputMessage) => {
    let key = secret;
    for (const { tweak, xOnly } of tweaks) {
      if (!xOnly) throw new Error('address tweaks are x-only');
      const isOdd = (BASE.multiply(key).toAffine().y & 1n) === 1n;
      key = Fn.add(isOdd ? Fn.neg(key) : key, Fn.fromBytes(tweak));
    }
    return schnorr.sign(message, Fn.toBytes(key));
  };
  return {
    groupKey: point.toBytes(true),
    sign,
    signAll: (spend) => spend.messages.map(sign),
  };
}
