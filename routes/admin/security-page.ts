// Security: findings, checklist, users, policy, audit log.
import { permissionRows } from '../../operator/accounts/permissions.ts';
import { readAuditQuery } from '../../operator/admin/audit-query.ts';
import { auditList } from '../../operator/audit-reports.ts';
import { AUDIT_SEARCHED_MAX } from '../../store/audit-log.ts';
import { AuditEntries, AuditFilterForm } from '../../views/audit.tsx';
import { PolicyValues, SignedToday } from '../../views/policy.tsx';
import { Checklist, Findings, SecurityTabs } from '../../views/security.tsx';
import { EMPTY_INVITE, Invite, type InviteForm, RolesMatrix, UserList } from '../../views/users.tsx';
import type { AdminPage, PageRequest, Part } from './page.ts';
import { offsetOf } from './query.ts';

const ENTRIES_SHOWN = 50;

function tabs(path: Parameters<typeof SecurityTabs>[0]['path']): Part {
  return { id: 'tabs', isStill: true, view: SecurityTabs({ path }) };
}

export const securityPage: AdminPage = {
  pattern: '/security',
  nav: 'security',
  title: () => 'Security',
  parts: async ({ desk, now }) => [
    tabs('/security'),
    { id: 'findings', view: Findings({ seen: await desk.findings.seen(), now }) },
  ],
};

export const checklistPage: AdminPage = {
  pattern: '/security/checklist',
  nav: 'security',
  title: () => 'Checklist',
  parts: async ({ desk, now, may }) => [
    tabs('/security/checklist'),
    { id: 'boxes', view: Checklist({ seen: await desk.boxes.seen(), now, mayConfirm: may('checklist') }) },
  ],
};

export const usersPage: AdminPage = {
  pattern: '/security/users',
  nav: 'security',
  title: () => 'Users',
  parts: (request) => userParts(request, EMPTY_INVITE),
};

/** The parts of the page of users, with the form of an invitation as it was filled in. */
export async function userParts(
  { desk, visitor, may }: Pick<PageRequest, 'desk' | 'visitor' | 'may'>,
  form: InviteForm,
): Promise<readonly Part[]> {
  const report = await desk.read('user-list', {});
  const mayChange = { accounts: may('accounts'), access: may('account-access') };
  return [
    tabs('/security/users'),
    { id: 'users', view: UserList({ report, me: visitor.user, may: mayChange }) },
    ...(may('accounts') ? [{ id: 'invite', isStill: true as const, view: Invite({ form }) }] : []),
    { id: 'roles', isStill: true, view: RolesMatrix({ rows: permissionRows() }) },
  ];
}

export const policyPage: AdminPage = {
  pattern: '/security/policy',
  nav: 'security',
  title: () => 'Policy',
  parts: async ({ desk, may }) => {
    const report = await desk.read('policy-show', {});
    return [
      tabs('/security/policy'),
      { id: 'today', view: SignedToday({ report }) },
      { id: 'policy', view: PolicyValues({ report, mayChange: may('policy') }) },
    ];
  },
};

export const auditPage: AdminPage = {
  pattern: '/security/audit',
  nav: 'security',
  title: () => 'Audit log',
  parts: async ({ desk, query: params }) => {
    const { query, filter } = readAuditQuery(params);
    const offset = offsetOf(params);
    const find = { id: 'find', isStill: true as const, view: AuditFilterForm({ query, searched: AUDIT_SEARCHED_MAX }) };
    if (filter === null) return [tabs('/security/audit'), find];
    const report = auditList(desk.node.store.db, filter, { limit: ENTRIES_SHOWN, offset });
    // Entries do not move while they are read: what is newer shows when the page is asked for again.
    const view = AuditEntries({ report, query, offset, limit: ENTRIES_SHOWN });
    return [tabs('/security/audit'), find, { id: 'entries', isStill: true, view }];
  },
};
