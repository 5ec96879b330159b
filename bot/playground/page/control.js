/** The playground's control API: what the person at this page does, and word of what has changed. */

/** Asks for `operation`; a refusal is `{error: sentence}` (`quiet`: with status 200, which keeps the console clean). */
export async function control(operation, body = {}) {
  try {
    const response = await fetch(`/_ctl/${operation}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ quiet: true, ...body }),
    });
    return await response.json();
  } catch {
    return { error: "The playground does not answer. Is it still running?" };
  }
}

/**
 * Calls `onevent` with every event, and `onlost` when the playground is gone.
 *
 * A lost stream is opened again when the person comes back to the page, not on a timer: dialling a closed port fills
 * the console.
 */
export function listen({ onevent, onlost }) {
  const source = new EventSource("/events");
  const close = () => {
    source.close();
    onlost();
    window.addEventListener("focus", () => listen({ onevent, onlost }), { once: true });
  };
  source.addEventListener("error", close);
  source.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "bye") close();
    else onevent(event);
  });
}
