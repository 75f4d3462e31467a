// Overview: the page that an operator has open all day.
import { Custody, FederationMatrix, Needs, Notices, Queues, ThisNode } from '../../views/overview.tsx';
import type { AdminPage } from './page.ts';

export const overviewPage: AdminPage = {
  pattern: '/',
  nav: 'overview',
  title: () => 'Overview',
  parts: async ({ status, now }) => [
    { id: 'needs', view: Needs({ problems: status.problems, now }) },
    { id: 'custody', isHalf: true, view: Custody(status) },
    { id: 'queues', isHalf: true, view: Queues({ status }) },
    { id: 'federation', view: FederationMatrix({ status, now }) },
    { id: 'node', isHalf: true, view: ThisNode({ status, now }) },
    { id: 'notices', isHalf: true, view: Notices({ notices: status.notices }) },
  ],
};
