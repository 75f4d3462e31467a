// Ceremonies: preparing one, holding one, and what has been.
import { Hono } from 'hono';
import { canonicalJson } from '../../crypto/canonical-json.ts';
import { ceremoniesElsewhere, ceremonyDetail, nextCeremonyId } from '../../operator/admin/ceremony-detail.ts';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { preflightBoard } from '../../operator/admin/preflight-board.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import { ceremonyIdSchema } from '../../operator/runtime/command-types.ts';
import { CeremonyDate, CeremonyList, Elsewhere, type MayDo, Preflight } from '../../views/ceremonies.tsx';
import { CeremonyActs, CeremonyHead, CeremonyMatrix, CeremonyTranscript } from '../../views/ceremony.tsx';
import type { AdminEnv } from './guard.ts';
import type { AdminPage, PageRequest, Part } from './page.ts';

const ROWS = 20;

function mayDo({ may }: PageRequest): MayDo {
  return { makeKeys: may('key-ceremony'), setDate: may('ceremony-date') };
}

async function overviewParts(request: PageRequest): Promise<readonly Part[]> {
  const { desk, status, query } = request;
  const may = mayDo(request);
  const { ceremonies } = await desk.read('ceremony-list', {});
  const dates = await desk.read('ceremony-schedule-show', {});
  const board = await preflightBoard(desk.node, status);
  const offset = Math.max(0, Math.trunc(Number(query.get('offset') ?? 0)) || 0);
  const shown = { ceremonies: ceremonies.slice(offset, offset + ROWS), total: ceremonies.length, limit: ROWS, offset };
  const { sealed, key_id } = status;
  const key = dates.current?.ceremony_id ?? nextCeremonyId(ceremonies, false);
  const names = { rehearsal: nextCeremonyId(ceremonies, true), key };
  return [
    { id: 'elsewhere', view: Elsewhere({ elsewhere: ceremoniesElsewhere(desk.node), may }) },
    { id: 'preflight', view: Preflight({ board, may, hasKey: key_id !== null, sealed, names }) },
    { id: 'date', view: CeremonyDate({ dates, may }) },
    { id: 'ceremonies', view: CeremonyList(shown) },
  ];
}

/** All ceremonies, and what comes before one. */
export const ceremoniesPage: AdminPage = {
  pattern: '/ceremonies',
  nav: 'ceremonies',
  title: () => 'Ceremonies',
  parts: overviewParts,
};

/** One ceremony, live. */
export const ceremonyPage: AdminPage = {
  pattern: '/ceremonies/:id',
  nav: 'ceremonies',
  title: ({ path }) => `Ceremony ${path['id'] ?? ''}`,
  parts: async (request) => {
    const { desk, path, now } = request;
    const detail = known(desk, path['id'] ?? '');
    if (detail === null) return null;
    return [
      { id: 'head', view: CeremonyHead({ detail, now }) },
      { id: 'matrix', view: CeremonyMatrix({ detail, now }) },
      { id: 'transcript', isHalf: true, view: CeremonyTranscript({ detail }) },
      { id: 'acts', isHalf: true, view: CeremonyActs({ detail, may: mayDo(request) }) },
    ];
  },
};

function known(desk: AdminDesk, id: string): ReturnType<typeof ceremonyDetail> | null {
  if (!ceremonyIdSchema.safeParse(id).success) return null;
  try {
    return ceremonyDetail(desk.node, id);
  } catch (error) {
    if (error instanceof CommandError && error.code === 'ceremony_unknown') return null;
    throw error;
  }
}

/** The exported ceremony as a file, the same bytes as the command line writes. */
export function ceremonyRoutes(desk: AdminDesk): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/ceremonies/:id/file', async (c) => {
    const id = c.req.param('id');
    if (known(desk, id) === null) return c.notFound();
    const { file } = await desk.read('ceremony-show', { ceremony_id: id });
    if (file === null) return c.notFound();
    return new Response(`${canonicalJson(JSON.parse(JSON.stringify(file)))}\n`, {
      headers: {
        'content-type': 'application/json',
        'content-disposition': `attachment; filename="${id}.json"`,
      },
    });
  });
  return app;
}
