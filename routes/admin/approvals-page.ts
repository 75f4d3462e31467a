// Approvals: the list of what waits for a person, and one request from top to bottom.
import { approvalReport, requestRows } from '../../operator/admin/approval-reports.ts';
import { ApprovalHead, Others, Recipient, Requests, Rules, SecondPerson } from '../../views/approvals.tsx';
import type { AdminPage, Part } from './page.ts';
import { offsetOf } from './query.ts';

const ROWS = 25;

/** The list. */
export const approvalsPage: AdminPage = {
  pattern: '/approvals',
  nav: 'approvals',
  title: () => 'Approvals',
  parts: async ({ desk, visitor, query, now }) => {
    const acts = desk.acts.awaitingSecond();
    const page = { limit: ROWS, offset: offsetOf(query) };
    const listed = requestRows(desk.node, page);
    const policy = await desk.read('policy-show', {});
    return [
      { id: 'second', view: SecondPerson({ acts, user: visitor.user }) },
      { id: 'requests', view: Requests({ ...listed, page, policy, now }) },
    ];
  },
};

/** One request. */
export const approvalPage: AdminPage = {
  pattern: '/approvals/:id',
  nav: 'approvals',
  title: () => 'A request',
  parts: async ({ desk, path, may, now }) => {
    const report = approvalReport(desk.node, path['id'] ?? '');
    if (report === null) return null;
    const rights = { approve: may('approve'), veto: may('veto'), hold: may('hold') };
    const { rules, burn } = report;
    const parts: Part[] = [
      { id: 'what', view: ApprovalHead({ report, may: rights, now }) },
      { id: 'recipient', view: Recipient({ report }) },
    ];
    if (rules !== null && burn !== null) parts.push({ id: 'rules', view: Rules({ rules, burn }) });
    return [...parts, { id: 'others', view: Others({ report }) }];
  },
};
