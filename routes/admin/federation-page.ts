// Federation: the operators, their cards, whom to call, incidents, the service and emergencies.
import { canonicalJson } from '../../crypto/canonical-json.ts';
import { lastLinks } from '../../operator/communication.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import type { CommandResults } from '../../operator/runtime/command-types.ts';
import { Cards, Contacts, Operators, OwnCard, operatorRows } from '../../views/federation.tsx';
import {
  Deadlines,
  IncidentActs,
  IncidentFacts,
  IncidentList,
  OpenIncidents,
  Timeline,
} from '../../views/incidents.tsx';
import { Latency } from '../../views/links.tsx';
import { Emergency, Service } from '../../views/service.tsx';
import type { AdminPage, PageRequest, Part } from './page.ts';
import { offsetOf } from './query.ts';

const INCIDENTS_SHOWN = 25;
const OPEN_LOOKED_AT = 50;

/** The own card as its file has it, or why it cannot be given. */
export async function ownCardText({ desk }: Pick<PageRequest, 'desk'>): Promise<{
  readonly card: { readonly text: string; readonly fingerprint: string } | null;
  readonly fault: string | null;
}> {
  try {
    const { card, fingerprint } = await desk.read('peer-export', {});
    // As its signature is over it, so that every copy is the same.
    return { card: { text: canonicalJson(JSON.parse(JSON.stringify(card))), fingerprint }, fault: null };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { card: null, fault: error.message };
  }
}

export const federationPage: AdminPage = {
  pattern: '/federation',
  nav: 'federation',
  title: () => 'Federation',
  parts: federationParts,
};

async function federationParts(request: PageRequest): Promise<readonly Part[]> {
  const { desk, status, now, may } = request;
  const [peers, contacts, incidents, service, emergency, own] = await Promise.all([
    desk.read('peer-list', {}),
    desk.read('contacts', {}),
    desk.read('incident-list', { limit: OPEN_LOOKED_AT, offset: 0 }),
    desk.read('service-status', {}),
    desk.read('emergency-status', {}),
    ownCardText(request),
  ]);
  const links = lastLinks(desk.node);
  const rows = operatorRows(peers, status, links);
  const measuredAt = links === null ? null : new Date(links.at).toISOString();
  return [
    { id: 'operators', view: Operators({ rows, own: status, now, measuredAt }) },
    {
      ...{ id: 'emergency', isHalf: true as const },
      view: Emergency({ report: emergency, now, mayPause: may('pause'), mayResume: may('resume') }),
    },
    { id: 'incidents', isHalf: true, view: OpenIncidents({ report: incidents, now, mayOpen: may('incidents') }) },
    {
      ...{ id: 'service', isHalf: true as const },
      view: Service({ report: service, now, mayEnable: may('enable-service'), mayDisable: may('disable-service') }),
    },
    { id: 'cards', isHalf: true, view: Cards({ rows, mayAdd: may('cards') }) },
    { id: 'latency', isHalf: true, view: Latency({ links, now, mayTest: may('test') }) },
    { id: 'own-card', isHalf: true, isStill: true, view: OwnCard(own) },
    { id: 'contacts', view: Contacts({ report: contacts }) },
  ];
}

export const incidentsPage: AdminPage = {
  pattern: '/federation/incidents',
  nav: 'federation',
  title: () => 'Incidents',
  parts: async ({ desk, now, query, may }) => {
    const offset = offsetOf(query);
    const report = await desk.read('incident-list', { limit: INCIDENTS_SHOWN, offset });
    const view = IncidentList({ report, now, offset, limit: INCIDENTS_SHOWN, mayOpen: may('incidents') });
    return [{ id: 'incidents', view }];
  },
};

export const incidentPage: AdminPage = {
  pattern: '/federation/incidents/:id',
  nav: 'federation',
  title: ({ path }) => `Incident ${path['id']}`,
  parts: async ({ desk, now, path, may }) => {
    const found = await incidentOf({ desk }, path['id'] ?? '');
    if (found === null) return null;
    const { incident } = found;
    return [
      { id: 'facts', view: IncidentFacts({ incident, now }) },
      { id: 'timers', view: Deadlines({ incident, now }) },
      { id: 'acts', view: IncidentActs({ incident, mayAct: may('incidents') }) },
      { id: 'timeline', view: Timeline({ incident }) },
    ];
  },
};

async function incidentOf(
  { desk }: Pick<PageRequest, 'desk'>,
  id: string,
): Promise<CommandResults['incident-show'] | null> {
  try {
    return await desk.read('incident-show', { id });
  } catch (error) {
    if (error instanceof CommandError && error.code === 'incident_unknown') return null;
    throw error;
  }
}
