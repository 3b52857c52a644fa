'use strict';

// What the frames share: they answer the page's questions, and talk to the API.
const frame = {
  answers: {},
  tell(name, value, to) {
    (to || window.parent).postMessage({ name, value }, '*'); // holds no card and no secret
  },
  intentOf: (clientSecret) => clientSecret.split('_secret_')[0],
  async call(method, path, key, form) {
    const body = new URLSearchParams(form);
    const answer = await fetch(method === 'GET' ? path + '?' + body : path, {
      method, headers: { Authorization: 'Bearer ' + key }, body: method === 'GET' ? undefined : body,
    }).then((response) => response.json(), () => ({ error: { type: 'api_connection_error', message: 'We are experiencing issues connecting to our payments provider.' } }));
    return answer.error ? { error: answer.error } : { paymentIntent: answer };
  },
};

window.addEventListener('message', async (event) => {
  if (event.source !== window.parent || !frame.answers[event.data.question]) {
    return;
  }
  const value = await frame.answers[event.data.question](event.data.value);
  event.source.postMessage({ name: 'answer', id: event.data.id, value }, event.origin);
});

// What a browser may know of an intent.
frame.answers.retrieve = ({ key, clientSecret }) =>
  frame.call('GET', '/v1/payment_intents/' + frame.intentOf(clientSecret), key, { client_secret: clientSecret });

window.addEventListener('load', () => frame.tell('ready'));
