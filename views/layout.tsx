/** @jsxImportSource hono/jsx */
// The frame of every page: header, navigation, and the parts of the page itself.
import { raw } from 'hono/html';
import type { Child, PropsWithChildren } from 'hono/jsx';
import { Chip, Field, type Tone } from './kit.tsx';

/** Where the files are that every page loads. */
export interface AssetPaths {
  readonly style: string;
  readonly htmx: string;
  readonly stream: string;
  readonly script: string;
  readonly passkeyLibrary: string;
  readonly passkeys: string;
  readonly icon: string;
}

/** The nine entries of the navigation. */
export const NAVIGATION = [
  ['overview', '/', 'Overview'],
  ['approvals', '/approvals', 'Approvals'],
  ['deposits', '/deposits', 'Deposits'],
  ['payouts', '/payouts', 'Payouts'],
  ['ceremonies', '/ceremonies', 'Ceremonies'],
  ['keys', '/keys', 'Keys'],
  ['federation', '/federation', 'Federation'],
  ['security', '/security', 'Security'],
  ['system', '/system', 'System'],
] as const;
export type NavKey = (typeof NAVIGATION)[number][0];

/** What the header shows of the node. */
export interface NodeState {
  readonly name: string;
  readonly index: number;
  readonly network: string;
  readonly version: string;
  readonly word: string;
  readonly tone: Tone;
  readonly shape: string;
  /** How many things wait for a person, by entry of the navigation. */
  readonly counts: { readonly [K in NavKey]?: number };
}

/** Everything around a page's own content. */
export interface FrameProps {
  readonly title: string;
  /** Null for pages that stand outside the navigation. */
  readonly nav: NavKey | null;
  readonly node: NodeState;
  readonly user: string;
  readonly role: string;
  readonly assets: AssetPaths;
  /** Where the page's stream is; null where nothing on it changes by itself. */
  readonly stream: string | null;
  /** In ms since 1970. */
  readonly sessionEnds: number;
  readonly now: number;
  readonly search?: string;
  readonly passkeys?: boolean;
}

// htmx shows no indicators here, and the policy of the page forbids what needs evaluation.
const HTMX_CONFIG = JSON.stringify({ includeIndicatorCSS: false, sse: { reconnectMaxDelay: 10_000 } });

/** A whole page of somebody who is signed in. */
export function Frame(props: PropsWithChildren<FrameProps>) {
  const { title, node, assets, stream, sessionEnds, now, passkeys = false, children } = props;
  return (
    <html lang="en">
      <Head title={`${title} · ${node.name}`} assets={assets} passkeys={passkeys} />
      <body
        class={node.network === 'mainnet' ? 'is-mainnet' : ''}
        data-session-ends={String(sessionEnds)}
        data-now={String(now)}
      >
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Top {...props} />
        <div class="frame">
          <nav class="nav" aria-label="Main" id="nav">
            <Navigation {...props} />
          </nav>
          <main id="main" tabindex={-1}>
            <h1>{title}</h1>
            <div class="parts">{children}</div>
          </main>
        </div>
        <footer class="foot">
          mpc_operator {node.version} · operator {node.index} ({node.name}) · all times are UTC
        </footer>
        <SessionWarning />
        <div role="status" id="said" class="visually-hidden" />
        {stream !== null && <div id="stream" hx-sse:connect={stream} hx-swap="none" hx-trigger="load, every 20s" />}
      </body>
    </html>
  );
}

function Head({ title, assets, passkeys }: { title: string; assets: AssetPaths; passkeys: boolean }) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="htmx-config" content={HTMX_CONFIG} />
      <title>{title}</title>
      <link rel="icon" href={assets.icon} type="image/svg+xml" />
      <link rel="stylesheet" href={assets.style} />
      <script src={assets.htmx} defer />
      <script src={assets.stream} defer />
      <script src={assets.script} defer />
      {passkeys && <script src={assets.passkeyLibrary} defer />}
      {passkeys && <script src={assets.passkeys} defer />}
    </head>
  );
}

function Top({ node, user, role, search, assets, stream }: FrameProps) {
  return (
    <header class="top">
      <div class="top-row">
        <a class="brand" href="/">
          <img src={assets.icon} alt="" />
          {node.name}
        </a>
        <span class="network">{node.network}</span>
        <span id="node-state">
          <NodeStateChip node={node} />
        </span>
        {stream !== null && (
          <span id="live" class="chip info">
            ◐ Connecting
          </span>
        )}
        <span class="spring" />
        <search>
          <form class="search" action="/search" method="get">
            <label class="visually-hidden" for="search">
              Search a txid, outpoint, address, burn, ceremony or incident
            </label>
            <input id="search" name="q" placeholder="txid, address, burn … ( / )" value={search ?? ''} />
            <button type="submit">Search</button>
          </form>
        </search>
        <a class="button bad" href="/acts/new/emergency-pause">
          Pause
        </a>
        <a href="/account">
          {user} <span class="muted">({role})</span>
        </a>
        <form action="/sign-out" method="post" class="inline">
          <button type="submit">Sign out</button>
        </form>
      </div>
    </header>
  );
}

/** The node's state in the header, sent anew when it changes. */
export function NodeStateChip({ node }: { node: NodeState }) {
  return (
    <Chip tone={node.tone} shape={node.shape}>
      {node.word}
    </Chip>
  );
}

/** The entries of the navigation with their counts, sent anew when they change. */
export function Navigation({ nav, node }: Pick<FrameProps, 'nav' | 'node'>) {
  return (
    <ul>
      {NAVIGATION.map(([key, href, title]) => (
        <li id={`nav-${key}`}>
          <a href={href} {...(nav === key && { 'aria-current': 'page' as const })}>
            {title}
            {(node.counts[key] ?? 0) > 0 && (
              <span class="count">
                {node.counts[key]}
                <span class="visually-hidden"> waiting</span>
              </span>
            )}
          </a>
        </li>
      ))}
    </ul>
  );
}

function SessionWarning() {
  return (
    <section id="session-warning" class="toast" hidden aria-label="Session">
      <p>
        Your session ends in <span data-left="">a moment</span>.
      </p>
      <form action="/session/extend" method="post" class="buttons">
        <button class="main" type="submit">
          Stay signed in
        </button>
      </form>
    </section>
  );
}

/** A page of somebody who is not signed in. */
export function Outside({
  title,
  assets,
  network,
  name,
  passkeys = false,
  children,
}: PropsWithChildren<{ title: string; assets: AssetPaths; network: string; name: string; passkeys?: boolean }>) {
  return (
    <html lang="en">
      <Head title={`${title} · ${name}`} assets={assets} passkeys={passkeys} />
      <body class={network === 'mainnet' ? 'is-mainnet' : ''}>
        <main class="narrow" id="main">
          <p>
            <strong>{name}</strong> <span class="network">{network}</span>
          </p>
          <h1>{title}</h1>
          {children}
        </main>
      </body>
    </html>
  );
}

/** A message over a page or form. */
export function Notice({ tone, children }: PropsWithChildren<{ tone: 'ok' | 'warn' | 'bad' | 'info' }>) {
  return (
    <div class={`notice ${tone}`} {...(tone === 'bad' && { role: 'alert' as const })}>
      {children}
    </div>
  );
}

/** A code of the authenticator app or a backup code, or a passkey, for what the form does. */
export function FactorFields({ options, fault }: { options: string | null; fault?: string | undefined }) {
  return (
    <>
      <Field
        name="code"
        label="Code of your authenticator app"
        hint="Or one of your backup codes. Each code works once."
        type="code"
        required
        fault={fault}
      />
      {options !== null && (
        <>
          <input type="hidden" name="passkey" value="" />
          <div class="buttons">
            <button type="button" data-passkey="confirm" data-options={options} hidden>
              Use a passkey instead
            </button>
            <span data-passkey-said="" role="status" />
          </div>
        </>
      )}
    </>
  );
}

/** A part of a page that is sent anew when it changes. */
export function PartBox({ id, isHalf, children }: PropsWithChildren<{ id: string; isHalf: boolean }>) {
  return (
    <div class={isHalf ? 'part half' : 'part'} id={`part-${id}`}>
      {children}
    </div>
  );
}

/** SVG text that the server has made itself, of numbers alone. */
export function Drawn({ svg, label }: { svg: string; label: string }): Child {
  return (
    <div class="qr" role="img" aria-label={label}>
      {raw(svg)}
    </div>
  );
}
