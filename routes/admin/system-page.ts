// System: own nodes, certificates, settings, reports, faults.
import { adminCertificateEnd, adminTlsFiles } from '../../operator/admin/admin-certificate.ts';
import { configShown } from '../../operator/admin/config-shown.ts';
import { processFacts } from '../../operator/checks/collect-machine.ts';
import { lastLinks } from '../../operator/communication.ts';
import { Latency } from '../../views/links.tsx';
import { Notices } from '../../views/overview.tsx';
import { Backends, Certificates, Faults, Reports, Settings, Versions } from '../../views/system.tsx';
import type { AdminPage, PageRequest, Part } from './page.ts';

const FAULTS_SHOWN = 50;
const NO_BITCOIN = 'No Bitcoin node is configured: put the URL of your own into "bitcoin_nodes".';
const NO_WIRE = 'No Wire node is configured, so burns cannot be verified: put the URL of your own into "wire_nodes".';

export const systemPage: AdminPage = {
  pattern: '/system',
  nav: 'system',
  title: () => 'System',
  parts: (request) => systemParts(request, null),
};

/** The parts of the page; `fault`: what is wrong with a report that was asked for. */
export async function systemParts(
  { desk, status, now, may }: Pick<PageRequest, 'desk' | 'status' | 'now' | 'may'>,
  fault: string | null,
): Promise<readonly Part[]> {
  const { config, events, input } = desk.node;
  const adminExpires = await adminCertificateEnd(config);
  const adminFile = adminTlsFiles(config).tlsCertPath;
  const unit = processFacts(input.env).unit?.name ?? null;
  const faults = (events?.remembered() ?? []).slice(0, FAULTS_SHOWN);
  return [
    { id: 'bitcoin', view: Backends({ title: 'Bitcoin nodes', nodes: status.bitcoin, now, empty: NO_BITCOIN }) },
    { id: 'wire', view: Backends({ title: 'Wire nodes', nodes: status.wire, now, empty: NO_WIRE }) },
    {
      ...{ id: 'certificates', isHalf: true as const },
      view: Certificates({ status, adminExpires, adminFile, now, mayRotate: may('configure') }),
    },
    { id: 'versions', isHalf: true, view: Versions({ status }) },
    { id: 'latency', isHalf: true, view: Latency({ links: lastLinks(desk.node), now, mayTest: may('test') }) },
    { id: 'config', isHalf: true, view: Settings({ config: configShown(desk.node), unit }) },
    { id: 'faults', view: Faults({ faults, now }) },
    { id: 'notices', view: Notices({ notices: status.notices }) },
    {
      ...{ id: 'reports', isStill: true as const },
      view: Reports({ today: new Date(now).toISOString().slice(0, 10), fault }),
    },
  ];
}
