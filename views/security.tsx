/** @jsxImportSource hono/jsx */
// Security: what the checks find, the worst first, and the checklist of the launch.
import type { Seen } from '../operator/admin/lookout.ts';
import type { ChecklistBox, CheckReport, CheckVerdict } from '../operator/runtime/check-command-types.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { ActLink, Ago, Card, Chip, Empty, Table, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

const TABS = [
  ['/security', 'Findings'],
  ['/security/checklist', 'Checklist'],
  ['/security/users', 'Users'],
  ['/security/policy', 'Policy'],
  ['/security/audit', 'Audit log'],
] as const;

/** The pages of Security. `path`: the one that is shown. */
export function SecurityTabs({ path }: { path: (typeof TABS)[number][0] }) {
  return (
    <nav class="buttons" aria-label="Security">
      {TABS.map(([href, title]) => (
        <a class="button" href={href} {...(href === path && { 'aria-current': 'page' as const })}>
          {title}
        </a>
      ))}
    </nav>
  );
}

const VERDICTS: Readonly<Record<CheckVerdict, readonly [string, Tone]>> = {
  fail: ['Fails', 'bad'],
  warn: ['Warning', 'warn'],
  pass: ['Passes', 'ok'],
};

/** While the checks are made for the first time: they ask peers and own nodes, which may take some seconds. */
export function BeingChecked({ fault }: { fault: string | null }) {
  if (fault !== null) return <Notice tone="bad">{sentence(`the checks cannot be made: ${fault}`)}</Notice>;
  return (
    <Empty>
      <p>
        <strong>The checks are under way.</strong> They ask peers, own nodes and the machine, which takes some seconds.
        What they find appears here by itself; without JavaScript, load this page again.
      </p>
    </Empty>
  );
}

/** What is wrong, worst first, then what passes. */
export function Findings({ seen, now }: { seen: Seen<CommandResults['security-check']>; now: number }) {
  if (seen.value === null || seen.at === null) return <BeingChecked fault={seen.fault} />;
  const { checks, counts } = seen.value;
  const wrong = checks.filter(({ verdict }) => verdict !== 'pass');
  const passed = checks.filter(({ verdict }) => verdict === 'pass');
  return (
    <Card title="Findings">
      <p>
        <Chip tone="bad">{counts.fail} fail</Chip> <Chip tone="warn">{counts.warn} warn</Chip>{' '}
        <Chip tone="ok">{counts.pass} pass</Chip>{' '}
        <span class="muted">
          checked <Ago at={new Date(seen.at).toISOString()} now={now} /> ago
        </span>
      </p>
      {wrong.length === 0 ? (
        <Empty>
          <p>
            <strong>All {passed.length} checks pass.</strong> They are made again while somebody looks at this page.
          </p>
        </Empty>
      ) : (
        <ol class="needs">
          {wrong.map((check) => (
            <Finding check={check} />
          ))}
        </ol>
      )}
      {passed.length > 0 && (
        <details>
          <summary>{passed.length === 1 ? '1 check passes' : `${passed.length} checks pass`}</summary>
          <Table caption="Checks that pass" hideCaption head={['Check', 'What is so']}>
            {passed.map(({ id, title, seen }) => (
              <tr id={`check-${id}`}>
                <th scope="row">{title}</th>
                <td>{sentence(seen)}</td>
              </tr>
            ))}
          </Table>
        </details>
      )}
    </Card>
  );
}

function Finding({ check: { id, title, verdict, seen, action } }: { check: CheckReport }) {
  const [word, tone] = VERDICTS[verdict];
  return (
    <li class={verdict === 'fail' ? 'critical' : 'error'} id={`check-${id}`}>
      <div class="head">
        <Chip tone={tone}>{word}</Chip>
        <strong>{title}</strong>
      </div>
      <div>
        <Told text={sentence(seen)} />
      </div>
      {action !== null && (
        <div>
          <strong>Do:</strong> <Told text={sentence(action)} />
        </div>
      )}
    </li>
  );
}

/** The boxes of the checklist. */
export function Checklist({
  seen,
  now,
  mayConfirm,
}: {
  seen: Seen<CommandResults['checklist']>;
  now: number;
  mayConfirm: boolean;
}) {
  if (seen.value === null || seen.at === null) return <BeingChecked fault={seen.fault} />;
  const { boxes, ticked, total } = seen.value;
  return (
    <>
      <Card title="Checklist">
        <p>
          {ticked === total ? <Chip tone="ok">All ticked</Chip> : <Chip tone="warn">{total - ticked} open</Chip>}{' '}
          {ticked} of {total} boxes are ticked.{' '}
          <span class="muted">
            Checked <Ago at={new Date(seen.at).toISOString()} now={now} /> ago.
          </span>
        </p>
      </Card>
      {boxes.map((box) => (
        <Box box={box} mayConfirm={mayConfirm} />
      ))}
    </>
  );
}

function Box({ box, mayConfirm }: { box: ChecklistBox; mayConfirm: boolean }) {
  const { title, ticked, items, confirmation, needs_confirmation: isByHand, action } = box;
  return (
    <Card title={title} id={`box-${box.box}`}>
      <p>
        <Chip tone={ticked ? 'ok' : 'warn'}>{ticked ? 'Ticked' : 'Open'}</Chip>
      </p>
      <ul class="checks">
        {items.map(({ ok, text }) => (
          <li>
            <Chip tone={ok ? 'ok' : 'warn'}>{ok ? 'yes' : 'no'}</Chip> <Told text={sentence(text)} />
          </li>
        ))}
      </ul>
      {confirmation !== null && (
        <p>
          {confirmation.is_current ? 'Confirmed' : 'Confirmed before the cards changed, which no longer counts,'} by{' '}
          {confirmation.by ?? 'somebody at the terminal'} at <Time at={confirmation.at} />:{' '}
          {sentence(confirmation.note)}
        </p>
      )}
      {action !== null && !ticked && (
        <p>
          <strong>Do:</strong> <Told text={sentence(action)} />
        </p>
      )}
      {isByHand && mayConfirm && (
        <div class="buttons">
          <ActLink
            act="checklist-confirm"
            title={ticked ? 'Confirm it anew' : 'Confirm this box'}
            fields={{ box: box.box }}
            main={!ticked}
          />
        </div>
      )}
    </Card>
  );
}
