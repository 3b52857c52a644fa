'use strict';

const german = {
  number: 'Kartennummer', expiry: 'Ablaufdatum (MM/JJ)', cvc: 'Prüfnummer',
  incomplete_number: 'Die Kartennummer ist unvollständig.', incomplete_expiry: 'Das Ablaufdatum ist unvollständig.',
  incomplete_cvc: 'Die Prüfnummer ist unvollständig.', card_declined: 'Ihre Karte wurde abgelehnt.',
  expired_card: 'Ihre Karte ist abgelaufen.', incorrect_number: 'Die Kartennummer ist nicht richtig.',
};
const english = {
  incomplete_number: 'Your card number is incomplete.', incomplete_expiry: 'Your card’s expiry date is incomplete.',
  incomplete_cvc: 'Your card’s security code is incomplete.',
};
const form = document.getElementById('card');
const problem = document.getElementById('problem');
const digits = (name) => form.elements[name].value.replace(/\D/g, '');
let settings;

function resize() {
  frame.tell('height', document.documentElement.offsetHeight);
}

// incomplete names the first field that lacks something.
function incomplete() {
  if (digits('number').length < 13) {
    return 'incomplete_number';
  }
  if (digits('expiry').length !== 4) {
    return 'incomplete_expiry';
  }
  return digits('cvc').length < 3 ? 'incomplete_cvc' : '';
}

function show(code, message) {
  const said = code ? (settings.locale === 'de' && german[code]) || english[code] || message : '';
  problem.textContent = said;
  const field = { incomplete_expiry: 'expiry', expired_card: 'expiry', incomplete_cvc: 'cvc' }[code] || (code ? 'number' : '');
  for (const name of ['number', 'expiry', 'cvc']) {
    form.elements[name].toggleAttribute('aria-invalid', name === field);
  }
  resize();
  return said;
}

frame.answers['set up'] = async (value) => {
  settings = value;
  document.documentElement.lang = settings.locale;
  if (settings.locale === 'de') {
    document.querySelectorAll('label').forEach((label) => { label.textContent = german[label.htmlFor]; });
  }
  const known = await frame.answers.retrieve(settings);
  resize();
  return known.error ? { error: known.error } : {};
};

frame.answers.confirm = async () => {
  const lacking = incomplete();
  if (lacking) {
    return { error: { type: 'validation_error', code: lacking, message: show(lacking) } };
  }
  show('');
  const result = await frame.call('POST', '/v1/payment_intents/' + frame.intentOf(settings.clientSecret) + '/confirm', settings.key, {
    client_secret: settings.clientSecret,
    use_stripe_sdk: 'true',
    'payment_method_data[type]': 'card',
    'payment_method_data[card][number]': digits('number'),
    'payment_method_data[card][exp_month]': digits('expiry').slice(0, 2),
    'payment_method_data[card][exp_year]': digits('expiry').slice(2),
    'payment_method_data[card][cvc]': digits('cvc'),
  });
  if (result.error) {
    result.error.message = show(result.error.code, result.error.message);
  }
  return result;
};

form.addEventListener('input', () => frame.tell('change', { complete: !incomplete(), empty: !digits('number') }));
form.addEventListener('submit', (event) => event.preventDefault());
new ResizeObserver(resize).observe(document.documentElement);
