/** @jsxImportSource hono/jsx */
// What an act of money has come to, as sentences and facts with links to where it is shown. Acts of other kinds show their result as
// it is.
import type { Child } from 'hono/jsx';
import type { Json } from '../crypto/canonical-json.ts';
import { Facts, Grouped, Sats, ShortId } from './kit.tsx';
import { sentence, Told } from './overview.tsx';

/** What an act came to, in words. */
interface Words {
  readonly says: readonly Child[];
  readonly facts?: readonly (readonly [string, Child])[];
}

type Fields = Readonly<Record<string, Json>>;

// Results are JSON of this program itself; a field that is not there is left out rather than guessed.
function fieldsOf(value: Json | undefined): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function stepLink(txid: string) {
  return <ShortId id={txid} href={`/payouts/${txid}`} />;
}

function satsOf(value: Json | undefined): Child {
  const text = textOf(value);
  return /^-?[0-9]+$/.test(text) ? <Sats sats={text} /> : 'unknown';
}

function rateText(value: Json | undefined): string {
  return typeof value === 'number' ? `${value.toFixed(2)} sat/vB` : 'unknown';
}

function stepFacts(step: Fields): readonly (readonly [string, Child])[] {
  const signing = fieldsOf(step['signing']);
  const excluded = listOf(signing['excluded']).map(fieldsOf);
  return [
    ['Step', stepLink(textOf(step['txid']))],
    ['Kind', textOf(step['kind'])],
    ['Burns', String(listOf(step['burns']).length)],
    ['Deposits and top-ups swept', textOf(step['swept']) || '0'],
    [
      'Fee',
      <>
        {satsOf(step['miner_fee'])}, {rateText(step['fee_rate'])}
      </>,
    ],
    ['Signers', listOf(signing['signers']).map(textOf).join(', ') || 'none'],
    ...excluded.map(
      (one) => [`Operator ${textOf(one['index'])} did not sign`, sentence(textOf(one['reason']))] as const,
    ),
  ];
}

function leftSays(left: Json | undefined): readonly Child[] {
  return listOf(left)
    .map(fieldsOf)
    .map((one) => {
      const burn = textOf(one['burn_txid']);
      return (
        <>
          {burn === '' ? (
            'The line waits'
          ) : (
            <>
              Burn <ShortId id={burn} href={`/payouts/burns/${burn}`} /> waits
            </>
          )}{' '}
          for <Told text={textOf(one['remedy'])} /> <span class="muted">({textOf(one['reason'])})</span>
        </>
      );
    });
}

function madeStep(what: string, result: Fields): Words {
  const step = fieldsOf(result['step']);
  const isOut = step['broadcast'] === true;
  return {
    says: [
      `${what} ${isOut ? 'It is with your Bitcoin nodes and waits for a block.' : 'It is not with your Bitcoin nodes yet.'}`,
      ...(textOf(step['detail']) === '' ? [] : [<Told text={sentence(textOf(step['detail']))} />]),
      ...leftSays(result['left']),
    ],
    facts: stepFacts(step),
  };
}

function requestTold(result: Fields, says: (request: Fields) => string): Words {
  const request = fieldsOf(result['request']);
  const id = textOf(request['id']);
  const burn = textOf(request['burn_txid']);
  const told = listOf(result['told']).map(textOf);
  return {
    says: [says(request)],
    facts: [
      ['Request', <ShortId id={id} href={`/approvals/${id}`} />],
      ...(burn === '' ? [] : [['Burn', <ShortId id={burn} href={`/payouts/burns/${burn}`} />] as const]),
      ['It asks', sentence(textOf(request['reason']))],
      ['Until', textOf(request['expires_at'])],
      ...(told.length === 0 ? [] : [['Operators that have heard it', told.join(', ')] as const]),
    ],
  };
}

function holdTold(result: Fields): Words {
  const burn = textOf(result['burn_txid']);
  const signed = textOf(result['signed_step']);
  const needed = textOf(result['holds_needed']);
  return {
    says: [
      'This node signs no payout of the burn until somebody releases it here.',
      ...(needed === '' ? [] : [`It is not paid at all only while ${needed} operators hold it.`]),
      ...(result['known'] === false ? ['Your Wire nodes do not know this burn yet: check the id.'] : []),
      ...(signed === ''
        ? []
        : [<>A step that pays it is signed already and can still be mined: {stepLink(signed)}.</>]),
    ],
    facts: [['Burn', <ShortId id={burn} href={`/payouts/burns/${burn}`} />]],
  };
}

function voidTold(result: Fields): Words {
  const told = requestTold(result, () => 'All operators are asked to approve the void step.');
  if (result['step'] === null || result['step'] === undefined) {
    return { ...told, says: [...told.says, `Not signed yet: ${sentence(textOf(result['detail']))}`] };
  }
  return madeStep('The void step is signed.', result);
}

function addressTold(result: Fields): Words {
  const recipient = textOf(result['recipient']);
  return {
    says: [
      'All nodes watch this address. What is paid to it is attested for the recipient.',
      <a class="button main" href={`/deposits/address/${recipient}`}>
        Show it with its QR code
      </a>,
    ],
    facts: [
      ['Address', <Grouped text={textOf(result['address'])} />],
      ['Recipient', <code>{recipient}</code>],
      ['Script', <code>{textOf(result['script'])}</code>],
    ],
  };
}

function attestTold(result: Fields): Words {
  const { deposit_txid: txid, deposit_vout: vout, amount } = fieldsOf(result['attestation']);
  const deposit = `${textOf(txid)}:${textOf(vout)}`;
  return {
    says: [
      result['test'] === true
        ? 'The test attestation is signed. It mints nothing.'
        : 'The deposit is attested. Its mint on Wire follows by itself.',
      ...(textOf(result['detail']) === '' ? [] : [<Told text={sentence(textOf(result['detail']))} />]),
    ],
    facts: [
      ['Deposit', <a href={`/deposits/${textOf(txid)}/${textOf(vout)}`}>{deposit}</a>],
      ['Amount', satsOf(amount)],
      ['Handed to Wire', result['submitted'] === true ? 'yes' : 'no'],
      ['Signers', listOf(fieldsOf(result['signing'])['signers']).map(textOf).join(', ')],
    ],
  };
}

function testTold(what: string, result: Fields): Words {
  return {
    says: [
      `${what} ${result['broadcast'] === true ? 'It was broadcast.' : 'It can never be mined, and nothing was broadcast.'}`,
      ...(textOf(result['detail']) === '' ? [] : [sentence(textOf(result['detail']))]),
    ],
    facts: [
      ['Transaction', <code>{textOf(result['txid'])}</code>],
      ['Inputs', textOf(result['inputs'])],
      ['Fee', satsOf(result['miner_fee'])],
    ],
  };
}

function withdrawTold(result: Fields): Words {
  const isNew = result['status'] === 'new';
  return madeStep(
    isNew ? 'A step that pays the burns is signed.' : 'A step that waits pays these burns already.',
    result,
  );
}

function consolidationTold(result: Fields): Words {
  const made = madeStep('The step that pays out the surplus is signed.', result);
  return {
    ...made,
    facts: [
      ['Pays', satsOf(result['amount'])],
      ['To', <Grouped text={textOf(result['address'])} />],
      ['Surplus that stays', satsOf(result['surplus'])],
      ...(made.facts ?? []),
    ],
  };
}

const TOLD: Readonly<Record<string, (result: Fields) => Words>> = {
  withdraw: withdrawTold,
  bump: (result) => madeStep('The step that waited is replaced by one that pays more.', result),
  hold: holdTold,
  unhold: (result) => ({
    says: ['This node signs a payout of the burn again.'],
    facts: [
      ['Burn', <ShortId id={textOf(result['burn_txid'])} href={`/payouts/burns/${textOf(result['burn_txid'])}`} />],
    ],
  }),
  void: voidTold,
  veto: (result) => requestTold(result, () => 'The payout is vetoed, and the other operators are told.'),
  'requests-approve': (result) =>
    requestTold(result, ({ kind }) =>
      kind === 'veto'
        ? 'This operator lets the vetoed payout go.'
        : 'It is approved here: this node may sign it. The others decide at their own nodes.',
    ),
  'requests-refuse': (result) => requestTold(result, () => 'It is refused: this node does not sign it.'),
  'consolidate-fees': consolidationTold,
  'test-consolidate-fees': (result) => testTold('The test consolidation is signed.', result),
  'test-burn': (result) => testTold('The test payout is signed.', result),
  'deposit-address': addressTold,
  attest: attestTold,
};

/** What an act came to. The JSON stays at hand, as the command line prints it. */
export function ActResult({ command, result }: { command: string; result: Json }) {
  const told = TOLD[command]?.(fieldsOf(result));
  if (told === undefined) return null;
  return (
    <>
      {told.says.map((line) => (
        <p>{line}</p>
      ))}
      {told.facts !== undefined && <Facts of={told.facts} />}
    </>
  );
}
