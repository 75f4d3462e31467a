// Passkeys in the browser: asks the server for options, the authenticator for an answer, and sends that back with the form.
(() => {
  const { startRegistration, startAuthentication } = SimpleWebAuthnBrowser;

  async function options(path) {
    const answer = await fetch(path, { method: 'POST', headers: { accept: 'application/json' } });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? 'The node does not answer.');
    return answer.json();
  }

  for (const button of document.querySelectorAll('[data-passkey]')) {
    const form = button.closest('form');
    const said = form?.querySelector('[data-passkey-said]');
    if (form === null || window.PublicKeyCredential === undefined) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      if (button.dataset.passkey === 'register' && !form.reportValidity()) return;
      button.disabled = true;
      if (said !== null) said.textContent = 'Waiting for your passkey …';
      try {
        const optionsJSON = await options(button.dataset.options);
        const answer = await (button.dataset.passkey === 'register' ? startRegistration : startAuthentication)({
          optionsJSON,
        });
        form.elements.namedItem('passkey').value = JSON.stringify(answer);
        for (const field of form.querySelectorAll('[data-code]')) field.required = false;
        form.submit();
      } catch (error) {
        button.disabled = false;
        if (said !== null) {
          said.textContent =
            error?.name === 'NotAllowedError' || error?.name === 'AbortError'
              ? 'The dialog was closed, or took too long: press the button to try again, or use a code.'
              : `This did not work: ${error?.message ?? error}`;
        }
      }
    });
  }
})();
