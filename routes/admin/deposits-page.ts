// Deposits: the list by status, one deposit, and a recipient's address.
import { renderSVG } from 'uqr';
import { depositAddressReport } from '../../operator/admin/deposit-addresses.ts';
import { depositDetail, depositsInStatus } from '../../operator/deposit-reports.ts';
import { DEPOSIT_STATUSES } from '../../store/schema.ts';
import {
  Attested,
  DepositAddress,
  DepositFilter,
  Deposits,
  DeriveAddress,
  OneDeposit,
  PaidTo,
} from '../../views/deposits.tsx';
import type { AdminPage } from './page.ts';
import { offsetOf } from './query.ts';

const ROWS = 50;
const HASH = /^[0-9a-f]{64}$/;

/** The list. */
export const depositsPage: AdminPage = {
  pattern: '/deposits',
  nav: 'deposits',
  title: () => 'Deposits',
  parts: async ({ desk, status, query, may }) => {
    const wanted = DEPOSIT_STATUSES.find((one) => one === query.get('status'));
    const page = { limit: ROWS, offset: offsetOf(query) };
    const listed = depositsInStatus(desk.node, wanted, page);
    return [
      { id: 'filter', view: DepositFilter({ counts: status.deposits, status: wanted }) },
      { id: 'deposits', view: Deposits({ ...listed, page, status: wanted }) },
      {
        id: 'derive',
        view: DeriveAddress({ may: may('deposits'), hasKey: status.key_id !== null }),
        isStill: true,
      },
    ];
  },
};

/** One deposit. */
export const depositPage: AdminPage = {
  pattern: '/deposits/:txid/:vout',
  nav: 'deposits',
  title: () => 'A deposit',
  parts: async ({ desk, path, may }) => {
    const [txid = '', vout = ''] = [path['txid'], path['vout']];
    if (!HASH.test(txid) || !/^[0-9]{1,10}$/.test(vout)) return null;
    const deposit = depositDetail(desk.node, { txid, vout: Number(vout) });
    if (deposit === null) return null;
    return [
      { id: 'deposit', view: OneDeposit({ deposit, mayAttest: may('deposits') }) },
      { id: 'attested', view: Attested({ deposit }) },
    ];
  },
};

/** A recipient's address. */
export const depositAddressPage: AdminPage = {
  pattern: '/deposits/address/:recipient',
  nav: 'deposits',
  title: () => 'A deposit address',
  parts: async ({ desk, path, may }) => {
    const report = depositAddressReport(desk.node, path['recipient'] ?? '');
    if (report === null) return null;
    const address = report.derived?.address ?? null;
    const qr = address === null ? null : renderSVG(`bitcoin:${address}`, { border: 2 });
    return [
      { id: 'address', view: DepositAddress({ report, qr, may: may('deposits') }) },
      ...(report.derived === null ? [] : [{ id: 'paid', view: PaidTo({ deposits: report.deposits }) }]),
    ];
  },
};
