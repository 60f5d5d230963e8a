"use strict";
// A WebAuthn ceremony for a page with a [data-ceremony] button: the options come from the page's JSON, the
// answer goes into the form's "response" field, and the form is sent.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const toBase64url = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const withIds = (descriptors) => (descriptors || []).map((one) => ({ ...one, id: toBytes(one.id) }));

const ceremonies = {
  creation: (options) => navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withIds(options.excludeCredentials),
    },
  }),
  request: (options) => navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withIds(options.allowCredentials),
    },
  }),
};

const answerToJson = (credential) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toBase64url(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: toBase64url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
};

const reasons = JSON.parse(document.getElementById("ceremony-reasons").textContent);
const button = document.querySelector("[data-ceremony]");
const kind = button.dataset.ceremony;
const refused = document.getElementById("ceremony-refused");

button.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.hidden = true;
  button.disabled = true;
  try {
    const options = JSON.parse(document.getElementById(`${kind}-options`).textContent);
    if (!navigator.credentials) throw new DOMException("", "SecurityError");
    button.form.elements.response.value = answerToJson(await ceremonies[kind](options));
    button.form.submit();
  } catch (error) {
    refused.textContent = reasons[error.name] || `${reasons.other} (${error.name})`;
    refused.hidden = false;
    button.disabled = false;
  }
});
