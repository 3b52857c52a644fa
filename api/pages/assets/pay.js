'use strict';

// The pay page: mounts Stripe's form, confirms, and follows the state of the visit. The
// server decides what the page shows: when its state changes, the page is loaded again.
(function () {
  const form = document.getElementById('pay');
  const text = form.dataset;
  const button = document.getElementById('pay-button');
  const error = document.getElementById('pay-error');
  const progress = document.getElementById('pay-progress');
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const patience = 60; // looks at the state before saying that it takes long

  async function state() {
    try {
      const answer = await fetch(text.state, { headers: { Accept: 'application/json' }, cache: 'no-store' });
      if (answer.status === 410 || answer.status === 404) {
        return 'gone';
      }
      return answer.ok ? (await answer.json()).state : text.shown;
    } catch {
      return text.shown; // offline for a moment
    }
  }

  // follow looks every so often until the state is another one.
  async function follow(every, slow) {
    for (let looks = 1; ; looks++) {
      await pause(every);
      if (document.visibilityState === 'visible' && (await state()) !== text.shown) {
        location.reload();
        return;
      }
      if (slow && looks === patience) {
        progress.textContent = text.slow;
      }
    }
  }

  if (text.shown === 'opening') {
    follow(1000);
    return;
  }
  if (typeof window.Stripe !== 'function') {
    error.textContent = text.unloaded;
    return;
  }

  const stripe = window.Stripe(text.key);
  const elements = stripe.elements({ clientSecret: text.secret, locale: text.locale });
  const element = elements.create('payment');

  function wait() {
    form.dataset.done = 'yes';
    button.hidden = true;
    element.unmount();
    progress.textContent = text.checking;
    follow(1000, true);
  }

  element.on('ready', () => { button.disabled = false; });
  element.on('loaderror', () => { error.textContent = text.unloaded; });
  element.mount('#payment-element');

  // Paid in another tab, or reloaded before the clinic heard of it.
  stripe.retrievePaymentIntent(text.secret).then(({ paymentIntent }) => {
    if (paymentIntent && ['requires_capture', 'processing', 'succeeded'].includes(paymentIntent.status)) {
      wait();
    }
  });

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) {
      return;
    }
    button.disabled = true;
    error.textContent = '';
    progress.textContent = text.working;
    const result = await stripe.confirmPayment({ elements, redirect: 'if_required' });
    progress.textContent = '';
    if (!result.error) {
      wait();
      return;
    }
    button.disabled = false;
    const told = ['card_error', 'validation_error'].includes(result.error.type) ||
      result.error.code === 'payment_intent_authentication_failure';
    error.textContent = (told && result.error.message) || text.failed;
  });

  follow(10000);
})();
