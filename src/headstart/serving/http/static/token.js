// Asking for the service's token, until the service takes it.

import { find } from "./elements.js";
import { ServiceError, hasToken, keepToken } from "./service.js";

const REFUSED = "That is not the token of this service.";

// Calls what needs the token; shows the form as long as it is refused.
export async function withToken(load) {
  let tried = hasToken();
  for (;;) {
    try {
      const loaded = await load();
      find("token").hidden = true;
      return loaded;
    } catch (error) {
      if (!(error instanceof ServiceError && error.status === 401)) throw error;
    }
    keepToken("");
    await given(tried ? REFUSED : "");
    tried = true;
  }
}

function given(complaint) {
  const form = find("token");
  const field = find("token-value");
  find("token-wrong").textContent = complaint;
  form.hidden = false;
  field.value = "";
  field.focus();
  return new Promise((resolve) => {
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        keepToken(field.value.trim());
        resolve();
      },
      { once: true },
    );
  });
}
