// What the browser does by itself: says when the page is stale, warns before a session ends, keeps drafts, and focuses the search on
// "/". Everything works without it.
(() => {
  const BEAT_MS_MAX = 12_000;
  const WARNED_MS = 120_000;
  const stream = document.getElementById('stream');
  const live = document.getElementById('live');
  const warning = document.getElementById('session-warning');
  let beatAt = 0;
  let staleSince = null;
  let endsAt = Number(document.body.dataset.sessionEnds ?? 0);
  let clockOffset = Number(document.body.dataset.now ?? Date.now()) - Date.now();

  const time = (date) => date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

  function show() {
    if (live !== null) {
      const isLive = beatAt !== 0 && Date.now() - beatAt < BEAT_MS_MAX;
      if (isLive) staleSince = null;
      else if (staleSince === null) staleSince = new Date(beatAt === 0 ? Date.now() : beatAt);
      const text = isLive ? '● Current' : beatAt === 0 ? '◐ Connecting' : `⊘ Stale since ${time(staleSince)}`;
      if (live.textContent !== text) {
        live.textContent = text;
        live.className = `chip ${isLive ? 'ok' : beatAt === 0 ? 'info' : 'bad'}`;
      }
    }
    if (warning !== null && endsAt > 0) {
      const left = endsAt - (Date.now() + clockOffset);
      if (left <= 0) location.reload();
      warning.hidden = left > WARNED_MS;
      const text = warning.querySelector('[data-left]');
      const shown = `${Math.max(1, Math.ceil(left / 60_000))} min`;
      if (text !== null && text.textContent !== shown) text.textContent = shown;
    }
  }

  if (stream !== null) {
    stream.addEventListener('beat', (event) => {
      beatAt = Date.now();
      try {
        const told = JSON.parse(event.detail?.data ?? '{}');
        endsAt = told.ends ?? endsAt;
        clockOffset = (told.now ?? Date.now()) - Date.now();
      } catch {
        // The beat itself is what counts.
      }
      show();
    });
    stream.addEventListener('over', () => location.reload());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && beatAt !== 0) beatAt = Math.min(beatAt, Date.now() - BEAT_MS_MAX);
      show();
    });
  }
  setInterval(show, 1_000);
  show();

  document.addEventListener('keydown', (event) => {
    const at = document.activeElement;
    const isTyping =
      at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementById('search');
    if (search === null) return;
    event.preventDefault();
    search.focus();
  });

  // Drafts survive signing in again. Secrets have no name here: what holds one says so.
  const drafted = [...document.querySelectorAll('form[data-draft]')];
  for (const form of drafted) {
    const key = `draft ${location.pathname} ${form.getAttribute('action')}`;
    const fields = () =>
      [...form.elements].filter((one) => one.name !== '' && one.dataset.secret === undefined && one.type !== 'hidden');
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) ?? 'null');
      for (const field of kept === null ? [] : fields()) {
        if (kept[field.name] === undefined || field.value !== field.defaultValue) continue;
        if (field.type === 'checkbox') field.checked = kept[field.name] === 'on';
        else field.value = kept[field.name];
      }
    } catch {
      sessionStorage.removeItem(key);
    }
    form.addEventListener('input', () => {
      const values = fields().map((one) => [one.name, one.type === 'checkbox' ? (one.checked ? 'on' : '') : one.value]);
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(values)));
    });
    form.addEventListener('submit', () => sessionStorage.removeItem(key));
  }

  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy)?.textContent ?? '');
      button.textContent = 'Copied';
    });
  }
  for (const button of document.querySelectorAll('[data-print]')) {
    button.hidden = false;
    button.addEventListener('click', () => window.print());
  }
})();
