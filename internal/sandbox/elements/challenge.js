'use strict';

const form = document.getElementById('challenge');

// The bank's check is over when its customer has chosen.
frame.answers.challenge = (settings) => new Promise((done) => {
  if (settings.locale === 'de') {
    document.documentElement.lang = 'de';
    document.getElementById('title').textContent = 'Freigabe durch Ihre Bank';
    document.getElementById('text').textContent = 'Dies ist eine Nachbildung: Geben Sie die Zahlung frei oder lehnen Sie sie ab.';
    document.getElementById('complete').textContent = 'Freigeben';
    document.getElementById('fail').textContent = 'Ablehnen';
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const result = await frame.call('POST', '/v3/challenges/' + frame.intentOf(settings.clientSecret), settings.key, {
      client_secret: settings.clientSecret, outcome: event.submitter.value,
    });
    if (result.error && settings.locale === 'de') {
      result.error.message = 'Ihre Bank hat die Zahlung nicht freigegeben. Bitte versuchen Sie es noch einmal oder nehmen Sie eine andere Karte.';
    }
    done(result);
  });
  document.getElementById('complete').focus();
});
