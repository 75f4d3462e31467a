// Overview: the page that an operator has open all day.
import { Custody, FederationMatrix, Needs, Notices, Queues, ThisNode } from '../../views/overview.tsx';
import type { AdminPage } from './page.ts';
import { firstPart } from './set-up-page.ts';

export const overviewPage: AdminPage = {
  pattern: '/',
  nav: 'overview',
  title: () => 'Overview',
  parts: async (request) => [
    firstPart(request),
    { id: 'needs', view: Needs({ problems: request.status.problems, now: request.now }) },
    { id: 'custody', isHalf: true, view: Custody(request.status) },
    { id: 'queues', isHalf: true, view: Queues({ status: request.status }) },
    { id: 'federation', view: FederationMatrix(request) },
    { id: 'node', isHalf: true, view: ThisNode(request) },
    { id: 'notices', isHalf: true, view: Notices({ notices: request.status.notices }) },
  ],
};
