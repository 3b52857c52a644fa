'use strict';

// The sandbox's stand-in for Stripe.js: the part of its interface that a payment element
// needs. As with Stripe, the card's fields and the bank's check are in frames of another
// origin than the page, and only those talk to the API.
(function () {
  const home = new URL(document.currentScript.src);
  const frameURL = (name) => new URL('frames/' + name, home).href;

  // Frame is a frame of ours that answers questions by messages.
  class Frame {
    constructor(name, title) {
      this.node = document.createElement('iframe');
      this.node.title = title;
      this.node.src = frameURL(name);
      this.node.style.border = '0';
      this.node.style.width = '100%';
      this.waiting = new Map();
      this.count = 0;
      this.events = {};
      this.ready = new Promise((done) => { this.events.ready = done; });
      window.addEventListener('message', (event) => {
        if (event.source !== this.node.contentWindow || event.origin !== home.origin) {
          return;
        }
        const { name: what, id, value } = event.data;
        if (what === 'answer') {
          this.waiting.get(id)(value);
          this.waiting.delete(id);
        } else if (this.events[what]) {
          this.events[what](value);
        }
      });
    }

    async ask(question, value) {
      await this.ready;
      const id = ++this.count;
      return new Promise((done) => {
        this.waiting.set(id, done);
        this.node.contentWindow.postMessage({ question, id, value }, home.origin);
      });
    }
  }

  class PaymentElement {
    constructor(settings) {
      this.settings = settings;
      this.listeners = {};
      this.frame = new Frame('element', 'Secure payment input frame');
      this.frame.events.height = (height) => { this.frame.node.style.height = height + 'px'; };
      this.frame.events.change = (value) => this.emit('change', value);
      this.frame.ready.then(() => this.frame.ask('set up', settings)).then((loaded) => {
        this.emit(loaded.error ? 'loaderror' : 'ready', { elementType: 'payment', error: loaded.error });
      });
    }

    emit(name, value) {
      (this.listeners[name] || []).forEach((listener) => listener(value));
    }

    on(name, listener) {
      (this.listeners[name] = this.listeners[name] || []).push(listener);
      return this;
    }

    mount(where) {
      const parent = typeof where === 'string' ? document.querySelector(where) : where;
      if (!parent) {
        throw new Error('The selector you specified (' + where + ') applies to no DOM elements.');
      }
      parent.replaceChildren(this.frame.node);
    }

    unmount() {
      this.frame.node.remove();
    }
  }

  // challenge shows the bank's check over the page, and ends with what came of it.
  async function challenge(settings) {
    const cover = document.createElement('div');
    const before = document.activeElement;
    Object.assign(cover.style, {
      position: 'fixed', inset: '0', background: 'rgba(10, 20, 30, .6)', display: 'flex', alignItems: 'center', justifyContent: 'center', zIndex: '9999',
    });
    cover.setAttribute('role', 'dialog');
    cover.setAttribute('aria-modal', 'true');
    cover.setAttribute('aria-label', '3D Secure');
    const frame = new Frame('challenge', '3D Secure');
    Object.assign(frame.node.style, { background: '#fff', width: '24rem', maxWidth: '95vw', height: '17rem', borderRadius: '.5rem' });
    cover.append(frame.node);
    document.body.append(cover);
    const outcome = await frame.ask('challenge', settings);
    cover.remove();
    if (before) {
      before.focus();
    }
    return outcome;
  }

  window.Stripe = function (key) {
    if (!/^pk_/.test(key)) {
      throw new Error('Please call Stripe() with your publishable key. You used an empty or another one.');
    }
    const controller = new Frame('controller', 'Controller');
    controller.node.hidden = true;
    controller.node.setAttribute('aria-hidden', 'true');
    document.body.append(controller.node);
    return {
      elements(options) {
        const made = {
          clientSecret: options.clientSecret,
          create(type) {
            if (type !== 'payment') {
              throw new Error('The sandbox has a payment element only.');
            }
            made.element = new PaymentElement({ key, clientSecret: options.clientSecret, locale: options.locale || 'en' });
            return made.element;
          },
          getElement: (type) => (type === 'payment' ? made.element || null : null),
          submit: async () => ({}),
        };
        return made;
      },
      retrievePaymentIntent: (clientSecret) => controller.ask('retrieve', { key, clientSecret }),
      async confirmPayment({ elements, redirect, confirmParams }) {
        if (redirect !== 'if_required' && !(confirmParams && confirmParams.return_url)) {
          throw new Error('stripe.confirmPayment(): confirmParams.return_url is required unless redirect is if_required.');
        }
        const result = await elements.element.frame.ask('confirm');
        if (result.paymentIntent && result.paymentIntent.status === 'requires_action') {
          return challenge({ key, clientSecret: elements.clientSecret, locale: elements.element.settings.locale });
        }
        if (result.paymentIntent && redirect !== 'if_required') {
          location.assign(confirmParams.return_url);
        }
        return result;
      },
    };
  };
  window.Stripe.version = 3;
})();
