// Files of a step: its PSBT, and the signed transaction. For people who are signed in; neither holds a secret.
import { Hono } from 'hono';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { stepPsbt, stepTransaction } from '../../operator/admin/step-reports.ts';
import type { AdminEnv } from './guard.ts';

/** The routes of the files. */
export function payoutFileRoutes({ node }: Pick<AdminDesk, 'node'>): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/payouts/:txid/psbt', (c) => {
    const txid = c.req.param('txid');
    return file(stepPsbt(node, txid), `${txid}.psbt`) ?? c.notFound();
  });
  app.get('/payouts/:txid/transaction', (c) => {
    const txid = c.req.param('txid');
    return file(stepTransaction(node, txid), `${txid}.hex`) ?? c.notFound();
  });
  return app;
}

// The name is that of a step that was found: 64 hexadecimal characters.
function file(text: string | null, name: string): Response | null {
  if (text === null) return null;
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'content-disposition': `attachment; filename="${name}"`,
  };
  return new Response(`${text}\n`, { headers });
}
