/** @jsxImportSource hono/jsx */
// What a search has found: links to where each thing is shown.
import type { Found } from '../operator/admin/search.ts';
import { Card, Empty, Table } from './kit.tsx';

/** The results. */
export function SearchResults({ text, found }: { text: string; found: readonly Found[] }) {
  if (found.length === 0) {
    return (
      <Empty>
        <p>
          <strong>{text === '' ? 'Write what you look for.' : 'This node knows nothing of that name.'}</strong>
        </p>
        {text !== '' && (
          <p>
            Looked for <code>{text}</code>
          </p>
        )}
        <p>
          A search takes a txid, an outpoint (txid:number), an address, a burn, a recipient, a request, a ceremony or an
          incident. Give ids in full; of a request its first six characters do.
        </p>
      </Empty>
    );
  }
  return (
    <Card title={found.length === 1 ? 'Found' : `Found ${found.length}`}>
      <Table caption="Results" hideCaption head={['What', 'Name', 'Detail']}>
        {found.map(({ what, name, detail, href }) => (
          <tr>
            <th scope="row">{what}</th>
            <td>
              <a href={href}>
                <code>{name}</code>
              </a>
            </td>
            <td>{detail}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
